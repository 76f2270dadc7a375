"""How fast a job goes: units that ended, counted by intervals of the last minutes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

INTERVAL_S = 10.0
INTERVALS = 30
WINDOW_S = INTERVAL_S * INTERVALS
LEAST_S, LEAST_ENDED = 5, 2


@dataclass(frozen=True, slots=True)
class Pace:
    """Ended units per second of late, the seconds left at that rate, and the ends in each interval.

    `recent` are whole intervals of `INTERVAL_S`, the newest last: it changes once an interval.
    """

    per_s: float | None = None
    left_s: float | None = None
    recent: tuple[int, ...] = ()


class PaceMeter:
    """Counts the ends of units. All times are seconds on one clock that never goes back."""

    def __init__(self, now: float, ended: int, past: Iterable[float] = ()) -> None:
        """`ended` units have ended until `now`, the last of them at the times in `past`."""
        began, *ends = sorted(at for at in past if now - WINDOW_S < at <= now) or [now]
        self._since = began  # the first end is where counting begins: what was before it is not known
        self._ended = ended
        self._counts = Counter(map(_interval, ends))

    def pace(self, now: float, ended: int, total: int, worked_s: float) -> Pace:
        """The pace by now; the mean since the start, `worked_s` ago, where too little was seen yet."""
        self._count(now, ended)
        newest = _interval(now)
        first = max(newest - INTERVALS, _interval(self._since))
        recent = tuple(self._counts[n] for n in range(first, newest))
        seconds = now - max(self._since, first * INTERVAL_S)
        done = sum(recent) + self._counts[newest]
        if seconds < LEAST_S or done < LEAST_ENDED:
            seconds, done = worked_s, ended
        if done <= 0 or seconds <= 0:
            return Pace(recent=recent)
        return Pace(done / seconds, (total - ended) * seconds / done, recent)

    def _count(self, now: float, ended: int) -> None:
        newest = _interval(now)
        self._counts[newest] += max(0, ended - self._ended)  # fewer where units were put back
        self._ended = ended
        for old in [n for n in self._counts if n < newest - INTERVALS]:
            del self._counts[old]


def _interval(at: float) -> int:
    return int(at // INTERVAL_S)
