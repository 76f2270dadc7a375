"""Work units: read in windows and pages, put back by a person."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from peewee import SQL, SqliteDatabase, fn

from abp_tui.domain.failure import FailureKind, fingerprint
from abp_tui.domain.model import UnitLine, WorkUnit
from abp_tui.domain.status import UnitKind, UnitStatus, Verdict, check_unit_step
from abp_tui.errors import IllegalTransition, NotFound
from abp_tui.store.database import Database
from abp_tui.store.records import unit_from
from abp_tui.store.tables import DOUBTFUL, AttemptRow, JobRow, UnitRow
from abp_tui.store.tally import Tally, counted_as

NOTE_LENGTH = 300
CHUNK = 500

# They name their index: SQLite would walk all units of the job, because those are in the order asked for.
_ITEMS = "job_id = ? AND seq > ? AND seq < (SELECT total FROM job WHERE id = ?)"
_OF_STATUS = f"SELECT seq FROM unit INDEXED BY unitrow_job_id_status_seq WHERE {_ITEMS} AND status = ?"
_DOUBTFUL = f"SELECT seq FROM unit INDEXED BY unit_cause WHERE {_ITEMS} AND status = ? AND {DOUBTFUL}"

_CHANGED = "SELECT seq FROM unit INDEXED BY unit_changed WHERE job_id = ? AND changed > ? LIMIT ?"

_MADE_BY = SQL(
    "(SELECT a.recipe_version FROM attempt a WHERE a.job_id = t1.job_id AND a.seq = t1.seq "
    "AND a.number = t1.attempts AND t1.status IN ('COMPLETED', 'FAILED'))"
).alias("made_by")

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
        if row := self._db.row(UnitRow.select(UnitRow, _MADE_BY).where(_of(job_id) & (UnitRow.seq == seq))):
            return unit_from(row)
        raise NotFound(f"job j{job_id} has no unit {seq}", "see `abp units`")

    def page(
        self, job_id: int, *, after: int = -1, limit: int = 100, status: UnitStatus | None = None
    ) -> list[WorkUnit]:
        """Up to `limit` whole units behind seq `after`, in order; with `status`, only those in it."""
        if status is None:
            where = _items(job_id) & (UnitRow.seq > after)
        else:
            where = _of(job_id) & _among(_in_order(_OF_STATUS, job_id, after, job_id, status, limit))
        query = UnitRow.select(UnitRow, _MADE_BY).where(where).order_by(UnitRow.seq).limit(limit)
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
        return self._lines(_of(job_id) & _among(_counted(job_id, state, after, limit)), limit)

    def lines_of(self, job_id: int, seqs: Sequence[int]) -> list[UnitLine]:
        """These units, a page of them at most, whatever state they are in by now."""
        return self._lines(_of(job_id) & UnitRow.seq.in_(list(seqs)), len(seqs))

    def keys(self, job_id: int, seqs: Sequence[int]) -> dict[int, str]:
        """What these items are called; the synthesis step is none."""
        query = UnitRow.select(UnitRow.seq, UnitRow.key).where(_items(job_id) & UnitRow.seq.in_(list(seqs)))
        return {row["seq"]: row["key"] for row in self._db.rows(query)}

    def changed_since(self, job_id: int, change: int, limit: int = 1000) -> list[UnitLine]:
        """Units changed after the job's change number `change`."""
        return self._lines(_of(job_id) & _among(SQL(_CHANGED, (job_id, change, limit))), limit)

    def first_pending(self, job_id: int) -> WorkUnit | None:
        """The first unit that waits, or None."""
        return next(iter(self.page(job_id, limit=1, status=UnitStatus.PENDING)), None)

    def seqs_in(self, job_id: int, state: str) -> array[int]:
        """The numbers of all units counted as `state`, in order: eight bytes for each."""
        query = _counted(job_id, state)
        with self._db.connected() as db:
            return array("q", chain.from_iterable(db.execute_sql(query.sql, query.params)))

    def synthesis(self, job_id: int) -> WorkUnit | None:
        """The unit of the synthesis step, if the job has one."""
        query = UnitRow.select(UnitRow, _MADE_BY).join(
            JobRow, on=(JobRow.id == UnitRow.job) & (JobRow.total == UnitRow.seq)
        )
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

    def doubt(self, job_id: int, seqs: Sequence[int], why: str) -> int:
        """Make completed units that are good suspect, because a person is in doubt; returns how many."""
        done = 0
        for start in range(0, len(seqs), CHUNK):
            with self._db.writing() as db:
                done += _doubt(db, job_id, seqs[start : start + CHUNK], why)
        return done

    def _lines(self, where: Any, limit: int) -> list[UnitLine]:
        query = UnitRow.select(*_LINE).where(where).order_by(UnitRow.seq).limit(limit)
        return [UnitLine(**row) for row in self._db.rows(query)]


def _of(job_id: int) -> Any:
    return UnitRow.job == job_id


def _items(job_id: int) -> Any:
    return _of(job_id) & (UnitRow.kind == UnitKind.ITEM)


def _counted(job_id: int, state: str, after: int = -1, limit: int = -1) -> SQL:
    """The query for the items counted as `state`; the mirror of `tally.counted_as`."""
    status = UnitStatus.COMPLETED if state == "suspect" else UnitStatus(state.upper())
    items = (job_id, after, job_id, status)
    if state == "suspect":
        return _in_order(_DOUBTFUL, *items, limit)
    if state == "completed":
        return _in_order(f"{_OF_STATUS} AND seq NOT IN ({_DOUBTFUL})", *items, *items, limit)
    return _in_order(_OF_STATUS, *items, limit)


def _in_order(query: str, *values: Any) -> SQL:
    return SQL(f"{query} ORDER BY seq LIMIT ?", values)


def _among(query: SQL) -> Any:
    return UnitRow.seq.in_(SQL(f"({query.sql})", query.params))


def _doubt(db: SqliteDatabase, job_id: int, seqs: Sequence[int], why: str) -> int:
    JobRow.update(change=JobRow.change + 1).where(JobRow.id == job_id).execute(db)
    job = JobRow.select().where(JobRow.id == job_id).bind(db).get()
    tally = Tally(job.bucket_width)
    good = (UnitRow.status == UnitStatus.COMPLETED) & fn.coalesce(UnitRow.verdict, "ok").in_(["ok"])
    which = _of(job_id) & UnitRow.seq.in_(list(seqs)) & good
    for row in UnitRow.select(UnitRow.seq).where(which).bind(db).dicts():
        tally.move(row["seq"], "completed", "suspect")
    cause = {"error": why, "fingerprint": fingerprint(FailureKind.BAD_OUTPUT, why)}
    values = {"verdict": Verdict.SUSPECT, "changed": job.change, **cause}
    touched = int(UnitRow.update(values).where(which).execute(db))
    tally.write(db.connection(), job_id)
    return touched


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
