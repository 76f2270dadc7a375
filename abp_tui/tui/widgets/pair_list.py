"""Units that were tried under two versions of a recipe, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from abp_tui.domain.version import Pair, Side
from abp_tui.tui.widgets.columns import Cell, Column, header, lay_out, row
from abp_tui.tui.widgets.figures import money, took
from abp_tui.tui.widgets.glyphs import BOLD, DIM, ENDS
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import one_line


class PairList(LineList):
    """A row for each unit, first the older version's end, then the newer one's."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: Sequence[Pair] = ()
        self.versions = (0, 0)

    @property
    def line_count(self) -> int:
        """How many units there are."""
        return len(self.pairs)

    @property
    def pair(self) -> Pair | None:
        """The unit under the cursor."""
        return self.pairs[self.cursor] if self.cursor < len(self.pairs) else None

    def take(self, versions: tuple[int, int], pairs: Sequence[Pair]) -> None:
        """Show these; the cursor stays on its unit."""
        self.versions, self.pairs = versions, pairs
        self.take_rows([pair.seq for pair in pairs])

    def titles(self) -> Content:
        """The line of column titles."""
        return header(lay_out(self._columns(), self.line_width))

    def line(self, index: int, width: int) -> Content:
        """A unit."""
        pair = self.pairs[index]
        cells: dict[str, Cell] = {
            "seq": (str(pair.seq), DIM),
            "key": (one_line(pair.key), BOLD if index == self.cursor else ""),
            **_cells("left", pair.left),
            **_cells("right", pair.right),
        }
        return row(lay_out(self._columns(), width), cells)

    def _columns(self) -> tuple[Column, ...]:
        left, right = (f"v{version}" for version in self.versions)
        return (
            Column("seq", "#", 5, right=True, drop=3),
            Column("key", "unit", 10, grow=1, most=36, keep_end=True),
            Column("left", left, 9),
            Column("left_cost", "cost", 7, right=True, drop=1),
            Column("left_time", "time", 5, right=True, drop=2),
            Column("right", right, 9),
            Column("right_cost", "cost", 7, right=True, drop=1),
            Column("right_time", "time", 5, right=True, drop=2),
        )


def _cells(side: str, end: Side) -> dict[str, Cell]:
    mark = ENDS[end.came_to]
    return {
        side: (str(mark), mark.style),
        f"{side}_cost": (money(end.cost_usd), ""),
        f"{side}_time": (took(end.duration_s), ""),
    }
