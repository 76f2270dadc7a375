"""What a sample says of the rest: exact bounds on a share, and the spread of a total by bootstrap."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from itertools import accumulate
from typing import NamedTuple

LEVEL = 0.95
RESAMPLES = 2000
MOST_DRAWS = 400_000  # of all resamples together; where one by one would be more, their sum is normal
FEWEST, MOST_DRAWN = 200, 1_000_000  # resamples, and the values in all of them, where a sample is large
_TINY = 1e-300
_ENOUGH = 1e-15


class Range(NamedTuple):
    """From where to where something lies, at the level that was asked for."""

    low: float
    high: float


def share(hits: int, of: int, level: float = LEVEL) -> Range:
    """The exact two-sided interval (Clopper and Pearson) for a share of which `hits` in `of` were seen.

    It holds the true share in at least `level` of all samples, at any size. Raises `ValueError` unless
    0 <= hits <= of, of > 0 and 0 < level < 1.
    """
    _check(hits, of, level)
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else beta_quantile(tail, hits, of - hits + 1)
    high = 1.0 if hits == of else beta_quantile(1 - tail, hits + 1, of - hits)
    return Range(low, high)


def share_at_most(hits: int, of: int, level: float = LEVEL) -> float:
    """The exact one-sided bound: the largest share that `hits` in `of` do not speak against.

    With none in ten that is 26 %. Raises `ValueError` as `share` does.
    """
    _check(hits, of, level)
    return 1.0 if hits == of else beta_quantile(level, hits + 1, of - hits)


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


def _check(hits: int, of: int, level: float) -> None:
    if not (0 <= hits <= of and of > 0 and 0 < level < 1):
        raise ValueError(f"no share: {hits} of {of} at level {level}")


class Spread:
    """The percentile bootstrap over one value per sampled unit: what `rest` more such units may add up to.

    `weights` say how many of the rest each value stands for, so that a stratum that was sampled more often
    than it occurs does not count for more. Each resample draws as many values as there are, with these
    weights. Where all its units can be drawn one by one, they are; else their sum is taken as normal, with
    the mean and variance of the resample (the central limit theorem). The same seed gives the same ranges.
    """

    def __init__(
        self, values: Sequence[float], weights: Sequence[float], rest: int, seed: int, level: float = LEVEL
    ) -> None:
        self._values = list(values)
        self._weights = list(accumulate(weights if sum(weights) > 0 else [1.0] * len(self._values)))
        self._rest = rest
        self._seed = seed
        self._tail = (1 - level) / 2
        self._drawn = rest * RESAMPLES <= MOST_DRAWS

    def total(self) -> Range:
        """The sum over the rest."""
        return self._range(lambda draws, rng: self._sum(draws, rng), lambda total, _: total)

    def makespan(self, workers: int) -> Range:
        """The time until the rest is done, where each value is a time and `workers` run side by side.

        One by one, each unit goes to the first worker that is free. In the other case the sum is shared
        evenly, and the upper end adds what the last units to end can take at most (Graham's bound).
        """
        slots = max(1, min(workers, self._rest))
        if self._drawn:
            return self._range(lambda draws, rng: _schedule(self._units(draws, rng), slots), lambda t, _: t)
        last = 1 - 1 / slots
        return self._range(
            lambda draws, rng: self._sum(draws, rng) / slots, lambda time, draws: time + last * max(draws)
        )

    def _range(
        self,
        figure: Callable[[list[float], random.Random], float],
        worst: Callable[[float, list[float]], float],
    ) -> Range:
        """Percentiles of a figure of all resamples; the upper one is of what `worst` makes of it."""
        if not self._values or not self._rest:
            return Range(0.0, 0.0)
        rng = random.Random(self._seed)
        lows, highs = [], []
        for _ in range(max(FEWEST, min(RESAMPLES, MOST_DRAWN // len(self._values)))):
            draws = rng.choices(self._values, cum_weights=self._weights, k=len(self._values))
            lows.append(figure(draws, rng))
            highs.append(worst(lows[-1], draws))
        return Range(quantile(sorted(lows), self._tail), quantile(sorted(highs), 1 - self._tail))

    def _units(self, draws: list[float], rng: random.Random) -> list[float]:
        return rng.choices(draws, k=self._rest)

    def _sum(self, draws: list[float], rng: random.Random) -> float:
        if self._drawn:
            return math.fsum(self._units(draws, rng))
        mean = math.fsum(draws) / len(draws)
        variance = math.fsum((value - mean) ** 2 for value in draws) / len(draws)
        return max(0.0, self._rest * mean + rng.gauss(0.0, 1.0) * math.sqrt(self._rest * variance))


def _schedule(times: Sequence[float], slots: int) -> float:
    """When the last of these ends, each taken in turn by the slot that is free first."""
    ends = [0.0] * slots
    heapify(ends)
    for time in times:
        heapreplace(ends, ends[0] + time)
    return max(ends)


def quantile(ordered: Sequence[float], p: float) -> float:
    """The value below which a share `p` of the ordered values lies, between two of them in proportion."""
    place = p * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
