"""The batch of `short`, of programs that take twenty milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench import short
from tests.bench.result import Goal, Result
from tests.bench.setting import Setting


def measure(setting: Setting) -> Iterator[Result]:
    """Both ways to record the lines."""
    yield from short.batch(setting, "20 ms", setting.agent("sleep 0.02"), Goal(">=", 0.95))
