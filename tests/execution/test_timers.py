"""Each timer of a recipe ends a real agent, and the unit says which one it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import Timers, WorkUnit
from abp_tui.domain.status import JobStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from tests.factories import make_job

STANDIN = str(Path(__file__).parent.parent / "standins" / "claude")
OFF = {"first_event_s": 0, "idle_s": 0, "total_s": 0, "grace_s": 0}
SILENT = "import time; time.sleep(60)"
ONE_WORD = "import time; print('one', flush=True); time.sleep(60)"
BUSY = "import time\nwhile True: print('busy', flush=True); time.sleep(.02)"


def run(
    repository: Repository, worker: str, options: dict[str, Any], template: str, **timers: Any
) -> WorkUnit:
    job = make_job(
        repository, 1, status=JobStatus.RUNNING, worker=worker, worker_options=options, template=template
    )
    repository.recipes.add(job.recipe, timers=Timers(**{**OFF, **timers}))
    JobExecutor(repository, job.id).run()
    return repository.units.get(job.id, 0)


@pytest.mark.parametrize(
    ("code", "timers", "kind", "says"),
    [
        (SILENT, {"first_event_s": 0.3}, "timeout_first_event", "no sign of life within 0.3 s"),
        (ONE_WORD, {"idle_s": 0.3, "first_event_s": 30}, "timeout_idle", "silent for 0.3 s"),
        (BUSY, {"total_s": 0.6, "idle_s": 30}, "timeout_total", "not done within 0.6 s"),
    ],
    ids=["first event", "idle", "total"],
)
def test_a_program_is_ended_by(
    repository: Repository, code: str, timers: dict[str, float], kind: str, says: str
) -> None:
    unit = run(repository, "command", {"argv": [sys.executable, "-c", code]}, "{n}", **timers)
    assert (unit.failure_kind, unit.error) == (kind, says)


def test_grace_ends_an_agent_that_stays_after_its_result(repository: Repository) -> None:
    unit = run(repository, "claude", {"program": STANDIN}, "@@linger@@ {n}", grace_s=0.3, total_s=30)
    assert (unit.status, unit.failure_kind) == ("COMPLETED", None)
    assert unit.duration_s is not None and unit.duration_s < 20


def test_backoff_keeps_a_failed_unit_waiting(repository: Repository) -> None:
    job = make_job(
        repository, 1, status=JobStatus.RUNNING, worker="command", worker_options={"argv": ["false"]},
        max_retries=1,
    )  # fmt: skip
    repository.recipes.add(job.recipe, timers=Timers(backoff_s=0.5))
    JobExecutor(repository, job.id).run()
    first, second = repository.attempts.of_unit(job.id, 0)
    assert first.ended_at is not None
    assert (second.started_at - first.ended_at).total_seconds() >= 0.25  # half of it at least
