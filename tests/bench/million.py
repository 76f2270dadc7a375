"""The executor's memory on a job of a million units, four at a time, for twenty seconds.

Flat means that the mean of the last quarter of that time is that of the second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import mean

from tests.bench.machine import memory_mb
from tests.bench.result import Goal, Result
from tests.bench.setting import Setting, executor
from tests.waiting import wait_until

LOOK_S = 0.1


def measure(setting: Setting) -> Iterator[Result]:
    """The peak, and how it grows."""
    made, seconds = setting.million(), setting.size(20, 4)
    with executor(made) as running:
        wait_until(made.began, what="the first attempt")
        samples = _sample(running.pid, seconds)
        peak_mb = memory_mb(running.pid, "VmHWM")
        running.stop()
    counters = made.job.counters
    assert not counters.failed and counters.pending, counters
    quarter = len(samples) // 4
    second, last = mean(samples[quarter : 2 * quarter]), mean(samples[-quarter:])
    row = f"{counters.total:,} units"
    yield Result(
        f"{row}, memory",
        f"{peak_mb:.0f} MB at its peak",
        f"{counters.completed:,} units done",
        peak_mb,
        Goal("<", 80, " MB"),
    )
    yield Result(
        f"{row}, flat",
        f"last quarter {last:.1f} MB",
        f"second: {second:.1f} MB",
        last / second,
        Goal("<=", 1.03),
    )


def _sample(pid: int, seconds: float) -> list[float]:
    samples, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        samples.append(memory_mb(pid))
        time.sleep(LOOK_S)
    return samples
