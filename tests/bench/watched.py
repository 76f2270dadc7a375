"""What the terminal interface is measured on: fifty jobs, one of a million units that have got half way."""

from __future__ import annotations

import sys
from pathlib import Path

from abp_tui.domain.status import JobStatus
from abp_tui.store.repository import Repository
from tests.bench import talker
from tests.factories import make_job

NAME = "the-wide-one"
JOBS = 50
WORKERS, PER_S = 8, 20
WAITING_FIRST = 200  # so that the list begins with units that an executor may take

# Of a hundred units: ten failed, one is suspect, 64 are done, the others wait.
_ENDED = """
UPDATE unit SET attempts = 1, duration_s = 1.5, changed = 2,
  status = CASE WHEN seq % 100 < 10 THEN 'FAILED' ELSE 'COMPLETED' END,
  verdict = CASE WHEN seq % 100 < 10 THEN NULL WHEN seq % 100 = 10 THEN 'suspect' ELSE 'ok' END,
  failure_kind = CASE WHEN seq % 100 < 10 THEN 'agent_error' END,
  fingerprint = CASE WHEN seq % 100 < 10 THEN 'f' || (seq % 7) END,
  error = CASE WHEN seq % 100 < 10 THEN 'exit code ' || (seq % 7) || ': it did not work' END,
  output = CASE WHEN seq % 100 >= 10 THEN 'what the agent said of item ' || seq END
WHERE job_id = ? AND seq >= ? AND seq % 100 < 75
"""


def make_watched(folder: Path, count: int) -> tuple[Repository, int]:
    """A store with the large job in it, paused, above the others, which nobody has started."""
    repository = Repository(folder / "abp.db")
    for n in range(JOBS - 1):
        make_job(repository, 20, name=f"job-{n}", cwd=folder)
    options = {"argv": [sys.executable, talker.__file__, str(PER_S)], "jsonl_events": True}
    job = make_job(
        repository,
        count,
        name=NAME,
        status=JobStatus.RUNNING,
        cwd=folder,
        worker="command",
        worker_options=options,
        max_workers=WORKERS,
        desired_workers=WORKERS,
    )
    repository.jobs.move(job.id, JobStatus.PAUSED)
    with repository.database.writing() as db:
        db.execute_sql(_ENDED, (job.id, WAITING_FIRST))
    repository.check.repair(job.id)
    return repository, job.id
