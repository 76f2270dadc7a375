"""A line for each unit that an agent works on, and the causes of failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.domain.model import Cause
from abp_tui.feed import RunningUnit
from abp_tui.tui.widgets.cause_list import kind_of
from abp_tui.tui.widgets.columns import Column, lay_out, row
from abp_tui.tui.widgets.facts import paragraph, stack
from abp_tui.tui.widgets.figures import clock, since, span
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, WARN
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.unit_list import said

WORTH_NOTICING_S = 30.0

COLUMNS = (
    Column("n", "", 2, right=True),
    Column("key", "", 12, grow=1, most=28, keep_end=True),
    Column("time", "", 6, right=True),
    Column("idle", "", 9, drop=1),
    Column("said", "", 8, grow=3, drop=2),
)


class RunningStrip(Widget):
    """Who works on what, for how long, and what it said last."""

    DEFAULT_CSS = """
    RunningStrip { height: 1fr; text-wrap: nowrap; }
    """
    running: reactive[tuple[RunningUnit, ...]] = reactive(())
    failures: reactive[tuple[tuple[str, int], ...]] = reactive(())
    quiet: reactive[str] = reactive("")

    @property
    def wanted_height(self) -> int:
        """The lines it would fill."""
        return len(self._title()) + len(self.running) + bool(self.failures)

    def render(self) -> Content:
        """As many as there is room for, and how many more there are."""
        title = self._title()
        room = self.content_size.height - len(title) - bool(self.failures)
        shown = self.running if len(self.running) <= room else self.running[: max(0, room - 1)]
        lines = [*title, *(self._line(n, unit) for n, unit in enumerate(shown, 1))]
        if more := len(self.running) - len(shown):
            lines.append(Content.styled(f"   and {more} more", DIM))
        return stack([*lines, *([self._causes()] if self.failures else [])])

    def _title(self) -> list[Content]:
        return paragraph("workers" if self.running else self.quiet, self.content_size.width or 40)

    def _line(self, n: int, unit: RunningUnit) -> Content:
        now = datetime.now(UTC)
        idle = since(unit.last.at if unit.last and unit.last.at else unit.started_at, now)
        cells = {
            "n": (str(n), DIM),
            "key": (one_line(unit.key), BOLD),
            "time": (clock(since(unit.started_at, now)), ""),
            "idle": (f"idle {span(idle)}" if idle >= WORTH_NOTICING_S else "", WARN),
            "said": (said(unit), DIM),
        }
        return row(lay_out(COLUMNS, self.content_size.width), cells)

    def _causes(self) -> Content:
        parts: list[tuple[str, str]] = [("failures", DIM)]
        for cause, number in self.failures:
            parts += [("  ", ""), (f"{number:,}", BAD), (f" {cause}", "")]
        return Content.assemble(*parts).truncate(self.content_size.width, ellipsis=True)


def by_kind(causes: Iterable[Cause]) -> tuple[tuple[str, int], ...]:
    """The kinds of failure in words, the most frequent first."""
    kinds: Counter[str] = Counter()
    for cause in causes:
        kinds[kind_of(cause)] += cause.units
    return tuple(kinds.most_common(4))
