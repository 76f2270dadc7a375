from __future__ import annotations

import threading
from pathlib import Path

from abp_tui.domain.model import Job
from tests.factories import make_job
from tests.tui.screens import InProcess, running, shown, until, until_shown


class Slow(InProcess):
    """Takes its time over an approval."""

    go_on = threading.Event()

    def approve(self, job_id: int | str, *, budget: float | str | None = None) -> Job:
        self.go_on.wait(20)
        return super().approve(job_id, budget=budget)


async def test_a_command_that_takes_long_gives_a_sign_and_refuses_a_second(tmp_path: Path) -> None:
    orchestrator = Slow(tmp_path)
    job = make_job(orchestrator.repository, 5)
    orchestrator.test(job.id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("a")
        await until_shown(pilot, "one moment")
        await pilot.press("r")
        await until_shown(pilot, "the last command is still at work")
        orchestrator.go_on.set()
        await until_shown(pilot, "✓ completed", "5 done")
        await until(pilot, lambda: "one moment" not in shown(pilot).splitlines()[0])
    orchestrator.settle()
