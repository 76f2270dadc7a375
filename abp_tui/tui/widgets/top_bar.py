"""The first line: where am I, what state is it in, what did it cost, and does anything need a person."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.terminal import speaks_utf8
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, WARN
from abp_tui.tui.widgets.text import fit, one_line

LEAST = 9
MOST_KEPT = 20  # cells that crumbs are given at the cost of the state
Parts = tuple[tuple[str, str], ...]


class TopBar(Widget):
    """`where` are the crumbs, `state` is shown on the right, before how many jobs need a person.

    While it is `busy` with a command, that is said instead of the state; `trouble` stands before all else.
    """

    DEFAULT_CSS = """
    TopBar { height: 1; background: $panel; padding: 0 1 0 0; text-wrap: nowrap; }
    """
    where: reactive[tuple[str, ...]] = reactive(())
    state: reactive[Parts] = reactive(())
    waiting: reactive[int] = reactive(0)
    busy: reactive[bool] = reactive(False)
    trouble: reactive[str] = reactive("")

    def render(self) -> Content:
        """Crumbs left, state right; where it is narrow, the end of the state gives way, then the crumbs."""
        badge = Content.assemble((" abp ", "bold $background on $text-primary"), "  ")
        state = list(self.state)
        while True:
            right = self._right(state)
            room = self.content_size.width - badge.cell_length - right.cell_length - 1
            if len(state) <= 1 or self._least() <= room:
                break
            state.pop()
        left = self._crumbs(max(room, 8))
        gap = max(1, room + 1 - left.cell_length)
        return Content.assemble(badge, left, " " * gap, right)

    def _crumbs(self, room: int) -> Content:
        path, last = self._path(room)
        arrow = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} " if speaks_utf8() else " > "
        parts: list[tuple[str, str]] = []
        for part in path:
            parts += [(part, ""), (arrow, DIM)]
        return Content.assemble(*parts, (last, BOLD))

    def _least(self) -> int:
        """The cells for which the end of the state is given up: which job it is, and a little of the rest."""
        first = one_line(self.where[0], 100) if self.where else ""
        return min(MOST_KEPT, cell_len(first)) + (3 + LEAST) * (len(self.where) > 1)

    def _path(self, room: int) -> tuple[list[str], str]:
        """The crumbs that fit: those in the middle go first, then the last is cut; the first is the job."""
        first, *rest = [one_line(part, 100) for part in self.where] or [""]
        while len(rest) > 1 and sum(cell_len(part) + 3 for part in (first, *rest)) - 3 > room:
            rest.pop(-2)
        left = room - cell_len(first) - 3 - sum(cell_len(part) + 3 for part in rest[:-1])
        if not rest or left < min(LEAST, cell_len(rest[-1])):
            return [], fit(first, min(room, cell_len(first)))
        return [first, *rest[:-1]], fit(rest[-1], min(left, cell_len(rest[-1])))

    def _right(self, state: list[tuple[str, str]]) -> Content:
        if self.trouble:
            return Content.styled(one_line(self.trouble, 60), f"bold {BAD}")
        parts: list[tuple[str, str]] = [("one moment", DIM)] if self.busy else list(state)
        if self.waiting:
            note = "1 needs you" if self.waiting == 1 else f"{self.waiting} need you"
            parts += [(" · ", DIM)] if parts else []
            parts += [(note, f"bold {WARN}")]
        return Content.assemble(*parts)
