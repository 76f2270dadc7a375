"""What a sample says of the rest: exact bounds on a share, and the spread of a total by bootstrap-t."""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from statistics import NormalDist
from typing import NamedTuple

LEVEL = 0.95
RESAMPLES = 2000
FEWEST, MOST_DRAWN = 200, 200_000  # resamples, and the values in all of them, where a sample is large
ONE_BY_ONE = 30  # units of a rest up to which they are drawn
EVEN = 0.98  # of the units: what they are worth where weights differ by no more than rounding; 95 % are 94.7
LEAST_VARIED = 1 / 3  # of the sample's deviation: what a resample of nearly equal values is taken to have
_TINY = 1e-300
_ENOUGH = 1e-15


class Range(NamedTuple):
    """From where to where something lies, at the level that was asked for."""

    low: float
    high: float


def share(hits: float, of: float, level: float = LEVEL) -> Range:
    """The exact two-sided interval (Clopper and Pearson) for a share of which `hits` in `of` were seen.

    It holds the true share in at least `level` of all samples, at any size. Raises `ValueError` unless
    0 <= hits <= of, of > 0 and 0 < level < 1.
    """
    _check(hits, of, level)
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else beta_quantile(tail, hits, of - hits + 1)
    high = 1.0 if hits == of else beta_quantile(1 - tail, hits + 1, of - hits)
    return Range(low, high)


def share_at_most(hits: float, of: float, level: float = LEVEL) -> float:
    """The exact one-sided bound: the largest share that `hits` in `of` do not speak against.

    With none in ten that is 26 %. Raises `ValueError` as `share` does.
    """
    _check(hits, of, level)
    return 1.0 if hits == of else beta_quantile(level, hits + 1, of - hits)


class Seen(NamedTuple):
    """How often something was seen in `of` units: between `fewest` and `most`, where units tell unequally."""

    fewest: float
    most: float
    of: float

    def share(self) -> Range:
        """The two-sided interval, as `share` has it."""
        return Range(share(self.fewest, self.of).low, share(self.most, self.of).high)

    def at_most(self) -> float:
        """The one-sided bound, as `share_at_most` has it."""
        return share_at_most(self.most, self.of)

    def at_least(self) -> float:
        """The one-sided bound from below."""
        return 1 - share_at_most(self.of - self.fewest, self.of)


def seen(hits: Sequence[bool], weights: Sequence[float]) -> Seen:
    """How often something was seen in units of which each stands for so many as its weight says.

    That is a share of what the units are worth (Korn and Graubard, "Confidence Intervals for Proportions
    with Small Expected Number of Positive Counts", 1998), rounded so that bounds are rather too wide. Where
    weights are nearly equal, the units and hits are counted as they are.
    """
    of = share_worth(weights)
    if of >= EVEN * len(weights):
        return Seen(sum(hits), sum(hits), len(weights))
    share_hit = math.fsum(weight for hit, weight in zip(hits, weights, strict=True) if hit)
    hit = round(of * share_hit / math.fsum(weights), 9)
    return Seen(max(0.0, of - math.ceil(of - hit)), min(of, math.ceil(hit)), of)


def share_worth(weights: Sequence[float], level: float = LEVEL) -> float:
    """How many units of equal weight would allow as large a share, where not one of them has it.

    The worst case decides: that what has it is where one unit stands for many. `worth` is about means, and
    too large for that.
    """
    unlikely, logs, allowed = math.log(1 - level), 0.0, 0.0
    ordered = sorted(weights, reverse=True)
    for k, (weight, lighter) in enumerate(pairwise([*ordered, 0.0]), 1):
        logs += math.log(weight)
        allowed = math.exp((unlikely + logs) / k)  # without it, of the units that each of these k stands for
        if lighter <= allowed:
            break
    without = math.fsum(min(weight, allowed) for weight in weights) / math.fsum(weights)
    return unlikely / math.log(without)


def beta_quantile(p: float, a: float, b: float) -> float:
    """Where the distribution Beta(a, b) has `p` below it, by bisection until doubles are no closer."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        if beta_below(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return high


def beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: how much of Beta(a, b) lies below `x`."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(logs)
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 200 + 10 * int(math.sqrt(max(a, b)))):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _apart(1 + step * d)
            c = _apart(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return value


def _apart(value: float) -> float:
    """The value, kept away from zero."""
    return value if abs(value) > _TINY else _TINY


def _check(hits: float, of: float, level: float) -> None:
    if not (0 <= hits <= of and of > 0 and 0 < level < 1):
        raise ValueError(f"no share: {hits} of {of} at level {level}")


class Spread:
    """The bootstrap-t over one value per sampled unit: what `rest` more such units may add up to.

    Each resample is drawn from the values, and so is a rest. How far that rest's mean lies from the
    resample's, in deviations of the resample, is how far the true one may lie from the sample's (Efron and
    Tibshirani, "An Introduction to the Bootstrap", 1993, section 12.5). Percentiles of the resamples alone
    are too narrow for few values, and the more so the more these vary. For few values, too, no resample
    counts as less varied than a third of the sample, and the tails are cut further out, by as much as a t
    interval is wider than a normal one (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015).

    `weights` say how many of the rest each value stands for, so that a stratum that was sampled more often
    than it occurs does not count for more; unequal ones are `worth` fewer values.
    The same seed gives the same ranges.
    """

    def __init__(
        self, values: Sequence[float], weights: Sequence[float], rest: int, seed: int, level: float = LEVEL
    ) -> None:
        self._values = list(values)
        weights = list(weights) if sum(weights) > 0 else [1.0] * len(self._values)
        self._weights = list(accumulate(weights))
        self._rest = rest if self._values else 0
        self._seed = seed
        self._level = level
        if self._rest:
            together = self._weights[-1]
            self._size = max(2, round(worth(weights)))
            self._mean = _dot(weights, self._values) / together
            self._off = [value - self._mean for value in self._values]
            self._deviation = math.sqrt(_dot(weights, [off**2 for off in self._off]) / together)

    def total(self) -> Range:
        """The sum over the rest."""
        if not self._rest:
            return Range(0.0, 0.0)
        deviation = self._deviation * math.sqrt(self._size / (self._size - 1))
        off = sorted(self._how_far_off(deviation * LEAST_VARIED)) if deviation else [0.0]
        tail = small_sample_tail(self._size, self._level)
        low, high = (self._mean + quantile(off, p) * deviation for p in (tail, 1 - tail))
        return Range(max(0.0, self._rest * low), self._rest * high)

    def makespan(self, workers: int) -> Range:
        """The time until the rest is done, where each value is a time and `workers` run side by side.

        It lies between the sum shared evenly and Graham's bound, by which the last unit to end may add its
        time; and between as many rounds of the shortest and of the longest. These are taken to be as much
        shorter and longer than those seen as the sum may be than what is expected.
        """
        total = self.total()
        if not total.high:
            return total
        slots = max(1, min(workers, self._rest))
        rounds, expected = -(-self._rest // slots), self._rest * self._mean
        shortest = min(self._values) * total.low / expected
        longest = max(self._values) * total.high / expected
        high = min(total.high / slots + (1 - 1 / slots) * longest, rounds * longest)
        return Range(max(total.low / slots, rounds * shortest), high)

    def _how_far_off(self, least: float) -> Iterator[float]:
        rng = random.Random(self._seed)
        for _ in range(max(FEWEST, min(RESAMPLES, MOST_DRAWN // self._size))):
            draws = rng.choices(self._off, cum_weights=self._weights, k=self._size)
            mean = sum(draws) / self._size
            squares = sum(map(operator.mul, draws, draws))  # not fsum: this is where a quote takes its time
            variance = max(0.0, squares - self._size * mean**2) / (self._size - 1)
            yield (self._rest_off(rng) - mean) / max(math.sqrt(variance), least)

    def _rest_off(self, rng: random.Random) -> float:
        """How far the mean of a rest is off, drawn one by one; a large one's is normal (central limit)."""
        if self._rest <= ONE_BY_ONE:
            return sum(rng.choices(self._off, cum_weights=self._weights, k=self._rest)) / self._rest
        return rng.gauss(0.0, self._deviation / math.sqrt(self._rest))


def small_sample_tail(size: int, level: float) -> float:
    """How much to cut off at each end of a bootstrap of `size` values, so that it holds at `level`.

    It is what a normal distribution has beyond the end of a t interval.
    """
    x = beta_quantile(1 - level, (size - 1) / 2, 0.5)
    t = math.sqrt((size - 1) * (1 - x) / x)
    return NormalDist().cdf(-math.sqrt(size / (size - 1)) * t)


def worth(weights: Sequence[float]) -> float:
    """How many values of equal weight tell as much as these do (Kish's effective sample size)."""
    return math.fsum(weights) ** 2 / _dot(weights, weights)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return math.fsum(map(operator.mul, left, right))


def quantile(ordered: Sequence[float], p: float) -> float:
    """The value below which a share `p` of the ordered values lies, between two of them in proportion."""
    place = p * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
