"""The first line: where am I, what state is it in, what did it cost, and does anything need a person."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.tui.widgets.glyphs import BOLD, DIM, WARN, speaks_utf8
from abp_tui.tui.widgets.text import fit, one_line

Parts = tuple[tuple[str, str], ...]


class TopBar(Widget):
    """`where` are the crumbs, `state` is shown on the right, before how many jobs need a person."""

    DEFAULT_CSS = """
    TopBar { height: 1; background: $panel; padding: 0 1 0 0; text-wrap: nowrap; }
    """
    where: reactive[tuple[str, ...]] = reactive(())
    state: reactive[Parts] = reactive(())
    waiting: reactive[int] = reactive(0)

    def render(self) -> Content:
        """Crumbs left, state right; where it is narrow, the crumbs give way."""
        right = self._right()
        badge = Content.assemble((" abp ", "bold $background on $text-primary"), "  ")
        room = self.content_size.width - badge.cell_length - right.cell_length - 1
        left = self._crumbs(max(room, 8))
        gap = max(1, room + 1 - left.cell_length)
        return Content.assemble(badge, left, " " * gap, right)

    def _crumbs(self, room: int) -> Content:
        arrow = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} " if speaks_utf8() else " > "
        *path, last = [one_line(part, 100) for part in self.where] or [""]
        before = arrow.join([*path, ""])
        if cell_len(before + last) > room:
            before = fit(before, max(0, room - cell_len(last))) if room > cell_len(last) else ""
        return Content.assemble((before, ""), (fit(last, min(room, cell_len(last))), BOLD))

    def _right(self) -> Content:
        parts: list[tuple[str, str]] = list(self.state)
        if self.waiting:
            note = "1 needs you" if self.waiting == 1 else f"{self.waiting} need you"
            parts += [(" · ", DIM)] if parts else []
            parts += [(note, f"bold {WARN}")]
        return Content.assemble(*parts)
