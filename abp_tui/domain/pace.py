"""How fast a job goes: units that ended, counted by intervals of the last minutes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

INTERVAL_S = 10.0
INTERVALS = 30
WINDOW_S = INTERVAL_S * INTERVALS
LEAST_S, LEAST_ENDED, PLENTY = 5, 2, 8  # in so short a time so many must have ended
LONG_S = 60.0  # so long it must have worked before its last rest for the mean to say anything


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

    def __init__(self, began: float, now: float, ended: int, past: Iterable[float] = ()) -> None:
        """The job works since `began`; until `now` `ended` units have ended, the last at the times `past`.

        What ended before it began, as in a test, is no end of this batch, and does not count.
        """
        self._began = began
        ends = sorted(at for at in past if max(began, now - WINDOW_S) < at <= now)
        self._ended = ended
        self._counts = Counter(map(_interval, ends))
        self._last = max(began, now - WINDOW_S)
        self._silence = 0.0
        for at in ends:
            self._heard(at)

    def pace(self, now: float, ended: int, total: int, worked_s: float) -> Pace:
        """The pace by now; the mean of all `worked_s` where it has just gone on after a rest."""
        self._count(now, ended)
        newest = _interval(now)
        first = max(newest - INTERVALS, _interval(self._began))
        recent = tuple(self._counts[n] for n in range(first, newest))
        seconds = now - max(self._began, first * INTERVAL_S) - self._still_usual(now)
        done = sum(recent) + self._counts[newest]
        if done < (LEAST_ENDED if seconds >= LEAST_S else PLENTY):
            before_s = worked_s - (now - self._began)
            seconds, done = (worked_s, ended) if before_s >= LONG_S else (0.0, 0)
        if done <= 0 or seconds <= 0:
            return Pace(recent=recent)
        return Pace(done / seconds, (total - ended) * seconds / done, recent)

    def _still_usual(self, now: float) -> float:
        """How long nothing has ended, as far as that happens: agents that began together end together, and
        until the next of them do, the job is not slower."""
        return min(now - self._last, self._silence) if self._counts else 0.0

    def _count(self, now: float, ended: int) -> None:
        newest = _interval(now)
        if ended > self._ended:
            self._counts[newest] += ended - self._ended
            self._heard(now)
        self._ended = ended  # fewer where units were put back
        for old in [n for n in self._counts if n < newest - INTERVALS]:
            del self._counts[old]

    def _heard(self, at: float) -> None:
        self._silence = max(self._silence, at - self._last)
        self._last = at


def _interval(at: float) -> int:
    return int(at // INTERVAL_S)
