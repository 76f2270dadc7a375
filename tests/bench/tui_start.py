"""From the command to the first paint that shows a job, fifty jobs in the store, one of a million units.

Beside it the least that a Textual program does, to the words it has to show.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

from tests.bench import hello
from tests.bench.result import Goal, Result, compared
from tests.bench.screen import abp, shown, store
from tests.bench.setting import MadeJob, Setting, alternate
from tests.bench.watched import NAME

TIMES = 9


def measure(setting: Setting) -> Iterator[Result]:
    """Both in turn."""
    made = setting.watched()
    bare = [sys.executable, hello.__file__]
    pairs = alternate(
        lambda: _to_paint_ms(made, abp(), NAME),
        lambda: _to_paint_ms(made, bare, hello.WORDS),
        setting.size(TIMES, 2),
    )
    yield compared("abp, first paint", pairs, "{:.0f} ms", "Textual hello", Goal("<=", 2))


def _to_paint_ms(made: MadeJob, argv: Sequence[str], words: str) -> float:
    began = time.monotonic()
    with shown(argv, made.folder, store(made)) as screen:
        return screen.see(words, since=began) * 1000
