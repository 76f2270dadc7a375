"""Two hundred agents side by side, each of which takes a second. The best possible is 200 units a second.

`xargs` with as many processes says what the machine gives. The memory is the executor's own, at its peak.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress

from tests.bench.machine import memory_mb
from tests.bench.result import Goal, Result
from tests.bench.setting import Executor, Setting, assert_completed, executor
from tests.bench.xargs import xargs

LOOK_S = 0.1


def measure(setting: Setting) -> Iterator[Result]:
    """Units per second, and memory."""
    workers, units = setting.size(200, 20), setting.size(2000, 60)
    bare = units / xargs(setting.folder(), units, ["sh", "-c", "sleep 1"], workers=workers)
    made = setting.job(units, ["sleep", "1"], workers=workers)
    with executor(made) as running:
        peak_mb = _peak(running)
    assert_completed(made)
    rate = units / made.seconds()
    beside = f"at best {workers}, xargs {bare:.0f} units/s"
    yield Result(f"{workers} workers", f"{rate:.0f} units/s", beside, rate / workers, Goal(">=", 0.9))
    yield Result(
        f"{workers} workers, memory", f"{peak_mb:.0f} MB at its peak", "", peak_mb, Goal("<", 150, " MB")
    )


def _peak(running: Executor) -> float:
    """The peak of the executor's resident memory in MB, once it has ended."""
    peak = 0.0
    while True:
        with suppress(ProcessLookupError):
            peak = memory_mb(running.pid, "VmHWM")
        with suppress(subprocess.TimeoutExpired):
            running.process.wait(LOOK_S)
            return peak
