"""Jobs whose units run on a cluster, and what came of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from abp_tui.domain.model import Job, Placement
from abp_tui.domain.status import AttemptStatus, JobStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from tests.factories import make_job

LOST_S = 3.0
SCRIPT = "echo $NODE"


def dask_job(
    repository: Repository,
    scheduler: str,
    count: int = 4,
    *,
    script: str = SCRIPT,
    folder: Path | str = "/",
    workers: int = 6,
    ship_files_mb: float = 0,
    lost_s: float = LOST_S,
    options: Mapping[str, Any] | None = None,
    **more: Any,
) -> Job:
    """A RUNNING job of shell scripts that waits for its executor."""
    job = make_job(
        repository,
        count,
        status=JobStatus.RUNNING,
        cwd=folder,
        worker="command",
        worker_options={"argv": ["sh", "-c", script], **(options or {})},
        max_workers=workers,
        desired_workers=workers,
        **more,
    )
    place(repository, job.id, scheduler, ship_files_mb, lost_s)
    return repository.jobs.get(job.id)


def place(
    repository: Repository, job_id: int, scheduler: str, ship_files_mb: float = 0, lost_s: float = LOST_S
) -> None:
    """Have the job run on this scheduler's nodes; with none, on a cluster of its own."""
    placement = Placement(
        engine="dask", scheduler=scheduler or None, ship_files_mb=ship_files_mb, node_lost_s=lost_s
    )
    repository.jobs.place(job_id, placement)


class Running:
    """An executor in a thread of this process."""

    def __init__(self, repository: Repository, job: Job) -> None:
        self.executor = JobExecutor(repository, job.id)
        self._ended: list[JobStatus] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._ended.append(self.executor.run())

    def result(self, seconds: float = 60) -> JobStatus:
        self._thread.join(seconds)
        assert self._ended, "the executor has not ended"
        return self._ended[0]


def outputs(repository: Repository, job: Job) -> list[str]:
    return [(unit.output or "").strip() for unit in repository.units.page(job.id, limit=1000)]


def completed_attempts(repository: Repository, job: Job) -> Counter[int]:
    """How many attempts of each unit have completed."""
    units = repository.units.page(job.id, limit=1000)
    attempts = [each for unit in units for each in repository.attempts.of_unit(job.id, unit.seq)]
    return Counter(each.seq for each in attempts if each.status is AttemptStatus.COMPLETED)


def said(repository: Repository, job: Job) -> str:
    """The job's log, and why it is paused."""
    lines = [entry.message for entry in repository.logs.after(job.id, 0)]
    return "\n".join([*lines, repository.jobs.get(job.id).pause_reason or ""])
