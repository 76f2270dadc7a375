"""Numbers as people read them: durations, money, rates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from abp_tui.terminal import speaks_utf8
from abp_tui.words import counted

count = counted


def clock(seconds: float) -> str:
    """`0:52`, `12:05`, `3:10:00`: a duration that is still counting."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def took(seconds: float | None) -> str:
    """`0.4 s`, `0:52`: a duration that is over; nothing where it is not known."""
    if seconds is None:
        return ""
    return clock(seconds) if seconds >= 1 else span(seconds)


def countdown(seconds: float) -> str:
    """`41:52`, `2h 14m`, `3d 4h`: how long until something, to the second where that is soon."""
    return clock(seconds) if seconds < 3600 else span(seconds)


def span(seconds: float) -> str:
    """`0.4 s`, `42 s`, `12 min`, `1h 28m`, `3d 4h`: a duration in words."""
    if seconds < 1:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60}h {minutes % 60:02}m"
    return f"{minutes // 1440}d {minutes % 1440 // 60}h"


def money(usd: float | None, *, at_least: bool = False) -> str:
    """`$18.22`, `$0.004`, `≥ $3.10` where a part is unknown; nothing where nothing is known."""
    if usd is None or (at_least and usd == 0):
        return ""
    shown = f"${usd:,.2f}" if usd >= 0.01 or usd == 0 else f"${usd:.2g}"
    return f"≥ {shown}" if at_least else shown


def number(value: int, width: int) -> str:
    """`99,980`; where that is wider than so many cells, `99.9k`, `1.23M`: never more than there are."""
    if len(full := f"{value:,}") <= width:
        return full
    unit, letter = next((u, s) for u, s in ((10**9, "G"), (10**6, "M"), (1000, "k")) if value >= u)
    whole, rest = divmod(value * 100 // unit, 100)
    tail = f"{rest:02}"[: max(0, 3 - len(str(whole)))].rstrip("0")
    return f"{whole:,}{f'.{tail}' if tail else ''}{letter}"


def rate(per_s: float | None) -> str:
    """`148/min`, or `12/s` where it is quick."""
    if per_s is None:
        return ""
    if per_s >= 10:
        return f"{per_s:,.0f}/s"
    per_min = per_s * 60
    return f"{per_min:.1f}/min" if per_min < 10 else f"{per_min:,.0f}/min"


def sparkline(numbers: Sequence[int]) -> str:
    """A cell for each number, as high as it is beside the greatest; the base line for 0."""
    levels = "▁▂▃▄▅▆▇█" if speaks_utf8() else "_.:-=+*#"
    most = max(numbers, default=0) or 1
    return "".join(levels[-(-number * (len(levels) - 1) // most)] for number in numbers)


def bar_of(done: int, width: int) -> str:
    """A bar of so many cells: thick where done, thin where not."""
    thick, thin = ("━", "─") if speaks_utf8() else ("#", "-")
    return thick * done + thin * (width - done)


def roughly(low: float, high: float, unit: str = "") -> str:
    """A range in two figures: `$0.37 to $1.50`, `$37 to $150`; more would seem to know more than it does."""
    return f"{unit}{_two_figures(low)} to {unit}{_two_figures(high)}"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago something was, in words."""
    return f"{span(since(moment, now))} ago"


def since(moment: datetime, now: datetime | None = None) -> float:
    """Seconds since a moment, never negative."""
    return max(0.0, ((now or datetime.now(UTC)) - moment).total_seconds())


def _two_figures(number: float) -> str:
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.2f}" if rounded >= 0.1 else f"{rounded:.2g}"
