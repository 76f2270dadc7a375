from __future__ import annotations

import pytest

from abp_tui.domain.projection import Projection, project
from abp_tui.domain.quote import Span


def test_one_unit_says_half_to_twice_as_much_for_all_that_is_left() -> None:
    seen = project(rest=100, workers=4, cost_usd=0.02, seconds=10)
    assert seen == Projection(rest=100, cost_usd=Span(low=1.0, high=4.0), seconds=Span(low=125, high=500))


def test_the_last_round_counts_whole() -> None:
    seen = project(rest=5, workers=4, cost_usd=None, seconds=10)
    assert seen.seconds == Span(low=10, high=40)


@pytest.mark.parametrize("rest", [0, 7])
def test_what_is_not_known_stays_so_and_nothing_costs_nothing(rest: int) -> None:
    assert project(rest=rest, workers=2, cost_usd=None, seconds=None).cost_usd is None
    assert project(rest=rest, workers=2, cost_usd=0.0, seconds=None).cost_usd == Span(low=0, high=0)
    assert project(rest=rest, workers=2, cost_usd=None, seconds=None).seconds is None


def test_a_budget_may_end_the_batch_where_the_highest_is_above_it() -> None:
    seen = project(rest=10, workers=1, cost_usd=0.5, seconds=1)
    assert seen.may_exceed(11.0, spent=1.01)
    assert not seen.may_exceed(11.0, spent=1.0)
    assert not project(rest=10, workers=1, cost_usd=None, seconds=1).may_exceed(0.1, spent=0.0)
