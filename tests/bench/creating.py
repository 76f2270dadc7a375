"""How fast a job of many CSV rows is created, in how much memory, and how long it keeps others waiting.

Each measurement runs in a process of its own, so that its peak of memory is its own; the floor is what a
bare `executemany` of the same rows into the same tables takes.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import md5
from pathlib import Path
from statistics import median
from typing import Any

from abp_tui.enumerators.base import make_enumerator
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.records import dump
from abp_tui.store.repository import Repository
from tests.bench.machine import memory_mb
from tests.bench.result import Goal, Result, compared
from tests.bench.setting import Setting, alternate
from tests.factories import InProcessWorker, make_job

GOAL_RATE = 40_000
GOAL_SHARE = 0.8
LOOK_EVERY_S = 0.005
NOTE = (
    f"Creating: as fast as {GOAL_SHARE} of the bare executemany, or {GOAL_RATE:,} units/s if that is less. "
    "Write lock: the longest that another process waited for it meanwhile."
)

Figures = dict[str, float]


def measure(setting: Setting) -> Iterator[Result]:
    """A job of a million rows beside the bare rows, then its memory and how long it holds the lock."""
    yield from _beside_bare(setting, ascending_id, "")


def random_ids(setting: Setting) -> Iterator[Result]:
    """The same with ids in no order: each goes to another page of the unique index."""
    yield from _beside_bare(setting, random_id, ", random ids")


def _beside_bare(setting: Setting, make_id: Callable[[int], str], what: str) -> Iterator[Result]:
    count = setting.size(1_000_000, 20_000)
    items = setting.folder() / "items.csv"
    write_csv(items, count, make_id)
    row = _row(count) + what
    made: list[Figures] = []

    def ours() -> float:
        made.append(_run("create", setting, items, count))
        return made[-1]["rate"]

    pairs = alternate(ours, lambda: _run("bare", setting, items, count)["rate"])
    bound = min(GOAL_SHARE, GOAL_RATE / median(pairs.baseline))
    yield compared(row, pairs, "{:,.0f} units/s", "executemany", Goal(">=", round(bound, 2)), NOTE)
    yield from _costs(row, made)


def ten_millions(setting: Setting) -> Iterator[Result]:
    """A job of ten times as many, which takes no more memory."""
    count = setting.size(10_000_000, 40_000)
    items = setting.folder() / "items.csv"
    write_csv(items, count)
    made = _run("create", setting, items, count)
    items.unlink()
    rate = f"{made['rate']:,.0f} units/s"
    yield Result(_row(count), rate, value=made["rate"], goal=Goal(">=", GOAL_RATE, " units/s"), note=NOTE)
    yield from _costs(_row(count), [made])


def _row(count: int) -> str:
    return f"create, {count:,} rows"


def _costs(row: str, made: list[Figures]) -> Iterator[Result]:
    peak_mb = max(figures["peak_mb"] for figures in made)
    lock_ms = max(figures["lock_s"] for figures in made) * 1000
    yield Result(
        f"{row}, memory",
        f"{peak_mb:.0f} MB at its peak",
        value=peak_mb,
        goal=Goal("<", 150, " MB"),
    )
    yield Result(
        f"{row}, write lock",
        f"{lock_ms:.0f} ms at the longest",
        value=lock_ms,
        goal=Goal("<", 500, " ms"),
    )


def ascending_id(n: int) -> str:
    """The ids the unique index likes best: each goes to its end."""
    return f"c{n:09}"


def random_id(n: int) -> str:
    """The ids it likes least: 128 bits without any order, the same in each run."""
    return md5(str(n).encode(), usedforsecurity=False).hexdigest()


def write_csv(path: Path, count: int, make_id: Callable[[int], str] = ascending_id) -> None:
    """A table as people have them: an id, names, numbers, a sentence."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name", "email", "city", "amount", "note"])
        writer.writerows(
            (
                make_id(n),
                f"Name {n}",
                f"n{n}@example.org",
                "Lübeck",
                n * 7 % 1000,
                "Wants to hear back, soon.",
            )
            for n in range(count)
        )


def _run(what: str, setting: Setting, items: Path, count: int) -> Figures:
    store = setting.folder() / "abp.db"
    Repository(store)
    command = [sys.executable, "-m", "tests.bench.creating"]
    watch = subprocess.Popen([*command, "watch", str(store)], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    try:
        done = subprocess.run(
            [*command, what, str(store), str(items), str(count)], stdout=subprocess.PIPE, check=True
        )
    finally:
        longest, _ = watch.communicate()
    shutil.rmtree(store.parent)
    return {**json.loads(done.stdout), "lock_s": float(longest)}


def create(store: Path, items: Path, count: int) -> Figures:
    """Through the orchestrator, as `abp new` does."""
    orchestrator = Orchestrator(Repository(store), InProcessWorker(), settings=Settings())
    began = time.perf_counter()
    config = {"file_path": str(items), "id_column": "id"}
    job = orchestrator.create_job("many", "Write to {name}", "csv", config, worker="in-process")
    seconds = time.perf_counter() - began
    assert job.counters.total == count
    return {"rate": count / seconds, "peak_mb": memory_mb(os.getpid(), "VmHWM")}


def bare(store: Path, items: Path, count: int) -> Figures:
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
    """A measurement in a process of its own."""
    match arguments:
        case ["create" | "bare" as what, store, items, count]:
            call = create if what == "create" else bare
            print(json.dumps(call(Path(store), Path(items), int(count))))
        case ["watch", store]:
            print(watch(Path(store)))
        case _:
            sys.exit("this is one process of a row: python -m tests.bench --only creating prints the table")


if __name__ == "__main__":
    main(sys.argv[1:])
