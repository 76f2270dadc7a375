"""How many more attempts the budget allows, with what is in flight reserved at the mean so far."""

from __future__ import annotations


class Budget:
    """Keeps account of a job's spending in USD. No limit where there is none, or while no cost is known.

    The mean is of the attempts that cost something: one that found its account at a limit says nothing of
    what the next one costs. `paid` and `unknown` are numbers of attempts.
    """

    def __init__(self, limit_usd: float | None, paid: int, unknown: int, spent_usd: float) -> None:
        self.limit_usd = limit_usd
        self._paid = paid
        self._unknown = unknown
        self._spent = spent_usd

    def spend(self, cost_usd: float | None) -> None:
        """Book what an attempt cost. One of an unknown cost counts as the mean, whenever that is known."""
        if cost_usd is None:
            self._unknown += 1
        elif cost_usd > 0:
            self._paid += 1
            self._spent += cost_usd

    def affordable(self, in_flight: int) -> int | None:
        """How many more attempts may start now; None means any number."""
        if self.limit_usd is None or not self._paid:
            return None
        mean = self._spent / self._paid
        left = self.limit_usd - self._spent - (self._unknown + in_flight) * mean
        return max(0, int(left / mean + 1e-9))  # 0.3 is three times 0.1
