"""How many more attempts the budget allows, with what is in flight reserved at the mean so far."""

from __future__ import annotations


class Budget:
    """Keeps account of a job's spending in USD. No limit where there is none, or while no cost is known."""

    def __init__(self, limit_usd: float | None, known: int, spent_usd: float) -> None:
        self.limit_usd = limit_usd
        self._known = known
        self._spent = spent_usd

    def spend(self, cost_usd: float | None) -> None:
        """Book what an attempt cost; an unknown cost is booked as the mean of the known ones."""
        if cost_usd is not None:
            self._known += 1
            self._spent += cost_usd
        elif self._known:
            self._spent += self._spent / self._known
            self._known += 1

    def affordable(self, in_flight: int) -> int | None:
        """How many more attempts may start now; None means any number."""
        if self.limit_usd is None or not self._known:
            return None
        mean = self._spent / self._known
        left = self.limit_usd - self._spent - in_flight * mean
        if mean <= 0:
            return None if left > 0 else 0
        return max(0, int(left / mean + 1e-9))  # 0.3 is three times 0.1
