"""The map of all units: one screen, whether there are 40 or a million."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.domain.model import Bucket
from abp_tui.tui.widgets.glyphs import FAINT, MAP_MARKS

WORST_FIRST = ("failed", "suspect", "processing")


class UnitMap(Widget):
    """A cell for each range of units; the worst state in it decides how it looks."""

    DEFAULT_CSS = """
    UnitMap { height: 1fr; text-wrap: nowrap; }
    """
    buckets: reactive[tuple[Bucket, ...]] = reactive(())
    units_per_bucket: reactive[int] = reactive(1)
    cursor: reactive[int] = reactive(0)

    class Pointed(Message):
        """A cell was clicked; `seq` is the first unit in it."""

        def __init__(self, seq: int) -> None:
            super().__init__()
            self.seq = seq

    @property
    def wanted_height(self) -> int:
        """The rows it would fill with a cell for each bucket."""
        width = self.content_size.width
        return max(1, -(-len(self.buckets) // width)) if width else 1

    @property
    def cells_per_row(self) -> int:
        """How many cells are side by side."""
        return max(1, self.content_size.width)

    @property
    def per_cell(self) -> int:
        """How many buckets share a cell, so that all fit."""
        cells = self.cells_per_row * max(1, self.content_size.height)
        return max(1, -(-len(self.buckets) // cells))

    def beside(self, seq: int, by: int) -> int:
        """The first unit of the cell so many cells after that of a unit; it may be out of the map."""
        units = self.units_per_bucket * self.per_cell
        return (seq // units + by) * units

    def render(self) -> Content:
        """The cells, row by row, that of the cursor reversed."""
        width, n = self.cells_per_row, self.per_cell
        states = [cell_state(self.buckets[i : i + n]) for i in range(0, len(self.buckets), n)]
        here = self.cursor // self.units_per_bucket // n
        rows = (states[start : start + width] for start in range(0, len(states), width))
        lines = [Content.assemble(*_cells(row, here - y * width)) for y, row in enumerate(rows)]
        return Content("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        """Say which units were pointed at."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        cell = offset.y * self.cells_per_row + offset.x
        bucket = cell * self.per_cell
        if bucket < len(self.buckets):
            self.post_message(self.Pointed(bucket * self.units_per_bucket))


def _cells(row: Sequence[str], here: int) -> Iterator[tuple[str, str]]:
    """The cells of a row, neighbours that look the same as one piece: hundreds of pieces are slow to draw."""
    for (state, marked), cells in groupby((state, index == here) for index, state in enumerate(row)):
        mark = MAP_MARKS[state]
        style = f"reverse {mark.style}" if marked else FAINT if state == "pending" else mark.style
        yield mark.sign * len(list(cells)), style


def cell_state(buckets: Sequence[Bucket]) -> str:
    """The worst state among some buckets: a failure is never hidden behind what is done."""
    for state in WORST_FIRST:
        if any(getattr(bucket, state) for bucket in buckets):
            return state
    done, waiting = sum(b.completed for b in buckets), sum(b.pending for b in buckets)
    return "partly" if done and waiting else "completed" if done else "pending"
