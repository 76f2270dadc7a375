"""How fast a job of many CSV rows is created, in how much memory, and how long it keeps others waiting.

`python -m tests.bench.creating [--quick]`. Each measurement runs in a process of its own, so that its peak of
memory is its own; the floor is what a bare `executemany` of the same rows into the same tables takes.
"""

from __future__ import annotations

import csv
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from abp_tui.enumerators.base import make_enumerator
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.records import dump
from abp_tui.store.repository import Repository
from tests.factories import InProcessWorker, make_job

MILLION = 1_000_000
GOAL_RATE = 40_000
GOAL_SHARE = 0.8
GOAL_MEMORY_MB = 150
GOAL_LOCK_S = 0.5
LOOK_EVERY_S = 0.005

Row = tuple[str, str, str]


def measure(quick: bool) -> list[Row]:
    """Rows of (what, value, goal)."""
    with tempfile.TemporaryDirectory(prefix="abp-bench-") as name:
        folder = Path(name)
        write_csv(folder / "items.csv", MILLION)
        bare = _run("bare", folder, MILLION)
        made = _run("create", folder, MILLION)
        rows = [
            ("bare executemany, 1M rows", f"{bare['rate']:,.0f} rows/s", ""),
            *_rows("1M", made),
            (
                "share of bare",
                f"{made['rate'] / bare['rate']:.2f}",
                f">= {GOAL_SHARE}, or {GOAL_RATE:,} units/s: whichever is less",
            ),
        ]
        if not quick:
            write_csv(folder / "items.csv", 10 * MILLION)
            rows += _rows("10M", _run("create", folder, 10 * MILLION))
        return rows


def _rows(size: str, made: dict[str, float]) -> list[Row]:
    return [
        (f"create a job of {size} CSV rows", f"{made['rate']:,.0f} units/s", f">= {GOAL_RATE:,} units/s"),
        (f"peak memory, {size}", f"{made['peak_mb']:.0f} MB", f"< {GOAL_MEMORY_MB} MB"),
        (f"longest wait for the write lock, {size}", f"{made['lock_s'] * 1000:.0f} ms", f"< {GOAL_LOCK_S} s"),
    ]


def write_csv(path: Path, count: int) -> None:
    """A table as people have them: an id, names, numbers, a sentence."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name", "email", "city", "amount", "note"])
        writer.writerows(
            (
                f"c{n:09}",
                f"Name {n}",
                f"n{n}@example.org",
                "Lübeck",
                n * 7 % 1000,
                "Wants to hear back, soon.",
            )
            for n in range(count)
        )


def _run(what: str, folder: Path, count: int) -> dict[str, float]:
    store = folder / f"{what}-{count}" / "abp.db"
    Repository(store)
    command = [sys.executable, "-m", "tests.bench.creating"]
    watch = subprocess.Popen([*command, "watch", str(store)], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    try:
        done = subprocess.run(
            [*command, what, str(store), str(folder / "items.csv"), str(count)],
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        longest, _ = watch.communicate()
    for file in store.parent.iterdir():
        if file.is_file():
            file.unlink()
    return {**json.loads(done.stdout), "lock_s": float(longest)}


def create(store: Path, items: Path, count: int) -> dict[str, float]:
    """Through the orchestrator, as `abp new` does."""
    orchestrator = Orchestrator(Repository(store), InProcessWorker(), settings=Settings())
    began = time.perf_counter()
    config = {"file_path": str(items), "id_column": "id"}
    job = orchestrator.create_job("many", "Write to {name}", "csv", config, worker="in-process")
    seconds = time.perf_counter() - began
    assert job.counters.total == count
    return {"rate": count / seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def bare(store: Path, items: Path, count: int) -> dict[str, float]:
    """The same rows, made beforehand, in one transaction of the store's own kind of connection."""
    repository = Repository(store)
    job = make_job(repository, 0, name="bare")
    rows = list(_unit_rows(job.id, items))
    with repository.database.connected() as db:
        began = time.perf_counter()
        with db.atomic():
            db.connection().executemany(
                "INSERT INTO unit (job_id, seq, key, payload) VALUES (?, ?, ?, ?)", rows
            )
        seconds = time.perf_counter() - began
    assert len(rows) == count
    return {"rate": count / seconds, "peak_mb": 0.0}


def _unit_rows(job_id: int, items: Path) -> Iterator[tuple[Any, ...]]:
    source = make_enumerator("csv", {"file_path": str(items), "id_column": "id"})
    return ((job_id, seq, item.key, dump(item.payload)) for seq, item in enumerate(source.items()))


def watch(store: Path) -> float:
    """The longest that another process had to wait for the write lock, until its stdin is closed."""
    import select

    connection = sqlite3.connect(store, timeout=60, isolation_level=None)
    longest = 0.0
    while not select.select([sys.stdin], [], [], LOOK_EVERY_S)[0]:
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        longest = max(longest, time.perf_counter() - began)
        connection.execute("COMMIT")
    return longest


def main(arguments: list[str]) -> None:
    """A measurement of its own process, or all of them as a table."""
    match arguments:
        case ["create" | "bare" as what, store, items, count]:
            call = create if what == "create" else bare
            print(json.dumps(call(Path(store), Path(items), int(count))))
        case ["watch", store]:
            print(watch(Path(store)))
        case _:
            for what, value, goal in measure(quick="--quick" in arguments):
                print(f"| {what:<45} | {value:>18} | {goal} |")


if __name__ == "__main__":
    main(sys.argv[1:])
