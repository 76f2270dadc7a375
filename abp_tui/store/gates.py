"""Gates: whether agents of one worker and account may start. Shared by all executors of a store."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from abp_tui.domain.gate import asked
from abp_tui.domain.model import Gate, Lease
from abp_tui.domain.status import AttemptStatus
from abp_tui.store.database import Database
from abp_tui.store.rows import NAME_CAP, cut

_LEASE = tuple(Lease.model_fields)
_GATE = "SELECT state, until, reason, probe_attempt, tries FROM gate WHERE scope = ?"
_MAKE = "INSERT INTO gate (scope, state) VALUES (?, 'open') ON CONFLICT DO NOTHING"
_SWAP = (
    "UPDATE gate SET state = ?, until = ?, reason = ?, probe_attempt = ?, tries = ? "
    "WHERE scope = ? AND state = ? AND probe_attempt IS ?"
)
_PROBER = (
    f"SELECT {', '.join(f'j.{column}' for column in _LEASE)} FROM attempt a JOIN job j ON j.id = a.job_id "
    f"WHERE a.id = ? AND a.status = '{AttemptStatus.RUNNING}' AND j.executor = a.executor"
)


class GateRows:
    """Reads and writes gates on one connection, within the transaction that it is in."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, scope: str) -> Gate:
        """A gate; one that was never closed is open."""
        row = self._connection.execute(_GATE, (scope,)).fetchone()
        if row is None:
            return Gate(scope=scope)
        state, until, reason, probe_attempt, tries = row
        return Gate(
            scope=scope, state=state, until=until, reason=reason, probe_attempt=probe_attempt, tries=tries
        )

    def swap(self, old: Gate, new: Gate) -> bool:
        """Write `new`, if the gate's state and its probe are still those of `old`; says whether they were."""
        until = new.until.timestamp() if new.until else None
        values = (str(new.state), until, cut(new.reason, NAME_CAP), new.probe_attempt, new.tries)
        self._connection.execute(_MAKE, (new.scope,))
        expected = (old.scope, str(old.state), old.probe_attempt)
        return self._connection.execute(_SWAP, (*values, *expected)).rowcount == 1

    def prober(self, attempt_id: int) -> Lease | None:
        """The lease of whoever runs an attempt; None if it has ended, or its executor runs nothing more."""
        row = self._connection.execute(_PROBER, (attempt_id,)).fetchone()
        return Lease(**dict(zip(_LEASE, row, strict=True))) if row else None


class Gates:
    """What the faces do with gates, each step in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, scope: str) -> Gate:
        """A gate; one that was never closed is open."""
        with self._db.connected() as db:
            return GateRows(db.connection()).get(scope)

    def ask(self, scope: str, *, login_only: bool = False) -> bool:
        """Let one unit try a closed gate now; says whether it was closed. See `domain.gate.asked`."""
        with self._db.writing() as db:
            rows = GateRows(db.connection())
            before = rows.get(scope)
            after = asked(before, datetime.now(UTC), login_only=login_only)
            return after != before and rows.swap(before, after)
