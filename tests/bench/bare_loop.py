"""What `events` stands beside, as a process of its own: read, parse, insert. Prints the seconds it took."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence

COMMIT_S = 0.1

Rows = list[tuple[float, str, str]]


def main(store: str, *agent: str) -> None:
    """Record the JSON lines that an agent prints in a table of a new database."""
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, at REAL, type TEXT, line TEXT)")
    began = time.monotonic()
    _record(connection, agent)
    print(time.monotonic() - began)


def _record(connection: sqlite3.Connection, agent: Sequence[str]) -> None:
    rows: Rows = []
    committed = time.monotonic()
    with subprocess.Popen(agent, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            rows.append((time.time(), json.loads(line)["type"], line))
            if time.monotonic() - committed > COMMIT_S:
                _insert(connection, rows)
                rows, committed = [], time.monotonic()
    _insert(connection, rows)


def _insert(connection: sqlite3.Connection, rows: Rows) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO event (at, type, line) VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")


if __name__ == "__main__":
    main(*sys.argv[1:])
