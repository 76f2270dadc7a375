"""One agent that prints JSON lines as fast as `cat` can, each recorded as an event of its own.

Beside it a bare loop runs the same program, parses the lines and inserts them into a table of a file in
the same mode, with a commit at least every 100 ms. What the executor needs to start is not in it.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.result import Goal, Result, compared
from tests.bench.setting import Setting, alternate, run_to_end

COMMIT_S = 0.1
OUTPUT_LIMIT = 64 * 1024 * 1024


def measure(setting: Setting) -> Iterator[Result]:
    """Ten times as many events, and beside the bare loop."""
    few, many = setting.size(1_000, 100), setting.size(10_000, 1_000)
    some, all_ = _lines(setting, few), _lines(setting, many)
    growth = alternate(lambda: _ours(setting, all_, many), lambda: _ours(setting, some, few))
    yield compared(f"events, {many:,}", growth, "{:.3f} s", f"{few:,} events", Goal("<=", 11))
    pairs = alternate(lambda: _ours(setting, all_, many), lambda: _bare(setting, all_, many))
    yield compared(f"events, {many:,}", pairs, "{:.3f} s", "bare loop", Goal("<=", 2))


def _lines(setting: Setting, count: int) -> Path:
    path = setting.folder() / "lines.jsonl"
    texts = ({"type": "text", "n": n, "text": f"word {n} of what an agent has to say"} for n in range(count))
    path.write_text("".join(f"{json.dumps(text)}\n" for text in texts))
    return path


def _ours(setting: Setting, lines: Path, count: int) -> float:
    made = setting.job(1, ["cat", str(lines)], workers=1, jsonl_events=True, output_limit=OUTPUT_LIMIT)
    run_to_end(made)
    recorded = made.rows("SELECT count(*) FROM event WHERE kind = 'text'")[0][0]
    assert recorded == count, f"{recorded} of {count} events were recorded"
    return made.seconds()


def _bare(setting: Setting, lines: Path, count: int) -> float:
    connection = sqlite3.connect(setting.folder() / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, at REAL, type TEXT, line TEXT)")
    began = time.monotonic()
    _read_and_insert(connection, lines)
    seconds = time.monotonic() - began
    recorded = connection.execute("SELECT count(*) FROM event").fetchone()[0]
    connection.close()
    assert recorded == count, f"{recorded} of {count} events were recorded"
    return seconds


def _read_and_insert(connection: sqlite3.Connection, lines: Path) -> None:
    rows: list[tuple[float, str, bytes]] = []
    committed = time.monotonic()
    with subprocess.Popen(["cat", str(lines)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            rows.append((time.time(), json.loads(line)["type"], line))
            if time.monotonic() - committed > COMMIT_S:
                _insert(connection, rows)
                rows, committed = [], time.monotonic()
    _insert(connection, rows)


def _insert(connection: sqlite3.Connection, rows: list[tuple[float, str, bytes]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO event (at, type, line) VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")
