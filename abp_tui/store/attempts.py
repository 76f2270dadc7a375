"""Attempts and their conversations: read only, the journal writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from peewee import SQL, fn

from abp_tui.domain.model import Attempt, Denial, Event, EventKind
from abp_tui.domain.status import AttemptStatus, Mark, UnitKind, UnitStatus, Verdict
from abp_tui.errors import NotFound
from abp_tui.store.database import Database
from abp_tui.store.records import Row, attempt_from, event_from, load
from abp_tui.store.tables import ENDED_BADLY, STANDING, AttemptRow, EventRow, UnitRow
from abp_tui.store.tally import counted_as

if TYPE_CHECKING:
    from abp_tui.domain.version import Pair, Side

STREAMED = 500

MOST_LOOKED_AT = 4_000

# It walks back from the newest attempt: no index says which have ended of late, and none is worth its writes.
_FINAL_ENDS = f"""
SELECT a.ended_at FROM attempt AS a CROSS JOIN unit AS u ON u.job_id = a.job_id AND u.seq = a.seq
WHERE a.id > (SELECT max(id) FROM attempt) - {MOST_LOOKED_AT} AND a.job_id = ? AND a.ended_at > ?
AND u.attempts = a.number AND u.kind = 'item' AND u.status IN ('COMPLETED', 'FAILED')
"""

# Those of units that ended badly, however many units did well; those of units that wait, among the newest.
_DENIED = " UNION ALL ".join(
    "SELECT a.seq, a.number, u.payload, json_extract(a.outcome, '$.denials') "
    f"FROM {these} AND u.job_id = ?1 AND u.seq = a.seq AND a.job_id = ?1 "
    "AND (a.recipe_version = ?2 OR a.number = u.attempts) AND json_array_length(a.outcome, '$.denials') > 0"
    for these in (
        f"(SELECT seq FROM unit WHERE job_id = ?1 AND ({ENDED_BADLY})) AS b CROSS JOIN unit AS u "
        "CROSS JOIN attempt AS a WHERE u.seq = b.seq",
        "attempt AS a CROSS JOIN unit AS u WHERE u.status IN ('PENDING', 'PROCESSING') "
        f"AND a.id > (SELECT max(id) FROM attempt) - {MOST_LOOKED_AT}",
    )
)

MOST_PAIRS = 500
NOTE_LENGTH = 300
_RESULTS = (
    "SELECT a.recipe_version, count(*) FROM unit u "
    "JOIN attempt a ON a.job_id = u.job_id AND a.seq = u.seq AND a.number = u.attempts "
    "WHERE u.job_id = ? AND u.kind = 'item' AND u.status IN ('COMPLETED', 'FAILED') GROUP BY 1 ORDER BY 1"
)
_PAIRS = f"""
WITH tried AS (
    SELECT seq, recipe_version AS version, max(id) AS id FROM attempt
    WHERE job_id = ?1 AND recipe_version IN (?2, ?3) AND purpose IN ('test', 'pilot')
        AND status IN ('COMPLETED', 'FAILED')
    GROUP BY seq, recipe_version),
side AS (
    SELECT t.version, u.seq, u.key, a.id, a.status,
        CASE WHEN {STANDING} THEN u.verdict ELSE a.verdict END AS verdict, m.mark,
        a.cost_usd, a.ended_at - a.started_at AS duration_s,
        substr(coalesce(json_extract(a.outcome, '$.error'), json_extract(a.outcome, '$.output'), ''),
            1, {NOTE_LENGTH}) AS note
    FROM tried t JOIN attempt a ON a.id = t.id JOIN unit u ON u.job_id = ?1 AND u.seq = t.seq
    LEFT JOIN mark m ON m.attempt_id = a.id)
SELECT l.seq, l.key, l.id, l.status, l.verdict, l.mark, l.cost_usd, l.duration_s, l.note,
    r.id, r.status, r.verdict, r.mark, r.cost_usd, r.duration_s, r.note
FROM side l JOIN side r ON r.seq = l.seq AND r.version = ?3
WHERE l.version = ?2 ORDER BY l.seq LIMIT {MOST_PAIRS}
"""


class Attempts:
    """Reads attempts and events."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, attempt_id: int) -> Attempt:
        """One attempt; raises `NotFound`."""
        if row := self._db.row(AttemptRow.select().where(AttemptRow.id == attempt_id)):
            return attempt_from(row)
        raise NotFound(f"there is no attempt {attempt_id}", "see `abp events`")

    def of_unit(self, job_id: int, seq: int) -> list[Attempt]:
        """All attempts of a unit, first to last."""
        where = (AttemptRow.job == job_id) & (AttemptRow.seq == seq)
        return self._all(where)

    def running(self, job_id: int) -> list[Attempt]:
        """The attempts of a job that have not ended, oldest first."""
        return self._all((AttemptRow.job == job_id) & (AttemptRow.status == AttemptStatus.RUNNING))

    def denied(self, job_id: int, version: int) -> Iterator[tuple[Mapping[str, Any], int, list[Denial]]]:
        """What the items that have not ended well were denied, in their order: payload, seq and the calls.

        With a recipe of this version, or the last time that they were tried.
        """
        with self._db.connected() as db:
            for seq, _, payload, denials in db.execute_sql(f"{_DENIED} ORDER BY 1, 2", (job_id, version)):
                yield load(payload), seq, [Denial(**denial) for denial in load(denials)]

    def latest_test(self, job_id: int) -> Attempt | None:
        """The newest attempt of a job that was a test, if any."""
        where = (AttemptRow.job == job_id) & (AttemptRow.purpose == "test")
        query = AttemptRow.select().where(where).order_by(AttemptRow.id.desc())
        row = self._db.row(query)
        return attempt_from(row) if row else None

    def events(self, attempt_id: int, *, after: int = 0, limit: int = 10_000) -> list[Event]:
        """Events of an attempt with an id above `after`, in order."""
        return [event_from(row) for row in self._db.rows(_events_behind(attempt_id, after, limit))]

    def stream(self, job_id: int, *, state: str | None = None) -> Iterator[tuple[str, Attempt]]:
        """All attempts at items in the items' order, each with its item's key, a page at a time.

        With `state`, only those at items that are counted as that.
        """
        last = (-1, 0)
        while page := self._db.some(_behind(job_id, last)):
            for row in page:
                if state in (None, _counted(row)):
                    yield row["unit_key"], attempt_from(row)
            last = (page[-1]["seq"], page[-1]["number"])

    def conversation(self, attempt_id: int) -> Iterator[Event]:
        """All events of an attempt in order, a page at a time."""
        last = 0
        while page := self._db.some(_events_behind(attempt_id, last, STREAMED)):
            yield from map(event_from, page)
            last = page[-1]["id"]

    def last_events(self, attempt_ids: Sequence[int]) -> dict[int, Event]:
        """The newest event of each of these attempts that tells of the agent: its prompt does not."""
        theirs = EventRow.attempt.in_(list(attempt_ids)) & (EventRow.kind != EventKind.PROMPT)
        newest = EventRow.select(fn.MAX(EventRow.id)).where(theirs)
        query = EventRow.select().where(EventRow.id.in_(newest.group_by(EventRow.attempt)))
        events = [event_from(row) for row in self._db.rows(query)]
        return {event.attempt_id: event for event in events if event.attempt_id is not None}

    def final_ends(self, job_id: int, after: datetime) -> list[datetime]:
        """When the items of a job ended for good after a moment, as far as the newest attempts tell."""
        with self._db.connected() as db:
            rows = db.execute_sql(_FINAL_ENDS, (job_id, after.timestamp()))
            return [datetime.fromtimestamp(at, UTC) for (at,) in rows]

    def results_by_version(self, job_id: int) -> dict[int, int]:
        """How many ended units of a job have a result of which version of its recipe."""
        with self._db.connected() as db:
            return dict(db.execute_sql(_RESULTS, (job_id,)).fetchall())

    def pairs(self, job_id: int, left: int, right: int) -> list[Pair]:
        """The units that were tested or piloted to an end under both versions, by the newest attempts."""
        from abp_tui.domain.version import Pair  # few compare, and all look at jobs

        with self._db.connected() as db:
            rows = db.execute_sql(_PAIRS, (job_id, left, right)).fetchall()
        return [
            Pair(seq=seq, key=key, left=_side(values[:7]), right=_side(values[7:]))
            for seq, key, *values in rows
        ]

    def _all(self, where: object) -> list[Attempt]:
        query = AttemptRow.select().where(where).order_by(AttemptRow.id)
        return [attempt_from(row) for row in self._db.rows(query)]


def _counted(row: Row) -> str:
    """The counter that the unit beside an attempt is in."""
    verdict = row["unit_verdict"]
    return counted_as(UnitStatus(row["unit_status"]), Verdict(verdict) if verdict else None)


def _events_behind(attempt_id: int, after: int, limit: int) -> Any:
    where = (EventRow.attempt == attempt_id) & (EventRow.id > after)
    return EventRow.select().where(where).order_by(EventRow.id).limit(limit)


def _behind(job_id: int, last: tuple[int, int]) -> Any:
    """The query for the next attempts behind (seq, number), with what their items are."""
    attempt, unit = AttemptRow.alias("a"), UnitRow.alias("u")
    item = (unit.job == attempt.job) & (unit.seq == attempt.seq) & (unit.kind == UnitKind.ITEM)
    of_unit = (
        unit.key.alias("unit_key"),
        unit.status.alias("unit_status"),
        unit.verdict.alias("unit_verdict"),
    )
    query = attempt.select(attempt, *of_unit).join(unit, on=item)
    behind = SQL('("a"."seq", "a"."number") > (?, ?)', last)
    query = query.where((attempt.job == job_id) & behind)
    return query.order_by(attempt.seq, attempt.number).limit(STREAMED)


def _side(values: Sequence[Any]) -> Side:
    from abp_tui.domain.pilot import judged
    from abp_tui.domain.version import Side

    attempt_id, status, verdict, mark, cost, seconds, note = values
    came_to = judged(
        status == AttemptStatus.COMPLETED, verdict and Verdict(verdict), Mark(mark) if mark else None
    )
    return Side(attempt_id=attempt_id, came_to=came_to, cost_usd=cost, duration_s=seconds, note=note)
