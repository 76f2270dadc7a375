"""What a job's row and map say of its units and attempts, what those say themselves, and the difference."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from abp_tui.domain.status import UnitStatus, Verdict
from abp_tui.store.tally import bucket_width, counted_as

STATES = ("pending", "processing", "completed", "failed", "suspect")
CENT_FRACTION = 1e-6  # USD: sums of many small amounts differ by the order in which they were added

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """What is kept beside a job's rows and moved with them. `cost_unknown` counts attempts without a cost."""

    width: int
    counters: Counts
    buckets: Mapping[int, Counts]
    cost_usd: float | None
    cost_unknown: int


def kept_figures(connection: sqlite3.Connection, job_id: int) -> Figures:
    """The figures as they are kept."""
    names = ", ".join(STATES)
    query = f"SELECT bucket_width, cost_usd, cost_unknown, total, {names} FROM job WHERE id = ?"
    width, cost, unknown, *counts = connection.execute(query, (job_id,)).fetchone()
    query = f"SELECT n, {names} FROM bucket WHERE job_id = ?"
    buckets = {n: dict(zip(STATES, row, strict=True)) for n, *row in connection.execute(query, (job_id,))}
    counters = dict(zip(("total", *STATES), counts, strict=True))
    return Figures(width, counters, buckets, cost, unknown)


def counted_figures(connection: sqlite3.Connection, job_id: int) -> Figures:
    """The figures as the rows have them."""
    width = _width(connection, job_id)
    buckets = _counted_buckets(connection, job_id, width)
    counters = {state: sum(counts[state] for counts in buckets.values()) for state in STATES}
    query = (
        "SELECT sum(cost_usd), count(*) FILTER (WHERE cost_usd IS NULL AND status <> 'RUNNING') "
        "FROM attempt WHERE job_id = ?"
    )
    cost, unknown = connection.execute(query, (job_id,)).fetchone()
    return Figures(width, {"total": sum(counters.values()), **counters}, buckets, cost, unknown)


def differences(kept: Figures, counted: Figures) -> Iterator[str]:
    """What is kept wrongly, a line of words for each counter, the map and each cost."""
    for name, there in counted.counters.items():
        if kept.counters[name] != there:
            yield f"{name} is {kept.counters[name]}, but its units say {there}"
    if kept.width != counted.width:
        yield f"bucket_width is {kept.width}, and must be {counted.width}"
    wrong = [n for n in kept.buckets.keys() | counted.buckets.keys() if _differs(kept, counted, n)]
    if wrong:
        yield f"buckets that do not agree with its units: {len(wrong)}, from bucket {min(wrong)} on"
    if not same_cost(kept.cost_usd, counted.cost_usd):
        yield f"cost_usd is {_usd(kept.cost_usd)}, but its attempts say {_usd(counted.cost_usd)}"
    if kept.cost_unknown != counted.cost_unknown:
        yield f"cost_unknown is {kept.cost_unknown}, but its attempts say {counted.cost_unknown}"


def write_figures(connection: sqlite3.Connection, job_id: int, figures: Figures) -> None:
    """Keep these figures from now on, within the caller's transaction."""
    counters = {**figures.counters, "cost_usd": figures.cost_usd, "cost_unknown": figures.cost_unknown}
    columns = ", ".join(f"{name} = :{name}" for name in counters)
    values = {**counters, "width": figures.width, "job": job_id}
    connection.execute(
        f"UPDATE job SET {columns}, bucket_width = :width, change = change + 1 WHERE id = :job", values
    )
    connection.execute("DELETE FROM bucket WHERE job_id = ?", (job_id,))
    connection.executemany(
        f"INSERT INTO bucket (job_id, n, {', '.join(STATES)}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((job_id, n, *(counts[state] for state in STATES)) for n, counts in figures.buckets.items()),
    )


def same_cost(one: float | None, other: float | None) -> bool:
    """Whether two sums of the same amounts are the same, or both unknown."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=CENT_FRACTION)


def _width(connection: sqlite3.Connection, job_id: int) -> int:
    query = "SELECT bucket_width, (SELECT count(*) FROM unit WHERE job_id = job.id) FROM job WHERE id = ?"
    width, total = connection.execute(query, (job_id,)).fetchone()
    return int(width) if width >= 1 else bucket_width(total)


def _counted_buckets(connection: sqlite3.Connection, job_id: int, width: int) -> dict[int, Counts]:
    buckets: dict[int, Counter[str]] = {}
    query = (
        "SELECT seq / ?, status, verdict, count(*) FROM unit WHERE job_id = ? AND kind = 'item' "
        "GROUP BY 1, 2, 3"
    )
    for n, status, verdict, count in connection.execute(query, (width, job_id)):
        state = counted_as(UnitStatus(status), Verdict(verdict) if verdict else None)
        buckets.setdefault(n, Counter())[state] += count
    return dict(buckets)


def _differs(kept: Figures, counted: Figures, n: int) -> bool:
    if n not in kept.buckets or n not in counted.buckets:
        return True
    return any(kept.buckets[n][state] != counted.buckets[n][state] for state in STATES)


def _usd(cost: float | None) -> str:
    return "unknown" if cost is None else f"${cost:.6g}"
