"""Work units: read in windows and pages, put back by a person."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from peewee import SQL, Case, SqliteDatabase, fn

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import UnitLine, WorkUnit
from abp_tui.domain.status import UnitKind, UnitStatus, Verdict, check_unit_step
from abp_tui.errors import IllegalTransition, NotFound
from abp_tui.store.database import Database
from abp_tui.store.records import dump, load, storable, unit_from
from abp_tui.store.tables import DOUBTFUL, ENDED_BADLY, AttemptRow, JobRow, UnitRow
from abp_tui.store.tally import Tally, counted_as

NOTE_LENGTH = 300
CHUNK = 500
STREAMED = 500

# They name their index: SQLite would walk all units of the job, because those are in the order asked for.
_ITEMS = "job_id = ? AND seq > ? AND seq < (SELECT total FROM job WHERE id = ?)"
_OF_STATUS = f"SELECT seq FROM unit INDEXED BY unitrow_job_id_status_seq WHERE {_ITEMS} AND status = ?"
_DOUBTFUL = f"SELECT seq FROM unit INDEXED BY unit_cause WHERE {_ITEMS} AND status = ? AND {DOUBTFUL}"

_SEARCH = """
SELECT seq FROM unit WHERE job_id = ? AND {where}
AND (seq = ? OR key LIKE ? ESCAPE '\\' OR error LIKE ? ESCAPE '\\' OR output LIKE ? ESCAPE '\\') ORDER BY seq
"""
SEARCHED_AT_ONCE = 2_000  # units: so often a search can be ended

_CHANGED = "SELECT seq FROM unit INDEXED BY unit_changed WHERE job_id = ? AND changed > ? LIMIT ?"

_HOST = SQL(
    "(SELECT host FROM attempt a WHERE a.job_id = t1.job_id AND a.seq = t1.seq AND a.number = t1.attempts)"
).alias("host")
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
    _HOST,
    fn.substr(fn.coalesce(UnitRow.error, UnitRow.output, ""), 1, NOTE_LENGTH).alias("note"),
)


class Units:
    """Reads units, judges those that have ended as a person does, and puts them back to be run again."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, job_id: int, seq: int) -> WorkUnit:
        """One unit, whole; raises `NotFound`."""
        if row := self._db.row(
            UnitRow.select(UnitRow, _HOST, _MADE_BY).where(_of(job_id) & (UnitRow.seq == seq))
        ):
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
        query = UnitRow.select(UnitRow, _HOST, _MADE_BY).where(where).order_by(UnitRow.seq).limit(limit)
        return [unit_from(row) for row in self._db.rows(query)]

    def stream(self, job_id: int, *, state: str | None = None, chunk: int = STREAMED) -> Iterator[WorkUnit]:
        """All items in order, or those counted as `state`, a page at a time.

        Each page is as it is at its moment, so that no reader holds the database's log back.
        """
        after = -1
        while page := self._db.some(_next_items(job_id, state, after, chunk, (UnitRow, _HOST, _MADE_BY))):
            yield from map(unit_from, page)
            after = page[-1]["seq"]

    def payloads(self, job_id: int) -> Iterator[dict[str, Any]]:
        """What all items hold, in order."""
        after = -1
        columns = (UnitRow.seq, UnitRow.payload)
        while page := self._db.some(_next_items(job_id, None, after, STREAMED, columns)):
            yield from (load(row["payload"]) for row in page)
            after = page[-1]["seq"]

    def bounds(self, job_id: int) -> tuple[int, int] | None:
        """The first and the last `seq` that are there; None where there are no units."""
        query = UnitRow.select(fn.min(UnitRow.seq).alias("first"), fn.max(UnitRow.seq).alias("last"))
        row = self._db.row(query.where(_of(job_id)))
        return None if row is None or row["first"] is None else (row["first"], row["last"])

    def any_with(self, job_id: int, field: str, text: str) -> bool:
        """Whether a field of some item is this text."""
        holds = fn.json_extract(UnitRow.payload, f"$.{field}") == text
        return self._db.row(UnitRow.select(UnitRow.seq).where(_items(job_id) & holds)) is not None

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

    def waiting(self, job_id: int, seqs: Sequence[int]) -> frozenset[int]:
        """Which of these units wait."""
        query = (
            "SELECT seq FROM unit WHERE job_id = ? AND seq IN (SELECT value FROM json_each(?)) "
            "AND status = 'PENDING'"
        )
        with self._db.connected() as db:
            return frozenset(chain.from_iterable(db.execute_sql(query, (job_id, dump(list(seqs))))))

    def seqs_in(self, job_id: int, state: str) -> array[int]:
        """The numbers of all units counted as `state`, in order: eight bytes for each."""
        query = _counted(job_id, state)
        with self._db.connected() as db:
            return array("q", chain.from_iterable(db.execute_sql(query.sql, query.params)))

    def search(self, job_id: int, text: str, state: str = "") -> Iterator[tuple[array[int], float]]:
        """The numbers of units whose key, error or output holds a text, or whose number it is.

        Letters of ASCII match in either case. It goes through the units in order, only through those counted
        as `state` if there is one, and gives what it found a piece at a time, each with the share looked at.
        """
        among = self.seqs_in(job_id, state) if state else range(self._rows_of(job_id))
        pattern = "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
        values = (int(text) if text.isdecimal() and len(text) < 16 else -1, pattern, pattern, pattern)
        for start in range(0, len(among), SEARCHED_AT_ONCE):
            piece = among[start : start + SEARCHED_AT_ONCE]
            where, numbers = _among_piece(piece)
            with self._db.connected() as db:
                found = db.execute_sql(_SEARCH.format(where=where), (job_id, *numbers, *values))
                yield array("q", chain.from_iterable(found)), (start + len(piece)) / len(among)

    def _rows_of(self, job_id: int) -> int:
        """How many units a job has, the synthesis step among them."""
        last = UnitRow.select(fn.MAX(UnitRow.seq).alias("last")).where(_of(job_id))
        row = self._db.row(last)
        return 0 if row is None or row["last"] is None else row["last"] + 1

    def synthesis(self, job_id: int) -> WorkUnit | None:
        """The unit of the synthesis step, if the job has one."""
        query = UnitRow.select(UnitRow, _HOST, _MADE_BY).join(
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

    def put_back(
        self, job_id: int, seqs: Sequence[int], nudge: str | None = None, *, to_mend: bool = False
    ) -> int:
        """Make ended units wait again, their attempts kept; returns how many.

        `nudge` is said to the next attempt of each, in the session of the last one where that can go on.
        With `to_mend`, items that failed or are in doubt keep what is held against them, and what they gave:
        the next attempt may go on from there.
        The synthesis step follows the items: what it was made of is no longer so.
        Raises `IllegalTransition`, with nothing changed in that chunk, for a unit that has not ended.
        """
        done = 0
        for start in range(0, len(seqs), CHUNK):
            with self._db.writing() as db:
                done += _put_back(db, job_id, seqs[start : start + CHUNK], nudge, to_mend)
        return done

    def doubt(self, job_id: int, seqs: Sequence[int], why: str) -> int:
        """Make completed units that are good suspect, because a person is in doubt; returns how many."""
        from abp_tui.domain.fingerprint import fingerprint  # its patterns take a while, and few need them

        cause = {"error": why, "fingerprint": fingerprint(FailureKind.BAD_OUTPUT, why)}
        return self._judge(job_id, seqs, _GOOD, {"verdict": Verdict.SUSPECT, **cause})

    def accept(self, job_id: int, seqs: Sequence[int], who: str) -> int:
        """Make suspect units good, because a person finds them so; returns how many.

        Their error goes on saying what was found against them, and who accepts them all the same.
        """
        error = SQL("? || coalesce(error, '')", (storable(f"accepted by {who}: "),))
        return self._judge(
            job_id, seqs, SQL(DOUBTFUL), {"verdict": Verdict.OK, "error": error, "fingerprint": None}
        )

    def _judge(self, job_id: int, seqs: Sequence[int], which: Any, values: Mapping[str, Any]) -> int:
        done = 0
        for start in range(0, len(seqs), CHUNK):
            with self._db.writing() as db:
                done += _judge(db, job_id, seqs[start : start + CHUNK], which, values)
        return done

    def _lines(self, where: Any, limit: int) -> list[UnitLine]:
        query = UnitRow.select(*_LINE).where(where).order_by(UnitRow.seq).limit(limit)
        return [UnitLine(**row) for row in self._db.rows(query)]


_CLEARED = (
    "verdict not_before output result error failure_kind fingerprint session_id duration_s sameness nudge"
).split()

_BAD_ITEM = SQL(f"(({ENDED_BADLY}) AND kind = 'item')")
_DOUBTED_ITEM = SQL(f"({DOUBTFUL} AND kind = 'item')")
_TO_MEND = {
    column.name: Case(None, [(which, column)])
    for which, columns in (
        (_BAD_ITEM, (UnitRow.error, UnitRow.failure_kind, UnitRow.fingerprint)),
        (_DOUBTED_ITEM, (UnitRow.output, UnitRow.result)),
    )
    for column in columns
}


def _of(job_id: int) -> Any:
    return UnitRow.job == job_id


def _items(job_id: int) -> Any:
    return _of(job_id) & (UnitRow.kind == UnitKind.ITEM)


def _next_items(job_id: int, state: str | None, after: int, limit: int, columns: Sequence[Any]) -> Any:
    """The query for items behind seq `after`; with `state`, only those counted as that."""
    if state is None:
        where = _items(job_id) & (UnitRow.seq > after)
    else:
        where = _of(job_id) & _among(_counted(job_id, state, after, limit))
    return UnitRow.select(*columns).where(where).order_by(UnitRow.seq).limit(limit)


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


def _among_piece(seqs: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """The condition that a unit is one of these, which are in order, and its values."""
    if isinstance(seqs, range):
        return "seq BETWEEN ? AND ?", (seqs[0], seqs[-1])
    return f"seq IN ({','.join('?' * len(seqs))})", tuple(seqs)


_GOOD = fn.coalesce(UnitRow.verdict, "ok") == "ok"


def _judge(
    db: SqliteDatabase, job_id: int, seqs: Sequence[int], those: Any, values: Mapping[str, Any]
) -> int:
    """Give completed units another verdict, as a person has it; returns how many."""
    JobRow.update(change=JobRow.change + 1).where(JobRow.id == job_id).execute(db)
    job = JobRow.select().where(JobRow.id == job_id).bind(db).get()
    tally = Tally(job.bucket_width)
    which = _of(job_id) & UnitRow.seq.in_(list(seqs)) & (UnitRow.status == UnitStatus.COMPLETED) & those
    before, after = (
        ("completed", "suspect") if values["verdict"] is Verdict.SUSPECT else ("suspect", "completed")
    )
    for row in UnitRow.select(UnitRow.seq, UnitRow.kind).where(which).bind(db).dicts():
        if row["kind"] == UnitKind.ITEM:
            tally.move(row["seq"], before, after)
    touched = int(UnitRow.update({**values, "changed": job.change}).where(which).execute(db))
    tally.write(db.connection(), job_id)
    return touched


def _put_back(db: SqliteDatabase, job_id: int, seqs: Sequence[int], nudge: str | None, to_mend: bool) -> int:
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
    cleared = {**dict.fromkeys(_CLEARED), **(_TO_MEND if to_mend else {})}
    done = UnitRow.update({**cleared, "status": UnitStatus.PENDING, "failures": 0, "changed": job.change})
    touched = int(done.where(which).execute(db))
    if nudge is not None:
        items = _items(job_id) & UnitRow.seq.in_(list(seqs))
        UnitRow.update(nudge=storable(nudge)).where(items).execute(db)
    tally.write(db.connection(), job_id)
    return touched
