"""Columns that are dropped by importance as the terminal narrows, and cells cut to fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content

from abp_tui.tui.widgets.glyphs import DIM
from abp_tui.tui.widgets.text import fit

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """`width` cells at least; `grow` is its share of what is left over; the highest `drop` goes first."""

    name: str
    title: str
    width: int
    right: bool = False
    grow: int = 0
    drop: int = 0
    most: int = 1000
    keep_end: bool = False


Cell = tuple[str, str]


def lay_out(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that fit, with their widths."""
    shown = list(columns)
    while _needed(shown) > width and (least := max(shown, key=lambda c: c.drop)).drop:
        shown.remove(least)
    spare, shares = max(0, width - _needed(shown)), sum(c.grow for c in shown)
    widths = []
    for column in shown:
        extra = min(spare * column.grow // shares, column.most - column.width) if column.grow else 0
        spare, shares = spare - extra, shares - column.grow
        widths.append((column, column.width + extra))
    return widths


def row(layout: Sequence[tuple[Column, int]], cells: Mapping[str, Cell]) -> Content:
    """One line of a table; a column without a cell stays empty."""
    parts: list[tuple[str, str]] = []
    for column, width in layout:
        text, style = cells.get(column.name, ("", ""))
        gap = " " * GAP if parts else ""
        parts.append((gap + fit(text, width, right=column.right, keep_end=column.keep_end), style))
    return Content.assemble(*parts)


def header(layout: Sequence[tuple[Column, int]]) -> Content:
    """The line of titles."""
    return row(layout, {column.name: (column.title, DIM) for column, _ in layout})


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)
