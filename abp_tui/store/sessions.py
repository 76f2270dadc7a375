"""Which session of an agent the next attempt of a unit may go on with."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from abp_tui.domain.failure import GOES_ON, FailureKind
from abp_tui.domain.status import AttemptStatus

_KINDS = ", ".join(f"'{kind}'" for kind in sorted(GOES_ON))
# Its agent has said something, its machine is this one, and neither a person nor an edit of what the agent is
# told wants it anew. An error that a completed attempt's unit still has as it waits is why it is in doubt.
_LEFT = (
    "SELECT a.session_id, a.status, u.failure_kind, u.error FROM attempt a "
    "JOIN unit u ON u.job_id = a.job_id AND u.seq = a.seq "
    "JOIN recipe old ON old.job_id = a.job_id AND old.version = a.recipe_version "
    "JOIN recipe new ON new.job_id = a.job_id AND new.version = ? "
    "AND new.prompt_template = old.prompt_template "
    "AND new.worker_options = old.worker_options AND new.output_schema IS old.output_schema "
    "WHERE a.job_id = ? AND a.seq = ? AND a.number = ? AND a.host = ? "
    "AND a.purpose <> 'test' AND NOT a.end_asked "
    f"AND (a.status = 'INTERRUPTED' OR (a.status = 'FAILED' AND u.failure_kind IN ({_KINDS})) "
    "OR (a.status = 'COMPLETED' AND u.error IS NOT NULL AND json_extract(a.outcome, '$.denials') IS NULL)) "
    "AND EXISTS (SELECT 1 FROM attempt b JOIN event e ON e.attempt_id = b.id "
    "WHERE b.job_id = a.job_id AND b.seq = a.seq AND b.session_id = a.session_id "
    "AND e.kind IN ('text', 'thinking', 'tool_call') AND NOT e.is_error)"
)


# What a person wants said to it may well be said after an edit, a test, or an end that seemed good.
_LAST = (
    "SELECT session_id FROM attempt WHERE job_id = ? AND seq = ? AND session_id IS NOT NULL AND host = ? "
    "AND status <> 'RUNNING' ORDER BY number DESC LIMIT 1"
)

_FILE_BEFORE = (
    "SELECT file_before FROM attempt WHERE job_id = ? AND seq = ? AND session_id = ? "
    "AND file_before IS NOT NULL ORDER BY number LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class LeftSession:
    """A session that can be gone on with, and how its attempt failed; None where it was broken off, or ended
    in an answer that is in doubt for the `error`.
    """

    id: str
    failure: FailureKind | None
    error: str


def left_session(
    connection: sqlite3.Connection, job_id: int, seq: int, number: int, recipe_version: int, host: str
) -> LeftSession | None:
    """The session of this attempt of a unit, where an attempt with this recipe on this host may take it."""
    row = connection.execute(_LEFT, (recipe_version, job_id, seq, number, host)).fetchone()
    if row is None:
        return None
    session_id, status, kind, error = row
    if status == AttemptStatus.INTERRUPTED:
        return LeftSession(session_id, None, "")
    return LeftSession(session_id, FailureKind(kind) if kind else None, error or "")


def last_session(connection: sqlite3.Connection, job_id: int, seq: int, host: str) -> str | None:
    """The newest session of a unit on this host, however its attempt ended; None where there was none."""
    row = connection.execute(_LAST, (job_id, seq, host)).fetchone()
    return None if row is None else str(row[0])


def file_before(connection: sqlite3.Connection, job_id: int, seq: int, session_id: str) -> str | None:
    """What the file of a unit held, by its hash, before a session of it began, where that is known."""
    row = connection.execute(_FILE_BEFORE, (job_id, seq, session_id)).fetchone()
    return None if row is None else str(row[0])
