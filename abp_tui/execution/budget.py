"""How many more attempts the budget allows, with what is in flight reserved at the mean so far."""

from __future__ import annotations


class Budget:
    """Keeps account of a job's spending in USD; None as `limit_usd` is no limit.

    While nothing is known of what an attempt costs, one runs alone, to tell. Where it tells nothing, or has
    cost nothing, there is nothing to count by, and no limit until some attempt has a cost.

    The mean is of the attempts that cost something: one that found its account at a limit says nothing of
    what the next one costs. `paid` and `unknown` are numbers of attempts.
    """

    def __init__(self, limit_usd: float | None, paid: int, unknown: int, spent_usd: float) -> None:
        self.limit_usd = limit_usd
        self._paid = paid
        self._unknown = unknown
        self._spent = spent_usd
        self._is_free = False

    def spend(self, cost_usd: float | None, *, ok: bool = False) -> None:
        """Book what an attempt cost. One of an unknown cost counts as the mean, whenever that is known.

        `ok` says that it has done its work, which then is all that it costs: one that failed for nothing
        says nothing of the next.
        """
        if cost_usd is None:
            self._unknown += 1
        elif cost_usd > 0:
            self._paid += 1
            self._spent += cost_usd
        elif ok:
            self._is_free = True

    def affordable(self, in_flight: int) -> int | None:
        """How many more attempts may start now; None means any number."""
        if self.limit_usd is None:
            return None
        if not self._paid:
            return None if self._unknown or self._is_free else max(0, 1 - in_flight)
        mean = self._spent / self._paid
        left = self.limit_usd - self._spent - (self._unknown + in_flight) * mean
        return max(0, int(left / mean + 1e-9))  # 0.3 is three times 0.1
