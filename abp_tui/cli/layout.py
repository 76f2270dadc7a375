"""What people read: aligned columns, amounts, times, and colour where it is wanted."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import click

from abp_tui.cli.text import cut, width

SPACE = "  "  # between two columns
NARROWEST = 8
STATES = "pending processing completed failed suspect".split()
COLOURS = {
    "COMPLETED": "green",
    "FAILED": "red",
    "RUNNING": "cyan",
    "PROCESSING": "cyan",
    "TESTING": "yellow",
    "PAUSED": "yellow",
    "SKIPS": "red",  # all permission checks
    "RUNS": "red",  # without a sandbox
}


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], right: str = "", gives: str = ""
) -> Iterator[str]:
    """Lines of aligned columns; those named in `right` (space separated) are aligned to the right.

    Where stdout is a terminal too narrow for them, those named in `gives` are cut.
    """
    cells = [head, *rows]
    sizes = [max(width(row[n]) for row in cells) for n in range(len(head))]
    if sys.stdout.isatty():
        _narrow(sizes, [n for n, name in enumerate(head) if name in gives.split()])
    numbers = right.split()
    for row in cells:
        style = bold if row is head else tinted
        columns = zip(head, (cut(*each) for each in zip(row, sizes, strict=True)), sizes, strict=True)
        line = SPACE.join(_padded(text, size, name in numbers, style(text)) for name, text, size in columns)
        yield line.rstrip()


def _narrow(sizes: list[int], columns: Sequence[int]) -> None:
    """Make these columns narrower, always the widest of them, until a line fits into the terminal."""
    over = sum(sizes) + len(SPACE) * (len(sizes) - 1) - shutil.get_terminal_size().columns
    for _ in range(over):
        widest = max(columns, key=lambda n: sizes[n], default=None)
        if widest is None or sizes[widest] <= NARROWEST:
            return
        sizes[widest] -= 1


def pairs(named: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Lines of `name  value`, the values aligned; empty ones are left out."""
    shown = [(name, value) for name, value in named if value]
    size = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        yield f"{_padded(name, size, False, bold(name))}  {value}"


def bold(text: str) -> str:
    """Emphasised, where colour is wanted."""
    return click.style(text, bold=True) if wants_colour() else text


def red(text: str) -> str:
    """As a warning, where colour is wanted."""
    return click.style(text, fg="red", bold=True) if wants_colour() else text


def dim(text: str) -> str:
    """Toned down, where colour is wanted."""
    return click.style(text, dim=True) if wants_colour() else text


def tinted(text: str) -> str:
    """A state in its colour, where colour is wanted; all else as it is."""
    colour = COLOURS.get(text.partition(" ")[0])
    return click.style(text, fg=colour) if colour and wants_colour() else text


def wants_colour() -> bool:
    """Whether colours may be used at all; where a stream is no terminal, click takes them out again."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def money(amount: float | None, at_least: bool = False) -> str:
    """An amount in USD; `≥` where some of it is unknown, `-` where all of it is."""
    if amount is None:
        return "-"
    digits = 2 if amount >= 0.1 or amount == 0 else 4
    return f"{'≥' if at_least else ''}${amount:.{digits}f}"


def span(seconds: float | None) -> str:
    """A length of time in the one or two units that matter."""
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 48 * 60 else f"{minutes // 1440} d"


def timer_words(timers: Mapping[str, float]) -> str:
    """All timers of a job in one line."""
    said = ((name.removesuffix("_s").replace("_", " "), seconds) for name, seconds in timers.items())
    return ", ".join(f"{name} {f'{seconds:g} s' if seconds else 'off'}" for name, seconds in said)


def ago(moment: datetime) -> str:
    """How long ago that was."""
    return span(max(0.0, (datetime.now(UTC) - moment).total_seconds()))


def local(moment: datetime | None) -> str:
    """A time as the clock on the wall shows it; empty for none."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _padded(text: str, size: int, to_right: bool, shown: str) -> str:
    space = " " * (size - width(text))
    return space + shown if to_right else shown + space
