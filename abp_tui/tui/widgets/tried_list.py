"""The units of a pilot, a row each."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from abp_tui.domain.pilot import Tried
from abp_tui.tui.widgets.columns import Column, header, lay_out, row
from abp_tui.tui.widgets.figures import money, took
from abp_tui.tui.widgets.glyphs import BOLD, DIM, PERSON_MARKS, UNIT_MARKS, unit_state
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import one_line

COLUMNS = (
    Column("seq", "#", 6, right=True, drop=3),
    Column("key", "unit", 16, grow=2, most=36, keep_end=True),
    Column("state", "state", 9),
    Column("mark", "yours", 10),
    Column("cost", "cost", 7, right=True, drop=1),
    Column("time", "time", 5, right=True, drop=2),
    Column("note", "first line", 12, grow=3, drop=4),
)


class TriedList(LineList):
    """All units of a pilot in the order of the items."""

    def __init__(self) -> None:
        super().__init__()
        self.units: Sequence[Tried] = ()

    @property
    def line_count(self) -> int:
        """How many units there are."""
        return len(self.units)

    @property
    def unit(self) -> Tried | None:
        """The unit under the cursor."""
        return self.units[self.cursor] if self.cursor < len(self.units) else None

    def take(self, units: Sequence[Tried]) -> None:
        """Show these; the cursor stays on its unit."""
        self.units = units
        self.take_rows([unit.seq for unit in units])

    def titles(self) -> Content:
        """The line of column titles."""
        return header(lay_out(COLUMNS, self.line_width))

    def line(self, index: int, width: int) -> Content:
        """A unit."""
        unit = self.units[index]
        # how the attempt ended by itself, whatever a person thinks of it
        state, style = UNIT_MARKS[unit_state(unit)], BOLD if index == self.cursor else ""
        mark = PERSON_MARKS[unit.mark] if unit.mark else None
        cells = {
            "seq": (str(unit.seq), DIM),
            "key": (one_line(unit.key), style),
            "state": (str(state), state.style),
            "mark": (str(mark), mark.style) if mark else ("", ""),
            "cost": (money(unit.cost_usd), ""),
            "time": (took(unit.duration_s), ""),
            "note": (one_line(unit.note), DIM),
        }
        return row(lay_out(COLUMNS, width), cells)
