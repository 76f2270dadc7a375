"""What the test of one unit says of the rest of its job: no more than the order of magnitude."""

from __future__ import annotations

from pydantic import Field

from abp_tui.domain.model import Frozen
from abp_tui.domain.quote import Span

SPREAD = 2.0  # the rest may cost and take so many times less, or more


class Projection(Frozen):
    """What an approval may cost and take, reckoned from one unit. A pilot's quote says more."""

    rest: int = Field(description="Units that an approval lets run.")
    cost_usd: Span | None = Field(description="Of the rest; null where the agent does not say what it costs.")
    seconds: Span | None = Field(description="Time until the rest has ended; null while that is not known.")

    def may_exceed(self, budget_usd: float, *, spent: float) -> bool:
        """Whether a budget of the whole job may stop it before the end."""
        return self.cost_usd is not None and spent + self.cost_usd.high > budget_usd


def project(*, rest: int, workers: int, cost_usd: float | None, seconds: float | None) -> Projection:
    """Reckon from what one unit has cost and taken what `rest` units do, `workers` of them side by side."""
    rounds = -(-rest // workers)
    return Projection(
        rest=rest,
        cost_usd=None if cost_usd is None else _about(rest * cost_usd),
        seconds=None if seconds is None else _about(rounds * seconds),
    )


def _about(amount: float) -> Span:
    return Span(low=amount / SPREAD, high=amount * SPREAD)
