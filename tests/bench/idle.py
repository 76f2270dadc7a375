"""The processor time of an executor while all of its agents think."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench.machine import cpu_seconds
from tests.bench.result import Goal, Result
from tests.bench.setting import MadeJob, Setting, executor
from tests.waiting import wait_until

RUNNING_SQL = "SELECT count(*) FROM attempt WHERE status = 'RUNNING' AND pid IS NOT NULL"


def measure(setting: Setting) -> Iterator[Result]:
    """With four agents and with fifty."""
    for agents in (4, 50):
        yield _idle(setting, agents)


def _idle(setting: Setting, agents: int) -> Result:
    seconds = setting.size(20, 2)
    made = setting.job(agents, ["sleep", "1000"], workers=agents)
    with executor(made) as running:
        wait_until(lambda: _thinking(made) == agents, what="all agents at work")
        began, before = time.monotonic(), cpu_seconds(running.pid)
        time.sleep(seconds)
        used, passed = cpu_seconds(running.pid) - before, time.monotonic() - began
        running.stop()
    percent = 100 * used / passed
    measured = f"{used:.2f} s of {passed:.0f} s"
    return Result(f"idle, {agents} agents", measured, "one core", percent, Goal("<", 1, " %"))


def _thinking(made: MadeJob) -> int:
    return int(made.rows(RUNNING_SQL)[0][0])
