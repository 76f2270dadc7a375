"""Whether keys differ, for items that are only looked at: a unique index of its own, outside the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from abp_tui.errors import DuplicateKey


class SeenKeys:
    """The keys seen so far, in a temporary file that SQLite keeps and removes; not in memory."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, seq INTEGER) WITHOUT ROWID")
        self._connection.execute("BEGIN")

    def add(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """See the keys of a chunk of items, given as (seq, key, payload); raises `DuplicateKey`."""
        for seq, key, _ in rows:
            try:
                self._connection.execute("INSERT INTO seen VALUES (?, ?)", (key, seq))
            except sqlite3.IntegrityError:
                query = self._connection.execute("SELECT seq FROM seen WHERE key = ?", (key,))
                raise DuplicateKey(key, seq, query.fetchone()[0]) from None

    def close(self) -> None:
        """Forget them."""
        self._connection.close()
