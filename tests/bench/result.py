"""One line of the table: what was measured, beside what, and whether that is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import ge, le, lt
from statistics import median
from textwrap import wrap

NOTE_WIDTH = 110
COMPARE = {"<": lt, "<=": le, ">=": ge}
HEAD = ("row", "measured", "baseline", "value", "pairs", "goal", "")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two things measured in turn, A B A B, in the same unit."""

    ours: list[float]
    baseline: list[float]

    @property
    def ratio(self) -> float:
        """Median to median."""
        return median(self.ours) / median(self.baseline)

    @property
    def spread(self) -> str:
        """The least and the greatest ratio of a pair: the noise of the machine."""
        ratios = [ours / baseline for ours, baseline in zip(self.ours, self.baseline, strict=True)]
        return f"{min(ratios):.2f}-{max(ratios):.2f}"


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a value should lie."""

    sign: str
    bound: float
    unit: str = ""

    def met_by(self, value: float) -> bool:
        """Whether the value lies there."""
        return COMPARE[self.sign](value, self.bound)

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}{self.unit}"


MEMORY = Goal("<", 120, " MB")  # of the terminal interface with a million units


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the table, for information where it has no goal. A note is printed below, once."""

    row: str
    measured: str
    baseline: str = ""
    value: float | None = None
    goal: Goal | None = None
    spread: str = ""
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """What stands in the columns."""
        unit = self.goal.unit if self.goal else ""
        value = "" if self.value is None else f"{self.value:.{0 if self.value >= 20 else 2}f}{unit}"
        verdict = ""
        if self.goal and self.value is not None:
            verdict = "ok" if self.goal.met_by(self.value) else "short"
        return (
            self.row,
            self.measured,
            self.baseline,
            value,
            self.spread,
            str(self.goal) if self.goal else "",
            verdict,
        )


def compared(row: str, pairs: Pairs, show: str, beside: str, goal: Goal, note: str = "") -> Result:
    """A line for two things measured in turn; `show` is the format of a measured value."""
    ours, baseline = show.format(median(pairs.ours)), show.format(median(pairs.baseline))
    return Result(row, ours, f"{beside}: {baseline}", pairs.ratio, goal, pairs.spread, note)


def millis(row: str, seconds: Sequence[float], bound: float | None = None, share: float = 0.5) -> Result:
    """A line for how long something took, often; its value is what `share` of the times were within."""
    times = sorted(second * 1000 for second in seconds)
    goal = None if bound is None else Goal("<=", bound, " ms")
    measured = f"median {median(times):.0f} ms, p95 {_within(times, 0.95):.0f} ms"
    spread = f"{times[0]:.0f}-{times[-1]:.0f}"
    return Result(row, measured, f"{len(times)} times", _within(times, share), goal, spread)


def _within(times: Sequence[float], share: float) -> float:
    return times[min(len(times) - 1, int(share * len(times)))]


def table(results: Sequence[Result]) -> list[str]:
    """The lines of the table, its columns as wide as they need to be, and the notes."""
    rows = [HEAD, *(result.cells() for result in results)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = dict.fromkeys(result.note for result in results if result.note)
    wrapped = (line for note in notes for line in wrap(note, NOTE_WIDTH))
    return [line.rstrip() for line in (*lines, "", *wrapped)]
