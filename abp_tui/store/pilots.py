"""Pilots: samples drawn from what waits, how their units ended, and what a person thinks of that."""

from __future__ import annotations

import json
from typing import Any

from peewee import fn

from abp_tui.domain.model import Job
from abp_tui.domain.pilot import Pilot, Tried
from abp_tui.domain.sample import SIZE, TYPE, Sample, draw
from abp_tui.domain.status import AttemptStatus, Mark, UnitStatus
from abp_tui.errors import InvalidInput, NotFound
from abp_tui.store.database import Database, Row
from abp_tui.store.records import dump, load, now
from abp_tui.store.tables import STANDING, AttemptRow, JobRow, MarkRow, PilotRow, UnitRow

NOTE_LENGTH = 300

# Not by the index of states, which nearly all units that wait stand in: their rows are read in their order.
_WAITING = (
    "SELECT seq, {value} FROM unit NOT INDEXED "
    "WHERE job_id = ?1 AND status = 'PENDING' AND kind = 'item' ORDER BY seq"
)
_FIELD = "CASE WHEN json_valid(payload) THEN json_extract(payload, ?2) END"
_BYTES = f"coalesce({_FIELD}, length(payload))"
_NOTE = "coalesce(json_extract(a.outcome, '$.error'), json_extract(a.outcome, '$.output'), '')"
_TRIED = f"""
SELECT u.seq, u.key, a.id AS attempt_id, a.status, m.mark,
    a.cost_usd, a.ended_at - a.started_at AS duration_s,
    {STANDING} AS standing, CASE WHEN {STANDING} THEN u.verdict ELSE a.verdict END AS verdict,
    substr({_NOTE}, 1, {NOTE_LENGTH}) AS note
FROM json_each(:seqs) s JOIN unit u ON u.job_id = :job AND u.seq = s.value
LEFT JOIN attempt a ON a.id = (
    SELECT max(id) FROM attempt WHERE job_id = :job AND seq = s.value AND purpose = 'pilot'
        AND id > :after AND id <= coalesce(:last, id))
LEFT JOIN mark m ON m.attempt_id = a.id
ORDER BY u.seq
"""
_STATUS = {
    AttemptStatus.RUNNING: UnitStatus.PROCESSING,
    AttemptStatus.COMPLETED: UnitStatus.COMPLETED,
    AttemptStatus.FAILED: UnitStatus.FAILED,
}


class Pilots:
    """Draws samples, and keeps them, their attempts and the marks together."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def draw(self, job_id: int, by: str, count: int, seed: int) -> Sample:
        """Choose units of a job among those that wait, in one pass over them and without their payloads.

        `by` is `size` (of the file, else of the payload), `type` (the file's extension) or a field. Raises
        `InvalidInput` for a field that no unit that waits has.
        """
        value, path = _value(by)
        with self._db.reading() as connection:
            rows = connection.execute(_WAITING.format(value=value), (job_id, path))
            sample = draw(rows, by, count, seed)
        names = {stratum.name for stratum in sample.strata}
        if by != SIZE and names == {"(none)"}:
            hint = "--by size needs no field" if by == TYPE else "`abp units JOB --json` shows what they have"
            raise InvalidInput(f"no item has {'a file extension' if by == TYPE else f'a field {by!r}'}", hint)
        return sample

    def add(self, job: Job, sample: Sample) -> Pilot:
        """Keep a sample, to be run with the job's recipe as it is now."""
        with self._db.writing() as db:
            newest = AttemptRow.select(fn.coalesce(fn.max(AttemptRow.id), 0)).bind(db).scalar()
            pilot_id = PilotRow.insert(
                job=job.id,
                recipe_version=job.recipe.version,
                sample=dump(sample.model_dump(mode="json")),
                after_attempt=newest,
                created_at=now(),
            ).execute(db)
        return self.get(int(pilot_id))

    def get(self, pilot_id: int) -> Pilot:
        """One pilot; raises `NotFound`."""
        for pilot in self._select(PilotRow.id == pilot_id):
            return pilot
        raise NotFound(f"there is no pilot {pilot_id}", "see `abp quote`")

    def all(self, job_id: int) -> list[Pilot]:
        """All pilots of a job, oldest first."""
        return self._select(PilotRow.job == job_id)

    def units(self, pilot: Pilot) -> list[Tried]:
        """The units of a pilot in order, each as its newest attempt there left it."""
        values = {
            "job": pilot.job_id,
            "seqs": json.dumps(pilot.sample.seqs),
            "after": pilot.after_attempt,
            "last": pilot.last_attempt,
        }
        with self._db.connected() as db:
            cursor = db.connection().execute(_TRIED, values)
            names = [column[0] for column in cursor.description]
            return [_tried(dict(zip(names, row, strict=True))) for row in cursor]

    def mark(self, attempt_id: int, mark: Mark | None) -> None:
        """Keep what a person thinks of an attempt, or that it is nothing after all; the last word counts."""
        with self._db.writing() as db:
            if mark is None:
                MarkRow.delete().where(MarkRow.attempt == attempt_id).execute(db)
            else:
                MarkRow.replace(attempt=attempt_id, mark=mark, at=now()).execute(db)
            attempt = AttemptRow.select().where(AttemptRow.id == attempt_id).bind(db).get()
            JobRow.update(change=JobRow.change + 1).where(JobRow.id == attempt.job_id).execute(db)
            change = JobRow.select(JobRow.change).where(JobRow.id == attempt.job_id)
            marked = (UnitRow.job == attempt.job_id) & (UnitRow.seq == attempt.seq)
            UnitRow.update(changed=change).where(marked).execute(db)

    def _select(self, where: Any) -> list[Pilot]:
        later = PilotRow.alias()
        last = (
            later.select(fn.min(later.after_attempt))
            .where((later.job == PilotRow.job) & (later.id > PilotRow.id))
            .alias("last_attempt")
        )
        query = PilotRow.select(PilotRow, last).where(where).order_by(PilotRow.id)
        return [_pilot(row) for row in self._db.rows(query)]


def _value(by: str) -> tuple[str, str]:
    """What to tell units apart by, as SQL, and the path of the field in it."""
    if by == SIZE:
        return _BYTES, '$."file_size"'
    if '"' in by or "\\" in by:
        raise InvalidInput(f"units can't be sampled by a field called {by!r}", "name another one")
    return _FIELD, '$."file_extension"' if by == TYPE else f'$."{by}"'


def _pilot(row: Row) -> Pilot:
    same = {
        name: row[name] for name in ("id", "recipe_version", "after_attempt", "last_attempt", "created_at")
    }
    return Pilot(**same, job_id=row["job"], sample=Sample.model_validate(load(row["sample"])))


def _tried(row: dict[str, Any]) -> Tried:
    status, standing = _STATUS.get(row.pop("status"), UnitStatus.PENDING), bool(row.pop("standing"))
    return Tried(**row, status=status, standing=standing)
