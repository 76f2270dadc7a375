"""The log of a job: what happened to it, in a person's words."""

from __future__ import annotations

from collections.abc import Iterator

from abp_tui.domain.model import LogEntry
from abp_tui.store.database import Database
from abp_tui.store.records import log_from, now
from abp_tui.store.tables import JobRow, LogRow


class Logs:
    """Appends and reads log lines."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, job_id: int, message: str, *, level: str = "info", seq: int | None = None) -> None:
        """Append a line; it counts as a change of the job, so that whoever follows sees it."""
        columns = {"job": job_id, "at": now(), "level": level, "message": message, "seq": seq}
        with self._db.writing() as db:
            LogRow.insert(columns).execute(db)
            JobRow.update(change=JobRow.change + 1).where(JobRow.id == job_id).execute(db)

    def all(self, job_id: int) -> Iterator[LogEntry]:
        """All lines, oldest first."""
        last = 0
        while page := self.after(job_id, last):
            yield from page
            last = page[-1].id

    def after(self, job_id: int, last_id: int = 0, limit: int = 1000) -> list[LogEntry]:
        """Lines with an id above `last_id`, oldest first."""
        query = LogRow.select().where((LogRow.job == job_id) & (LogRow.id > last_id)).order_by(LogRow.id)
        return [log_from(row) for row in self._db.rows(query.limit(limit))]
