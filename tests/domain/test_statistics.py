from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from scipy import stats
from scipy.special import betainc

from abp_tui.domain.sample import allocate
from abp_tui.domain.statistics import (
    Spread,
    beta_below,
    quantile,
    seen,
    share,
    share_at_most,
    small_sample_tail,
    worth,
)

SIZES = (1, 2, 3, 5, 10, 17, 30, 100, 333, 1000, 20_000)
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)


def hits(of: int) -> list[int]:
    return sorted({0, 1, of // 100, of // 10, of // 3, of // 2, of - 1, of} & set(range(of + 1)))


@pytest.mark.parametrize("of", SIZES)
@pytest.mark.parametrize("level", LEVELS)
def test_the_interval_for_a_share_is_the_exact_one(of: int, level: float) -> None:
    for k in hits(of):
        known = stats.binomtest(k, of).proportion_ci(level, "exact")
        assert share(k, of, level) == pytest.approx((known.low, known.high), abs=1e-9)


@pytest.mark.parametrize("of", SIZES)
@pytest.mark.parametrize("level", LEVELS)
def test_the_one_sided_bound_is_the_exact_one(of: int, level: float) -> None:
    for k in hits(of):
        known = stats.binomtest(k, of, alternative="less").proportion_ci(level, "exact")
        assert share_at_most(k, of, level) == pytest.approx(known.high, abs=1e-9)


def test_none_of_ten_leaves_room_for_a_quarter() -> None:
    assert round(share_at_most(0, 10), 4) == 0.2589  # 1 - 0.05 ** (1 / 10)
    assert round(share_at_most(0, 59), 3) == 0.050  # how many it takes to speak of 5 %
    assert share_at_most(10, 10) == 1.0
    assert share(0, 10).low == 0.0
    assert share(10, 10).high == 1.0


def test_the_incomplete_beta_function_agrees_everywhere() -> None:
    rng = random.Random(3)
    for _ in range(2000):
        a, b = 10 ** rng.uniform(-1, 4.5), 10 ** rng.uniform(-1, 4.5)
        x = min(1.0, max(0.0, a / (a + b) + rng.gauss(0, 1) * 0.1))
        assert beta_below(x, a, b) == pytest.approx(float(betainc(a, b, x)), abs=1e-9)


@pytest.mark.parametrize(("k", "of", "level"), [(-1, 3, 0.95), (4, 3, 0.95), (0, 0, 0.95), (1, 3, 1.0)])
def test_no_share_of_nothing(k: int, of: int, level: float) -> None:
    with pytest.raises(ValueError, match="no share"):
        share(k, of, level)
    with pytest.raises(ValueError, match="no share"):
        share_at_most(k, of, level)


@pytest.mark.parametrize(("k", "of"), [(0, 10), (3, 10), (10, 10), (7, 30), (1, 1)])
@pytest.mark.parametrize("weight", [1.0, 0.1, 7 / 3, 1e6])
def test_units_of_equal_weight_are_counted_as_they_are(k: int, of: int, weight: float) -> None:
    told = seen([n < k for n in range(of)], [weight] * of)
    assert told == (k, k, of)
    assert (told.share(), told.at_most()) == (share(k, of), share_at_most(k, of))


def test_what_stands_for_nine_tenths_decides() -> None:
    """One unit that passed does not speak against 95 % of its kind, which is 90 % of all."""
    none = seen([False] * 10, [900.0] + [11.0] * 9)
    assert none.at_most() == pytest.approx(0.95 * 900 / 999)
    assert seen([True] * 10, [900.0] + [11.0] * 9).at_least() == pytest.approx(1 - 0.95 * 900 / 999)
    assert seen([True] + [False] * 9, [900.0] + [11.0] * 9).share().high == 1.0


@pytest.mark.parametrize(
    ("sizes", "failing", "count"),
    [
        ([900, *[11] * 9], [0.5, *[0.0] * 9], 10),
        ([900, *[11] * 9], [0.9, *[0.2] * 9], 10),
        ([900, *[11] * 9], [0.5, *[1.0] * 9], 10),
        ([250] * 4, [0.3, 0.3, 0.7, 0.7], 10),
        ([250] * 4, [0.0, 0.0, 0.5, 0.5], 10),
        ([6929, 1764, 1191, 129, 114, 116, 89, 107, 8, 10, 7], [0.0, 0.3, 0.6, *[0.0] * 8], 30),
        ([6929, 1764, 1191, 129, 114, 116, 89, 107, 8, 10, 7], [1.0, 0.7, 0.4, *[1.0] * 8], 30),
    ],
)
def test_bounds_hold_19_times_in_20_however_kinds_differ(
    sizes: list[int], failing: list[float], count: int
) -> None:
    rng, tries, total = random.Random(4), 1000, sum(sizes)
    chosen = allocate(sizes, count)
    weights = [size / units for size, units in zip(sizes, chosen, strict=True) for _ in range(units)]
    risks = [risk for risk, units in zip(failing, chosen, strict=True) for _ in range(units)]
    true = sum(size * risk for size, risk in zip(sizes, failing, strict=True)) / total
    draws = [tuple(rng.random() < risk for risk in risks) for _ in range(tries)]
    told = {draw: seen(draw, weights) for draw in set(draws)}
    between = {draw: told[draw].share() for draw in told}
    above = sum(true <= told[draw].at_most() for draw in draws)
    below = sum(true >= told[draw].at_least() for draw in draws)
    inside = sum(between[draw].low <= true <= between[draw].high for draw in draws)
    assert min(above, below, inside) / tries >= 0.94, (above, below, inside)  # 0.01 is what chance may do


def spread(values: list[float], rest: int, seed: int = 1, weights: list[float] | None = None) -> Spread:
    return Spread(values, weights or [1.0] * len(values), rest, seed)


COSTS = [0.02, 0.03, 0.03, 0.05, 0.08, 0.02, 0.04, 0.03, 0.02, 0.11]


def test_the_same_seed_gives_the_same_range_and_another_one_nearly() -> None:
    assert spread(COSTS, 90).total() == spread(COSTS, 90).total()
    assert spread(COSTS, 90).total() != spread(COSTS, 90, seed=2).total()
    assert spread(COSTS, 90).total() == pytest.approx(spread(COSTS, 90, seed=2).total(), rel=0.1)


@pytest.mark.parametrize("size", [2, 3, 5, 10, 100, 10_000])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_tails_are_cut_where_a_t_interval_of_a_small_sample_ends(size: int, level: float) -> None:
    t = stats.t.ppf((1 + level) / 2, size - 1)
    known = stats.norm.cdf(-math.sqrt(size / (size - 1)) * t)
    assert small_sample_tail(size, level) == pytest.approx(float(known), rel=1e-6, abs=1e-15)


def test_many_even_values_agree_with_the_t_interval() -> None:
    rng, rest = random.Random(5), 1_000_000
    values = [rng.gauss(5, 1) for _ in range(200)]
    known = stats.ttest_1samp(values, 0).confidence_interval()
    low, high = spread(values, rest).total()
    assert (low / rest, high / rest) == pytest.approx(
        (known.low, known.high), abs=0.2 * (known.high - known.low) / 2
    )


def normal(rng: random.Random) -> float:
    return max(0.0, rng.gauss(1, 0.25))


def exponential(rng: random.Random) -> float:
    return rng.expovariate(1)


def lognormal(rng: random.Random) -> float:
    return rng.lognormvariate(0, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "rest"), [(normal, 490), (exponential, 490), (lognormal, 490), (lognormal, 12)]
)
def test_ten_units_hold_the_rest_about_19_times_in_20(
    of: Callable[[random.Random], float], rest: int
) -> None:
    rng, held, tries = random.Random(8), 0, 200
    for _ in range(tries):
        low, high = spread([of(rng) for _ in range(10)], rest).total()
        held += low <= sum(of(rng) for _ in range(rest)) <= high
    assert held / tries >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("rest", [6, 40])
def test_ten_units_hold_the_time_of_the_rest(rest: int) -> None:
    rng, held, tries = random.Random(8), 0, 200
    for _ in range(tries):
        low, high = spread([exponential(rng) for _ in range(10)], rest).makespan(4)
        ends = [0.0] * 4
        for _ in range(rest):
            ends[ends.index(min(ends))] += exponential(rng)
        held += low <= max(ends) <= high
    assert held / tries >= 0.92


def test_one_outlier_does_not_make_the_range_absurd() -> None:
    total = spread([1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.0, 1.01, 0.99, 10.0], 490).total()
    assert 490 < total.high < 5 * 490 * 1.9


def test_a_rest_drawn_one_by_one_and_its_normal_mean_agree() -> None:
    assert spread(COSTS, 30).total() == pytest.approx(spread(COSTS, 31).total(), rel=0.1)


def test_what_is_left_costs_nothing_where_nothing_is_left() -> None:
    assert spread(COSTS, 0).total() == (0.0, 0.0)
    assert spread([], 10).total() == (0.0, 0.0)


def test_equal_values_have_no_spread() -> None:
    assert spread([0.5, 0.5, 0.5], 10).total() == pytest.approx((5.0, 5.0))
    assert spread([2.0, 2.0], 10).makespan(4) == pytest.approx((6.0, 6.0))  # three rounds
    assert spread([2.0, 2.0], 3).makespan(8) == pytest.approx((2.0, 2.0))


def test_many_workers_are_as_quick_as_they_can_be_at_most() -> None:
    one, four = spread(COSTS, 100_000).makespan(1), spread(COSTS, 100_000).makespan(4)
    assert (four.low, four.high) == pytest.approx((one.low / 4, one.high / 4), rel=0.01)
    assert four.high > one.high / 4  # the last ones to end


def test_values_count_by_what_they_stand_for() -> None:
    mostly, rarely = [9.0] * 10, [0.1]
    rare = spread([1.0] * 10 + [100.0], 1000, weights=mostly + rarely).total()
    assert rare.low < 1000 * (90 + 10) / 90.1 < rare.high < 10_000
    assert spread([1.0] * 10 + [100.0], 1000).total().high > 20_000


def test_a_value_that_stands_for_nearly_all_is_worth_few() -> None:
    """Twelve values, one of which is nine tenths of the rest, tell little more than one."""
    weights = [100.0] + [1.0] * 11
    assert (worth(weights), worth([3.0] * 12)) == (pytest.approx(1.2, abs=0.05), 12.0)
    assert spread(COSTS + COSTS[:2], 500, weights=weights).total().low < 0.1 < 500 * min(COSTS)


def test_a_quantile_lies_between_two_values() -> None:
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0
    assert quantile([1.0, 2.0], 0.25) == 1.25
    assert quantile([7.0], 0.9) == 7.0
