"""Keeping SQLite's write-ahead log small while readers are attached."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from pathlib import Path

log = logging.getLogger(__name__)

LIMIT_BYTES = 16 * 1024 * 1024
WAIT_S = 0.02  # for readers, with a log at its limit; with one of twice the size four times as long
LONGEST_WAIT_S = 1.0
REST = 10  # how many times as long there is no other try after one that a reader spoiled
PAUSE_S = 0.005


class WriteAheadLog:
    """The `-wal` file beside a database. One object serves all threads of a process.

    SQLite begins the file anew only at a moment when no reader is in it. Among several readers one always
    is, and the file grows for as long as somebody writes.
    """

    def __init__(self, database: Path) -> None:
        self._file = f"{database}-wal"
        self._rest_until = 0.0

    def size(self) -> int:
        """Bytes on the disk; 0 where there is no such file."""
        try:
            return os.stat(self._file).st_size  # noqa: PTH116 - looked at after every transaction
        except OSError:
            return 0

    def over_limit(self) -> bool:
        """Whether there is more in it than there should be."""
        return self.size() > LIMIT_BYTES

    def keep_small(self, connection: sqlite3.Connection) -> None:
        """Empty a log that is over its limit. Belongs between two transactions of this connection.

        Where a reader stays in it, the next try comes after a rest, so that most of the time is for writing.
        """
        size = self.size()
        if size <= LIMIT_BYTES or time.monotonic() < self._rest_until:
            return
        wait_s = min(LONGEST_WAIT_S, WAIT_S * (size / LIMIT_BYTES) ** 2)
        if not self.empty(connection, wait_s):
            self._rest_until = time.monotonic() + REST * wait_s

    def empty(self, connection: sqlite3.Connection, wait_s: float = LONGEST_WAIT_S) -> bool:
        """Move the log into the database, waiting up to `wait_s` for readers; says whether it is empty now.

        What can be moved beside a reader that stays is moved in any case. SQLite itself would wait for one
        reader's place to be free, which others may take over without end; each try looks at all anew, and
        once all is moved, readers that begin read the database and no longer the log.
        """
        deadline = time.monotonic() + wait_s
        before_ms = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        _set_busy_timeout(connection, round(1000 * PAUSE_S))
        try:
            while not (emptied := _checkpoint(connection)) and time.monotonic() < deadline:
                time.sleep(PAUSE_S)
        finally:
            _set_busy_timeout(connection, before_ms)
        return emptied


def _checkpoint(connection: sqlite3.Connection) -> bool:
    """Whether the log is empty now. What goes wrong here has cost nothing: all of it is in the log still."""
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:  # above all a disk that is full
        log.info("the log was not moved: %s", error)
        return False
    return not busy


def _set_busy_timeout(connection: sqlite3.Connection, milliseconds: int) -> None:
    connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
