"""The causes of failures, a row each."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from abp_tui.domain.model import Cause
from abp_tui.tui.widgets.columns import Column, header, lay_out, row
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, WARN
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import one_line

COLUMNS = (
    Column("units", "units", 9, right=True),
    Column("kind", "kind", 12, grow=1, most=20),
    Column("error", "what the first of them says", 30, grow=8),
)


class CauseList(LineList):
    """All causes, the most frequent first."""

    def __init__(self) -> None:
        super().__init__()
        self.causes: Sequence[Cause] = ()

    @property
    def line_count(self) -> int:
        """How many causes there are."""
        return len(self.causes)

    @property
    def cause(self) -> Cause | None:
        """The cause under the cursor."""
        return self.causes[self.cursor] if self.cursor < len(self.causes) else None

    def take(self, causes: Sequence[Cause]) -> None:
        """Show these; the cursor stays on its cause."""
        self.causes = causes
        self.take_rows([(cause.fingerprint, cause.runs_again) for cause in causes])

    def titles(self) -> Content:
        """The line of column titles."""
        return header(lay_out(COLUMNS, self.line_width))

    def line(self, index: int, width: int) -> Content:
        """A cause."""
        cause, style = self.causes[index], BOLD if index == self.cursor else ""
        cells = {
            "units": (f"{cause.units:,}", style or style_of(cause)),
            "kind": (kind_of(cause), style_of(cause)),
            "error": (one_line(cause.error), style),
        }
        return row(lay_out(COLUMNS, width), cells)


def style_of(cause: Cause) -> str:
    """Its colour."""
    return DIM if cause.runs_again else BAD if cause.failed else WARN


def kind_of(cause: Cause) -> str:
    """The kind of failure in words, or that the units are over it."""
    if cause.runs_again:
        return "run again"
    if not cause.failed:
        return "in doubt"
    return str(cause.failure_kind or "unknown").replace("_", " ")
