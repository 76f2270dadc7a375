"""Blocks of which each can be folded to what matters most and unfolded, the one under the cursor or all."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from textual.content import Content

from abp_tui.terminal import speaks_utf8
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.wrapped import WrappedView

Block = TypeVar("Block")


class FoldingView(WrappedView[Block], LineList):
    """The cursor stands on a line; on the last one it goes along with the end."""

    def __init__(self, *, id: str | None = None, follow: bool = True) -> None:
        super().__init__(id=id, follow=follow)
        self.unfolded = False
        self._other: set[int] = set()  # blocks that are not as `unfolded` says

    @abstractmethod
    def build_as(self, block: Block, width: int, *, whole: bool) -> list[Content]:
        """The lines of one block, whole or folded."""

    def build(self, block: Block, width: int) -> list[Content]:
        """The lines of a block as all are."""
        return self.build_as(block, width, whole=self.unfolded)

    def build_block(self, index: int) -> list[Content]:
        """The lines of the block with this index, as a person wants to see it."""
        return self.build_as(self._blocks[index], self._width, whole=self.is_whole(index))

    def is_whole(self, index: int) -> bool:
        """Whether a block is shown unfolded."""
        return self.unfolded is not (index in self._other)

    def clear(self) -> None:
        """Start again with nothing."""
        self._other = set()
        super().clear()
        self.cursor = 0

    def toggle(self) -> None:
        """Unfold the block under the cursor, or fold it."""
        index = self.block_at(self.cursor)
        if index < 0:
            return
        self._other ^= {index}
        self.following = False  # a person reads here
        self.replace(index, self._blocks[index])
        start, end = self.lines_of_block(index)
        self.cursor = start
        self.show_line(end - 1)
        self.show_line(start)

    def toggle_all(self) -> None:
        """Unfold all blocks, or fold them; the cursor stays with its block."""
        index = self.block_at(self.cursor)
        self.unfolded, self._other = not self.unfolded, set()
        self.rebuild()
        if index >= 0 and not self.following:
            self.cursor = self.lines_of_block(index)[0]
            self.show_line(self.cursor)

    def rebuild(self) -> None:
        """Build all lines anew, the cursor on the block where it was."""
        index = self.block_at(self.cursor)
        super().rebuild()
        if index >= 0 and not self.following:
            self.cursor = self.lines_of_block(index)[0]

    def shift(self, start: int, lines: int) -> None:
        """The block that starts at a line has become longer by so many."""
        if not self.following and self.cursor > start:
            self.cursor += lines
        super().shift(start, lines)

    def watch_cursor(self, old: int, new: int) -> None:
        """Go along with the end only from the last line."""
        super().watch_cursor(old, new)
        if self._follow:
            self.following = new >= self.line_count - 1
            if self.following:
                self._set_behind(0)

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """The line under the cursor was clicked."""
        message.stop()
        self.toggle()

    def _to_end(self) -> None:
        self.cursor = self.line_count - 1
        super()._to_end()


def fold_sign(*, whole: bool) -> str:
    """What stands before a block that can be unfolded, or folded."""
    if speaks_utf8():
        return "▾" if whole else "▸"
    return "v" if whole else ">"
