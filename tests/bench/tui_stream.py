"""The progress screen while eight agents say twenty things a second each, and while nobody says anything.

The executor and its agents are real. Counted are the bytes that reach the terminal, the paints that they
make, the processor time of the terminal interface alone, its memory, and how soon the cursor
follows a key meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from abp_tui.domain.status import JobStatus
from tests.bench.machine import cpu_seconds, memory_mb
from tests.bench.result import MEMORY, Goal, Result, millis
from tests.bench.screen import SIZE, Screen, abp_shown
from tests.bench.setting import MadeJob, Setting, executor
from tests.bench.watched import PER_S, WORKERS
from tests.waiting import wait_until

SETTLE_S = 2.0
KEYS = 60
KEY_GAP_S = (0.05, 0.35)
EVENTS_SQL = "SELECT count(*) FROM event"


def measure(setting: Setting) -> Iterator[Result]:
    """Silence, the stream, keys during the stream."""
    made, seconds = setting.watched(), setting.size(20, 3)
    with abp_shown(made) as screen:
        screen.react(b"\r", "item-0 ")
        time.sleep(SETTLE_S)
        yield _idle(screen, seconds)
        made.repository.jobs.move(made.id, JobStatus.RUNNING)
        with executor(made) as running:
            wait_until(lambda: _said(made) > 2 * WORKERS * PER_S, what="all agents at work")
            yield from _stream(made, screen, seconds)
            yield from _keys(screen, setting.size(KEYS, 6))
            peak_mb = memory_mb(screen.pid, "VmHWM")
            running.stop()
    row, measured = f"{WORKERS} agents talk, memory", f"{peak_mb:.0f} MB at its peak"
    yield Result(row, measured, f"{made.job.counters.total:,} units", peak_mb, MEMORY)


def _said(made: MadeJob) -> int:
    return int(made.rows(EVENTS_SQL)[0][0])


def _idle(screen: Screen, seconds: float) -> Result:
    before = cpu_seconds(screen.pid)
    time.sleep(seconds)
    used = cpu_seconds(screen.pid) - before
    percent = 100 * used / seconds
    return Result("nobody talks", f"{used:.2f} s of {seconds} s", "one core", percent, Goal("<", 0.5, " %"))


def _stream(made: MadeJob, screen: Screen, seconds: float) -> Iterator[Result]:
    came, paints, said, before = screen.bytes, screen.paints, _said(made), cpu_seconds(screen.pid)
    began = time.monotonic()
    time.sleep(seconds)
    came, paints, passed = screen.bytes - came, screen.paints - paints, time.monotonic() - began
    said, used = _said(made) - said, cpu_seconds(screen.pid) - before
    row, beside = f"{WORKERS} agents talk", f"{said / passed:.0f} events/s"
    size = "x".join(map(str, SIZE))
    yield Result(f"{row}, bytes", f"{came} at {size}", beside, came / passed / 1000, Goal("<", 10, " KB/s"))
    yield Result(
        f"{row}, paints", f"{paints} in {passed:.0f} s", beside, paints / passed, Goal("<=", 8, " /s")
    )
    percent = 100 * used / passed
    yield Result(f"{row}, cpu", f"{used:.2f} s of {passed:.0f} s", "one core", percent, Goal("<", 15, " %"))


def _keys(screen: Screen, count: int) -> Iterator[Result]:
    """Move the cursor between two rows of units that do not run: they are painted for no other reason."""
    upper, lower = WORKERS + 1, WORKERS + 2
    screen.repaint(b"j" * upper, f"item-{upper} ")
    seconds = []
    for n in range(count):
        time.sleep(random.uniform(*KEY_GAP_S))
        key, row = (b"k", upper) if n % 2 else (b"j", lower)
        seconds.append(screen.repaint(key, f"item-{row} "))
    yield millis(f"{WORKERS} agents talk, a key", seconds, 50, share=0.95)
