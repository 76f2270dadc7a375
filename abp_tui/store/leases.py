"""Who runs a job: one executor at a time, by compare-and-set."""

from __future__ import annotations

from typing import Any

from peewee import SQL

from abp_tui.domain.model import Lease
from abp_tui.store.database import Database
from abp_tui.store.records import now
from abp_tui.store.tables import WORKED_UNTIL, JobRow

_COLUMNS = ("executor", "host", "boot_id", "pid", "pid_started", "beat_at", "beat_clock")


class Leases:
    """Takes and gives back leases. Whether an owner still lives is for the caller to judge."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def take(self, job_id: int, lease: Lease, replaces: str | None) -> bool:
        """Become the job's executor, if its executor is still `replaces`; says whether that worked."""
        values = {**lease.model_dump(), "beat_at": now(), "waiting": None, "change": JobRow.change + 1}
        if replaces is not None:
            values |= _unless_at_rest()
        same = JobRow.executor.is_null() if replaces is None else JobRow.executor == replaces
        with self._db.writing() as db:
            whole = JobRow.ready_at.is_null(False)  # neither still being made nor being removed
            return bool(JobRow.update(values).where((JobRow.id == job_id) & whole & same).execute(db))

    def release(self, job_id: int, executor: str) -> bool:
        """Stop being the job's executor; says whether one was."""
        values = {**dict.fromkeys(_COLUMNS), "waiting": None, "change": JobRow.change + 1}
        with self._db.writing() as db:
            mine = (JobRow.id == job_id) & (JobRow.executor == executor)
            return bool(JobRow.update(values).where(mine).execute(db))


def _unless_at_rest() -> dict[str, Any]:
    """Nothing was done between the last beat of an executor that died and the next one's start."""
    worked = SQL(WORKED_UNTIL.replace("?", "beat_at"))
    return {"worked_s": worked, "running_since": SQL("iif(running_since IS NULL, NULL, ?)", (now(),))}
