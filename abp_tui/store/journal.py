"""The write path of one executor: claims, events and outcomes, in few statements and fenced by its lease.

Plain SQL, because this is where the time of a batch of short units goes; the tables are Peewee's.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from abp_tui.domain.failure import BACKOFF_CAP_S
from abp_tui.domain.follow_up import nudged
from abp_tui.domain.model import Event
from abp_tui.domain.status import (
    Desired,
    JobStatus,
    Purpose,
    UnitKind,
    UnitStatus,
    check_job_step,
)
from abp_tui.errors import LeaseLost
from abp_tui.store.claims import Claim, Finished, GoOn, Orders, Render, Started
from abp_tui.store.database import BUSY_TIMEOUT_S, Database
from abp_tui.store.gates import GateRows
from abp_tui.store.questions import QuestionRows
from abp_tui.store.records import load, now
from abp_tui.store.rows import WORDS_CAP, attempt_row, cut, event_row, name, unit_row
from abp_tui.store.sameness import Sameness
from abp_tui.store.sessions import file_before, last_session, left_session
from abp_tui.store.tables import STANDING, WORKED_UNTIL
from abp_tui.store.tally import Tally, counted_as
from abp_tui.store.unjudged import unjudged

BUSY_TIMEOUT_MS = 1000  # short, because its executor has more to do than to wait
# Rows hold plain str and int: for a value of any other class sqlite3 looks for an adapter, each time.
BULK_ROWS = 500  # of 17 values at most: SQLite binds 32,766

_FENCE = (
    "UPDATE job SET change = change + 1, beat = beat + 1, beat_at = ?, beat_clock = ? "
    "WHERE id = ? AND executor = ? RETURNING change, bucket_width"
)
_UNIT = (
    "SELECT seq, payload, attempts, failures, CASE WHEN fingerprint IS NOT NULL AND ? = "
    "(SELECT recipe_version FROM attempt a WHERE a.job_id = unit.job_id AND a.seq = unit.seq "
    "AND a.number = unit.attempts) THEN fingerprint END, nudge, "
    # What was broken off otherwise in between says nothing about the unit.
    "CASE WHEN attempts THEN (SELECT count(*) FROM attempt a WHERE a.job_id = unit.job_id "
    "AND a.seq = unit.seq AND a.status = 'INTERRUPTED' "
    "AND json_extract(a.outcome, '$.failure') = 'node_lost' "
    "AND a.number > (SELECT coalesce(max(b.number), 0) FROM attempt b WHERE b.job_id = unit.job_id "
    "AND b.seq = unit.seq AND b.status <> 'INTERRUPTED')) ELSE 0 END FROM unit"
)
_DUE = (
    f"{_UNIT} INDEXED BY unit_due WHERE job_id = ? AND (not_before <= ? OR not_before > ?) "
    "AND status = 'PENDING' AND kind = 'item' ORDER BY not_before LIMIT ?"
)
_FRESH = (
    f"{_UNIT} INDEXED BY unitrow_job_id_status_seq WHERE job_id = ? AND status = 'PENDING' "
    "AND not_before IS NULL AND kind = 'item' "
    "ORDER BY seq LIMIT ?"
)
_AMONG = (
    f"{_UNIT} WHERE job_id = ? AND seq IN (SELECT value FROM json_each(?)) AND status = 'PENDING' "
    "AND (not_before IS NULL OR not_before <= ? OR not_before > ?) ORDER BY seq LIMIT ?"
)
_ONE = f"{_UNIT} WHERE job_id = ? AND seq = ? AND status = 'PENDING'"
_TAKE = (
    "UPDATE unit SET status = 'PROCESSING', attempts = attempts + 1, not_before = NULL, changed = ? "
    "WHERE job_id = ? AND seq IN ({marks})"
)
_ATTEMPT = (
    "INSERT INTO attempt (id, job_id, seq, number, purpose, recipe_version, executor, host, boot_id, "
    "status, started_at, prompt) VALUES {rows}"
)
_STARTED = (
    "UPDATE attempt SET pid = coalesce(?, pid), pid_started = coalesce(?, pid_started), "
    "pgid = coalesce(?, pgid), host = coalesce(?, host), boot_id = coalesce(?, boot_id), "
    "file_before = coalesce(?, file_before) WHERE id = ?"
)
_EVENT = "INSERT INTO event (attempt_id, at, kind, title, ref, is_error, body, raw) VALUES {rows}"
_END_ATTEMPT = (
    "UPDATE attempt SET status = e.column2, outcome = e.column3, "
    "session_id = coalesce(e.column4, session_id), "
    "cost_usd = e.column5, input_tokens = e.column6, output_tokens = e.column7, turns = e.column8, "
    "ended_at = e.column9, verdict = e.column10 FROM (VALUES {rows}) AS e "
    "WHERE attempt.id = e.column1 AND attempt.status = 'RUNNING' RETURNING attempt.id"
)
_END_UNIT = (
    "UPDATE unit SET status = e.column3, verdict = e.column4, failures = e.column5, not_before = e.column6, "
    "output = e.column7, result = e.column8, error = e.column9, failure_kind = e.column10, "
    "fingerprint = e.column11, session_id = coalesce(e.column12, session_id), "
    "cost_usd = CASE WHEN e.column13 IS NULL THEN cost_usd ELSE coalesce(cost_usd, 0) + e.column13 END, "
    "duration_s = e.column14, sameness = e.column15, changed = e.column16 FROM (VALUES {rows}) AS e "
    "WHERE unit.job_id = e.column17 AND unit.seq = e.column1 AND unit.status = 'PROCESSING' "
    "AND unit.attempts = e.column2 RETURNING unit.seq"
)

_RETURN_TO_PILOT = (
    "UPDATE job SET pilot_id = (SELECT max(p.id) FROM pilot p JOIN attempt a ON a.job_id = p.job_id "
    "JOIN unit u ON u.job_id = a.job_id AND u.seq = a.seq WHERE p.job_id = job.id "
    f"AND a.purpose = 'pilot' AND a.id > p.after_attempt AND {STANDING}) WHERE id = ?"
)


class Journal:
    """Writes what one executor does to one job. Used by one thread, on a connection it keeps.

    Every transaction first proves that the lease is still held and raises `LeaseLost` where it is not.
    `gates` is there while it is open, for use within its transactions.
    """

    def __init__(self, database: Database, job_id: int, executor: str, host: str, boot_id: str) -> None:
        self._db = database
        self._job_id = job_id
        self._executor = executor
        self._host = host
        self._boot_id = boot_id
        self._connection: sqlite3.Connection
        self.gates: GateRows
        self.questions: QuestionRows
        self._tally: Tally
        self._synchronous = ""
        self._change = 0

    @contextmanager
    def opened(self) -> Iterator[Journal]:
        """Keep a connection of this thread for as long as the journal is used."""
        with self._db.connected() as db:
            self._connection = db.connection()
            self.gates = GateRows(self._connection)
            self.questions = QuestionRows(self._connection)
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            try:
                yield self
                self._db.wal.empty(self._connection)
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_TIMEOUT_S)}")

    def told(self) -> AbstractContextManager[None]:
        """Whatever SQLite raises comes out as a `StoreError`."""
        return self._db.told()

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[None]:
        """One fenced transaction, also a beat of the lease.

        A durable one has reached the disk when this returns; the others survive the death of the
        process, and reach the disk with the next durable one.
        """
        with self._db.told():
            self._set_synchronous("FULL" if durable else "NORMAL")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._fence()
                yield
                self._tally.write(self._connection, self._job_id)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._db.wal.keep_small(self._connection)

    def claim(
        self, limit: int, purpose: Purpose, recipe_version: int, render: Render, go_on: GoOn | None = None
    ) -> list[Claim]:
        """Take up to `limit` waiting units, those whose backoff is over first.

        With `go_on`, those whose last attempt can be gone on with take its session.
        """
        at = now()
        rows = self._rows(_DUE, recipe_version, self._job_id, at, at + BACKOFF_CAP_S, limit)
        if len(rows) < limit:
            rows += self._rows(_FRESH, recipe_version, self._job_id, limit - len(rows))
        return self._take(rows, purpose, recipe_version, render, go_on)

    def claim_unit(
        self, seq: int, purpose: Purpose, recipe_version: int, render: Render, go_on: GoOn | None = None
    ) -> Claim | None:
        """Take this unit, as `claim` does, if it waits; None if it does not."""
        rows = self._rows(_ONE, recipe_version, self._job_id, seq)
        return next(iter(self._take(rows, purpose, recipe_version, render, go_on)), None)

    def claim_among(
        self, seqs: Sequence[int], limit: int, purpose: Purpose, recipe_version: int, render: Render
    ) -> list[Claim]:
        """Take up to `limit` of these units, as `claim` does, if they wait and not for their backoff."""
        at = now()
        values = (recipe_version, self._job_id, json.dumps(list(seqs)), at, at + BACKOFF_CAP_S, limit)
        return self._take(self._rows(_AMONG, *values), purpose, recipe_version, render, None)

    def waiting_among(self, seqs: Sequence[int]) -> int:
        """How many of these units wait."""
        query = (
            "SELECT count(*) FROM json_each(?) s JOIN unit u ON u.job_id = ? AND u.seq = s.value "
            "WHERE u.status = 'PENDING'"
        )
        return int(self._rows(query, json.dumps(list(seqs)), self._job_id)[0][0])

    def next_due(self) -> float | None:
        """When the earliest backoff ends, in seconds since the epoch; None if no unit is in one.

        One that lies further ahead than any backoff can is over: the clock has been set back since.
        """
        query = "SELECT min(not_before) FROM unit WHERE job_id = ? AND not_before IS NOT NULL"
        due = self._connection.execute(query, (self._job_id,)).fetchone()[0]
        return None if due is None else float(due) if due <= now() + BACKOFF_CAP_S else 0.0

    def unit_status(self, seq: int) -> UnitStatus:
        """The state of one unit."""
        query = "SELECT status FROM unit WHERE job_id = ? AND seq = ?"
        return UnitStatus(self._rows(query, self._job_id, seq)[0][0])

    def unit_error(self, seq: int) -> str | None:
        """Why the last attempt of one unit failed, if it did."""
        query = "SELECT error FROM unit WHERE job_id = ? AND seq = ?"
        error = self._rows(query, self._job_id, seq)[0][0]
        return None if error is None else str(error)

    def is_due(self, seq: int) -> bool:
        """Whether a unit waits, and not for its backoff."""
        query = (
            "SELECT 1 FROM unit WHERE job_id = ? AND seq = ? AND status = 'PENDING' "
            "AND (coalesce(not_before, 0) <= ? OR not_before > ?)"
        )
        return bool(self._rows(query, self._job_id, seq, now(), now() + BACKOFF_CAP_S))

    def counters(self) -> dict[str, int]:
        """The job's counters as they stand."""
        names = ("total", "pending", "processing", "completed", "failed", "suspect")
        query = f"SELECT {', '.join(names)} FROM job WHERE id = ?"
        row = self._connection.execute(query, (self._job_id,)).fetchone()
        return dict(zip(names, row, strict=True))

    def started(self, starts: Iterable[Started]) -> None:
        """Record where attempts run, so that their processes can be found again after a crash."""
        rows = ((s.pid, s.pid_started, s.pid, s.host, s.boot_id, s.file_before, s.attempt_id) for s in starts)
        self._connection.executemany(_STARTED, rows)

    def sessions(self, sessions: Iterable[tuple[int, str]]) -> None:
        """Record the agent's session of attempts, as (attempt id, session id)."""
        rows = ((name(session), attempt_id) for attempt_id, session in sessions)
        self._connection.executemany("UPDATE attempt SET session_id = ? WHERE id = ?", rows)

    def events(self, events: Iterable[tuple[int, float, Event]]) -> None:
        """Append events, as (attempt id, seconds since the epoch, event)."""
        events = iter(events)
        while rows := [event_row(event) for event in islice(events, BULK_ROWS)]:
            self._bulk(_EVENT, rows)

    def finish(self, ends: Iterable[Finished]) -> list[Finished]:
        """Record how attempts ended; returns those recorded. One that was ended before is left as it is."""
        ends = list(ends)
        done = {row[0] for row in self._bulk(_END_ATTEMPT, [attempt_row(end) for end in ends])}
        recorded = [end for end in ends if end.claim.attempt_id in done]
        recorded = Sameness(self._connection, self._job_id, self._change, self._tally).judged(recorded)
        by_seq = {end.claim.seq: end for end in recorded}
        rows = [(*unit_row(end), self._change, self._job_id) for end in recorded]
        for (seq,) in self._bulk(_END_UNIT, rows):
            end = by_seq[seq]
            if end.claim.purpose is not Purpose.POST:
                self._tally.move(seq, "processing", counted_as(end.unit_status, end.verdict))
        for end in recorded:
            self._tally.spend(end.outcome.usage.cost_usd)
        return recorded

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def orders_now(self) -> Orders:
        """What the faces ask for, read outside a transaction."""
        query = "SELECT desired, desired_by, desired_workers, recipe_version FROM job WHERE id = ?"
        desired, by, workers, version = self._rows(query, self._job_id)[0]
        return Orders(Desired(desired), by, workers, version)

    def ends_asked(self) -> list[int]:
        """The running attempts that a person wants ended."""
        query = "SELECT id FROM attempt WHERE job_id = ? AND status = 'RUNNING' AND end_asked"
        return [row[0] for row in self._rows(query, self._job_id)]

    def spending(self) -> tuple[int, int, float]:
        """How many attempts of the job cost something and how many an unknown amount; the sum in USD."""
        query = (
            "SELECT count(nullif(cost_usd, 0)), count(*) - count(cost_usd), coalesce(sum(cost_usd), 0) "
            "FROM attempt WHERE job_id = ? AND status <> 'RUNNING'"
        )
        paid, unknown, total = self._rows(query, self._job_id)[0]
        return int(paid), int(unknown), float(total)

    def settle(self, status: JobStatus, said: str, reason: str | None = None) -> None:
        """Give the job its state and the lease back, in one step; `said` goes to its log."""
        self.log(said)
        self._connection.execute(
            f"UPDATE job SET worked_s = {WORKED_UNTIL}, running_since = NULL, "
            "status = ?, pause_reason = ?, waiting = NULL, finished_at = ?, executor = NULL, host = NULL, "
            "boot_id = NULL, pid = NULL, pid_started = NULL, beat_at = NULL, beat_clock = NULL WHERE id = ?",
            (now(), status, reason and cut(reason, WORDS_CAP), now() if status.ended else None, self._job_id),
        )

    def move(self, status: JobStatus, said: str) -> None:
        """Give the job another state, by a step that the table of steps allows; `said` goes to its log."""
        name, old = self._rows("SELECT name, status FROM job WHERE id = ?", self._job_id)[0]
        check_job_step(name, JobStatus(old), status)
        self.log(said)
        query = (
            "UPDATE job SET status = ?, desired = 'run', pause_reason = NULL, pilot_id = NULL WHERE id = ?"
        )
        self._connection.execute(query, (status, self._job_id))

    def begin_pilot(self, pilot_id: int, said: str) -> None:
        """Say that a job under test is at this pilot now; `said` goes to its log."""
        self.log(said)
        query = "UPDATE job SET pilot_id = ?, desired = 'run', pause_reason = NULL WHERE id = ?"
        self._connection.execute(query, (pilot_id, self._job_id))

    def return_to_pilot(self) -> None:
        """Say that a job under test is at its newest pilot again, if something of that stands."""
        self._connection.execute(_RETURN_TO_PILOT, (self._job_id,))

    def wait_for(self, what: str | None) -> None:
        """Say what the running job waits for before it claims more, or None that it goes on."""
        self._connection.execute("UPDATE job SET waiting = ? WHERE id = ?", (what, self._job_id))

    def use_gate(self, scope: str) -> None:
        """Say which gate the job's agents must pass."""
        self._connection.execute("UPDATE job SET gate_scope = ? WHERE id = ?", (scope, self._job_id))

    def log(self, message: str, *, level: str = "info", seq: int | None = None) -> None:
        """Append a line to the job's log."""
        self._connection.execute(
            "INSERT INTO log (job_id, at, level, message, seq) VALUES (?, ?, ?, ?, ?)",
            (self._job_id, now(), level, cut(message, WORDS_CAP), seq),
        )

    def recover(self) -> list[int]:
        """End all attempts that the store has as running and put their units back; returns their ids."""
        rows = self._rows(
            "SELECT a.id, a.seq, u.status, u.kind FROM attempt a "
            "JOIN unit u ON u.job_id = a.job_id AND u.seq = a.seq "
            "WHERE a.job_id = ? AND a.status = 'RUNNING'",
            self._job_id,
        )
        for attempt_id, seq, status, kind in rows:
            self._connection.execute(
                "UPDATE attempt SET status = 'INTERRUPTED', ended_at = ? WHERE id = ?", (now(), attempt_id)
            )
            self._tally.spend(None)
            if status == UnitStatus.PROCESSING:
                self._connection.execute(
                    "UPDATE unit SET status = 'PENDING', changed = ? WHERE job_id = ? AND seq = ?",
                    (self._change, self._job_id, seq),
                )
                if kind == UnitKind.ITEM:
                    self._tally.move(seq, "processing", "pending")
        return [row[0] for row in rows]

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    def _set_synchronous(self, mode: str) -> None:
        if mode != self._synchronous:
            self._connection.execute(f"PRAGMA synchronous = {mode}")
            self._synchronous = mode

    def _fence(self) -> None:
        rows = self._rows(_FENCE, now(), time.monotonic(), self._job_id, self._executor)
        if not rows:
            raise LeaseLost(f"job j{self._job_id} has another executor now", "nothing was written")
        self._change, width = rows[0]
        self._tally = Tally(width)

    def _bulk(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Run a statement once for many rows, each a list of values at its `{rows}`; returns what it returns.

        SQLite works on one statement without holding the interpreter, and the slots run meanwhile.
        """
        returned = []
        for start in range(0, len(rows), BULK_ROWS):
            chunk = rows[start : start + BULK_ROWS]
            marks = f"({','.join('?' * len(chunk[0]))})"
            query = statement.format(rows=",".join([marks] * len(chunk)))
            returned += self._connection.execute(query, tuple(chain.from_iterable(chunk))).fetchall()
        return returned

    def _take(
        self,
        rows: Sequence[tuple[Any, ...]],
        purpose: Purpose,
        recipe_version: int,
        render: Render,
        go_on: GoOn | None,
    ) -> list[Claim]:
        if not rows:
            return []
        first = self._next_attempt_id()
        claims = [
            self._claimed(first + n, row, purpose, recipe_version, render) for n, row in enumerate(rows)
        ]
        claims = [self._resumed(claim, recipe_version, go_on) for claim in claims]
        fixed = (str(purpose), recipe_version, self._executor, self._host, self._boot_id, "RUNNING")
        attempts = [
            (c.attempt_id, self._job_id, c.seq, c.number, *fixed, c.started_at, cut(c.follow_up or c.prompt))
            for c in claims
        ]
        self._bulk(_ATTEMPT, attempts)
        seqs = [claim.seq for claim in claims]
        query = _TAKE.format(marks=",".join("?" * len(seqs)))
        self._connection.execute(query, (self._change, self._job_id, *seqs))
        if purpose is not Purpose.POST:  # the synthesis step is outside the counters
            for seq in seqs:
                self._tally.move(seq, "pending", "processing")
        return claims

    def _claimed(
        self,
        attempt_id: int,
        row: tuple[Any, ...],
        purpose: Purpose,
        recipe_version: int,
        render: Render,
    ) -> Claim:
        seq, payload_json, attempts, failures, fingerprint, nudge, losses = row
        payload = load(payload_json)
        prompt = render(payload)
        return Claim(
            attempt_id,
            seq,
            attempts + 1,
            failures,
            purpose,
            payload,
            prompt if nudge is None else nudged(prompt, nudge),
            now(),
            fingerprint,
            nudge=nudge,
            recipe_version=recipe_version,
            losses=losses,
        )

    def _resumed(self, claim: Claim, recipe_version: int, go_on: GoOn | None) -> Claim:
        """The claim with what the attempt before it has left: an answer to judge, or a session."""
        if claim.number == 1:
            return claim
        before = (self._job_id, claim.seq, claim.number - 1, recipe_version)
        left = unjudged(self._connection, *before, claim.purpose)
        if left is not None:
            return replace(claim, done=left.outcome, file_before=left.file_before)
        return claim if go_on is None else self._going_on(claim, recipe_version, go_on)

    def _going_on(self, claim: Claim, recipe_version: int, go_on: GoOn) -> Claim:
        """The claim with the session of the attempt before it, where that can be gone on with."""
        if claim.nudge is not None:
            session_id = last_session(self._connection, self._job_id, claim.seq, self._host)
            return self._in_session(claim, session_id, claim.nudge) if session_id else claim
        before = (self._job_id, claim.seq, claim.number - 1, recipe_version, self._host)
        left = left_session(self._connection, *before)
        if left is None:
            return claim
        return self._in_session(claim, left.id, go_on(left.failure, left.error))

    def _in_session(self, claim: Claim, session_id: str, follow_up: str) -> Claim:
        before = file_before(self._connection, self._job_id, claim.seq, session_id)
        return replace(claim, session_id=session_id, follow_up=follow_up, file_before=before)

    def _next_attempt_id(self) -> int:
        """The id that the next attempt gets; the write lock is ours, so nobody else can take it."""
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'attempt'")
        return int(rows[0][0]) + 1 if rows else 1
