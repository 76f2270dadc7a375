"""Work units: read in windows and pages, put back by a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from peewee import SqliteDatabase, fn

from abp_tui.domain.model import UnitLine, WorkUnit
from abp_tui.domain.status import UnitKind, UnitStatus, Verdict, check_unit_step
from abp_tui.errors import IllegalTransition, NotFound
from abp_tui.store.database import Database
from abp_tui.store.records import unit_from
from abp_tui.store.tables import AttemptRow, JobRow, UnitRow
from abp_tui.store.tally import Tally, counted_as

NOTE_LENGTH = 300
CHUNK = 500

_LINE = (
    UnitRow.seq,
    UnitRow.key,
    UnitRow.status,
    UnitRow.verdict,
    UnitRow.attempts,
    UnitRow.failure_kind,
    UnitRow.fingerprint,
    UnitRow.cost_usd,
    UnitRow.duration_s,
    fn.substr(fn.coalesce(UnitRow.error, UnitRow.output, ""), 1, NOTE_LENGTH).alias("note"),
)


class Units:
    """Reads units, and puts ended ones back to be run again."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, job_id: int, seq: int) -> WorkUnit:
        """One unit, whole; raises `NotFound`."""
        if row := self._db.row(UnitRow.select().where(_of(job_id) & (UnitRow.seq == seq))):
            return unit_from(row)
        raise NotFound(f"job j{job_id} has no unit {seq}", "see `abp units`")

    def page(
        self, job_id: int, *, after: int = -1, limit: int = 100, status: UnitStatus | None = None
    ) -> list[WorkUnit]:
        """Up to `limit` whole units behind seq `after`, in order; with `status`, only those in it."""
        where = _items(job_id) & (UnitRow.seq > after)
        if status is not None:
            where &= UnitRow.status == status
        query = UnitRow.select().where(where).order_by(UnitRow.seq).limit(limit)
        return [unit_from(row) for row in self._db.rows(query)]

    def stream(
        self, job_id: int, *, status: UnitStatus | None = None, chunk: int = 200
    ) -> Iterator[WorkUnit]:
        """All units in order, a page at a time, so that no reader holds the database's log back."""
        after = -1
        while page := self.page(job_id, after=after, limit=chunk, status=status):
            yield from page
            after = page[-1].seq

    def lines(self, job_id: int, first: int, count: int) -> list[UnitLine]:
        """The units `first` to `first + count - 1` as a list shows them; a synthesis step is the last."""
        in_range = UnitRow.seq.between(first, first + count - 1)
        return self._lines(_of(job_id) & in_range, count)

    def lines_in(self, job_id: int, state: str, *, after: int = -1, limit: int = 100) -> list[UnitLine]:
        """Units counted as `state` (pending, processing, completed, failed, suspect) behind seq `after`."""
        return self._lines(_items(job_id) & _counted(state) & (UnitRow.seq > after), limit)

    def changed_since(self, job_id: int, change: int, limit: int = 1000) -> list[UnitLine]:
        """Units changed after the job's change number `change`."""
        return self._lines(_of(job_id) & (UnitRow.changed > change), limit)

    def first_pending(self, job_id: int) -> WorkUnit | None:
        """The first unit that waits, or None."""
        return next(iter(self.page(job_id, limit=1, status=UnitStatus.PENDING)), None)

    def seqs_in(self, job_id: int, state: str) -> list[int]:
        """The numbers of all units counted as `state`."""
        query = UnitRow.select(UnitRow.seq).where(_items(job_id) & _counted(state)).order_by(UnitRow.seq)
        return [row["seq"] for row in self._db.rows(query)]

    def synthesis(self, job_id: int) -> WorkUnit | None:
        """The unit of the synthesis step, if the job has one."""
        query = UnitRow.select().join(JobRow, on=(JobRow.id == UnitRow.job) & (JobRow.total == UnitRow.seq))
        row = self._db.row(query.where(_of(job_id) & (UnitRow.kind == UnitKind.POST)))
        return unit_from(row) if row else None

    def ask_end(self, job_id: int, seq: int) -> bool:
        """Ask that the running attempt of a unit be ended for good; says whether one runs."""
        runs = (AttemptRow.job == job_id) & (AttemptRow.seq == seq) & (AttemptRow.status == "RUNNING")
        with self._db.writing() as db:
            asked = AttemptRow.update(end_asked=True).where(runs).execute(db)
            JobRow.update(change=JobRow.change + 1).where(JobRow.id == job_id).execute(db)
        return bool(asked)

    def put_back(self, job_id: int, seqs: Sequence[int]) -> int:
        """Make ended units wait again, their attempts kept; returns how many.

        The synthesis step follows the items: what it was made of is no longer so.
        Raises `IllegalTransition`, with nothing changed in that chunk, for a unit that has not ended.
        """
        done = 0
        for start in range(0, len(seqs), CHUNK):
            with self._db.writing() as db:
                done += _put_back(db, job_id, seqs[start : start + CHUNK])
        return done

    def _lines(self, where: Any, limit: int) -> list[UnitLine]:
        query = UnitRow.select(*_LINE).where(where).order_by(UnitRow.seq).limit(limit)
        return [UnitLine(**row) for row in self._db.rows(query)]


def _of(job_id: int) -> Any:
    return UnitRow.job == job_id


def _items(job_id: int) -> Any:
    return _of(job_id) & (UnitRow.kind == UnitKind.ITEM)


def _counted(state: str) -> Any:
    """The condition for being counted as `state`; the mirror of `tally.counted_as`."""
    doubtful = UnitRow.verdict.in_([Verdict.SUSPECT, Verdict.BLOCKED])
    if state == "suspect":
        return (UnitRow.status == UnitStatus.COMPLETED) & doubtful
    if state == "completed":
        return (UnitRow.status == UnitStatus.COMPLETED) & (UnitRow.verdict.is_null() | ~doubtful)
    return UnitRow.status == UnitStatus(state.upper())


def _put_back(db: SqliteDatabase, job_id: int, seqs: Sequence[int]) -> int:
    JobRow.update(change=JobRow.change + 1).where(JobRow.id == job_id).execute(db)
    job = JobRow.select().where(JobRow.id == job_id).bind(db).get()
    tally = Tally(job.bucket_width)
    running_synthesis = (UnitRow.seq == job.total) & (UnitRow.status == UnitStatus.PROCESSING)
    if UnitRow.select(UnitRow.seq).where(_of(job_id) & running_synthesis).bind(db).first():
        hint = f"wait for it, or end it: `abp stop {job.name} --unit {job.total}`"
        raise IllegalTransition(f"the synthesis of job {job.name} reads these results now", hint)
    ended_synthesis = (UnitRow.seq == job.total) & UnitRow.status.in_(["COMPLETED", "FAILED"])
    which = _of(job_id) & (UnitRow.seq.in_(list(seqs)) | ended_synthesis)
    columns = (UnitRow.seq, UnitRow.kind, UnitRow.status, UnitRow.verdict)
    for row in UnitRow.select(*columns).where(which).bind(db).dicts():
        status = UnitStatus(row["status"])
        check_unit_step(row["seq"], status, UnitStatus.PENDING)
        if status is UnitStatus.PROCESSING:  # only its executor may put a running unit back
            raise IllegalTransition(
                f"unit {row['seq']} is {status}: it has not ended", "only ended units are put back"
            )
        verdict = Verdict(row["verdict"]) if row["verdict"] else None
        if row["kind"] == UnitKind.ITEM:
            tally.move(row["seq"], counted_as(status, verdict), "pending")
    cleared = dict.fromkeys(
        "verdict not_before output result error failure_kind fingerprint session_id duration_s".split()
    )
    done = UnitRow.update({**cleared, "status": UnitStatus.PENDING, "failures": 0, "changed": job.change})
    touched = int(done.where(which).execute(db))
    tally.write(db.connection(), job_id)
    return touched
