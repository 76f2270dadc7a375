"""Moving the counters and buckets of a job together with the units they count."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict

from abp_tui.domain.status import UnitStatus, Verdict
from abp_tui.errors import StoreError

MAX_BUCKETS = 2000


def counted_as(status: UnitStatus, verdict: Verdict | None) -> str:
    """The counter that a unit is in: its status, but what is completed and not good counts as suspect."""
    if status is UnitStatus.COMPLETED and verdict not in (None, Verdict.OK):
        return "suspect"
    return status.value.lower()


def bucket_width(total: int) -> int:
    """How many units share a bucket so that a job has at most `MAX_BUCKETS` of them."""
    return max(1, -(-total // MAX_BUCKETS))


class Tally:
    """Collects the moves of one transaction and writes them as one update per row touched."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._job: Counter[str] = Counter()
        self._buckets: dict[int, Counter[str]] = defaultdict(Counter)
        self._cost = 0.0
        self._costs_known = 0
        self._costs_unknown = 0

    def move(self, seq: int, old: str, new: str) -> None:
        """Count unit `seq` as `new` rather than `old`."""
        for counts in (self._job, self._buckets[seq // self._width]):
            counts[old] -= 1
            counts[new] += 1

    def spend(self, cost_usd: float | None) -> None:
        """Add what an attempt cost; None is a cost that nobody knows."""
        if cost_usd is None:
            self._costs_unknown += 1
        else:
            self._costs_known += 1
            self._cost += cost_usd

    def write(self, connection: sqlite3.Connection, job_id: int) -> None:
        """Write the moves, within the transaction that made them."""
        if columns := _changes(self._job):
            connection.execute(f"UPDATE job SET {columns} WHERE id = ?", (job_id,))
        for n, counts in self._buckets.items():
            if columns := _changes(counts):
                done = connection.execute(
                    f"UPDATE bucket SET {columns} WHERE job_id = ? AND n = ?", (job_id, n)
                )
                if done.rowcount != 1:
                    raise StoreError(f"job j{job_id} has no bucket {n}", "its counters need a repair")
        if self._costs_known or self._costs_unknown:
            connection.execute(
                "UPDATE job SET cost_usd = CASE WHEN ? THEN coalesce(cost_usd, 0) + ? ELSE cost_usd END, "
                "cost_unknown = cost_unknown + ? WHERE id = ?",
                (self._costs_known, self._cost, self._costs_unknown, job_id),
            )


def _changes(counts: Counter[str]) -> str:
    """The SET clause for some counters. Their names are ours, never a user's."""
    return ", ".join(f"{name} = {name} + {by}" for name, by in counts.items() if by)
