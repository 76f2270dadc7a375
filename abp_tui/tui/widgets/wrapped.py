"""Text that grows at its end: wrapped to the width, followed until a person scrolls up."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from typing import Generic, TypeVar

from textual.content import Content
from textual.message import Message

from abp_tui.tui.widgets.lines import LineView
from abp_tui.tui.widgets.text import clean, wrap

Block = TypeVar("Block")
MOST_CHARACTERS = 200_000


class WrappedView(LineView, Generic[Block]):
    """Blocks of text in order; each is built into lines for the width there is."""

    class Behind(Message):
        """`lines` have come since a person scrolled up; 0 when the end is in view again."""

        def __init__(self, sender: WrappedView[Block], lines: int) -> None:
            super().__init__()
            self.sender = sender
            self.lines = lines

    def __init__(self, *, id: str | None = None, follow: bool = True) -> None:
        super().__init__(id=id)
        self._blocks: list[Block] = []
        self._lines: list[Content] = []
        self._starts: list[int] = []
        self._built_for = 0
        self._follow = self.following = follow
        self._behind = 0

    @abstractmethod
    def build(self, block: Block, width: int) -> list[Content]:
        """The lines of one block."""

    @property
    def blocks(self) -> Sequence[Block]:
        """What was put in, in order."""
        return self._blocks

    @property
    def plain(self) -> str:
        """All of it as text."""
        return "\n".join(line.plain for line in self._lines)

    @property
    def line_count(self) -> int:
        """How many lines it makes."""
        return len(self._lines)

    def line(self, index: int, width: int) -> Content:
        """One line."""
        return self._lines[index]

    def clear(self) -> None:
        """Start again with nothing."""
        self._blocks, self._lines, self._starts = [], [], []
        self.following = self._follow
        self._set_behind(0)
        self.measure()

    def append(self, blocks: Sequence[Block]) -> None:
        """Put more at the end; scroll there if the end was in view."""
        if not blocks:
            return
        before = len(self._lines)
        self._blocks.extend(blocks)
        self._build_from(len(self._blocks) - len(blocks))
        self.measure()
        if self.following:
            self._to_end()
        elif self._follow and self.max_scroll_y:
            self._set_behind(self._behind + len(self._lines) - before)

    def replace(self, index: int, block: Block) -> None:
        """Put another block in the place of one; what is in view below it stays there."""
        self._blocks[index] = block
        start, end = self.lines_of_block(index)
        lines = self.build_block(index)
        self._lines[start:end] = lines
        grown = len(lines) - (end - start)
        if grown:
            self._starts[index + 1 :] = [at + grown for at in self._starts[index + 1 :]]
            self.measure()
            self.shift(start, grown)
        else:
            self.refresh()

    def shift(self, start: int, lines: int) -> None:
        """The block that starts at a line has become longer by so many."""
        if self.following:
            self._to_end()
        elif start < self.scroll_offset.y:
            self.scroll_to(y=self.scroll_offset.y + lines, animate=False, immediate=True, force=True)

    def block_at(self, line: int) -> int:
        """The index of the block that a line is of; -1 where there is none."""
        return bisect_right(self._starts, line) - 1

    def lines_of_block(self, index: int) -> tuple[int, int]:
        """The first line of a block, and the one after its last."""
        after = self._starts[index + 1] if index + 1 < len(self._starts) else len(self._lines)
        return self._starts[index], after

    def build_block(self, index: int) -> list[Content]:
        """The lines of the block with this index."""
        return self.build(self._blocks[index], self._width)

    def rebuild(self) -> None:
        """Build all lines anew."""
        self._lines, self._starts = [], []
        self._build_from(0)
        self.measure()
        if self.following:
            self._to_end()

    def on_resize(self) -> None:
        """Wrap to the new width."""
        if self.line_width != self._built_for:
            self.rebuild()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the end while it is in view."""
        super().watch_scroll_y(old_value, new_value)
        at_end = new_value >= self.max_scroll_y
        if self._follow and (at_end or new_value < old_value):
            self.following = at_end
            if at_end:
                self._set_behind(0)

    def _build_from(self, first: int) -> None:
        if self._width != self._built_for:  # as before it was first laid out, or while it is not shown
            self._built_for, first = self._width, 0
            self._lines, self._starts = [], []
        for index in range(first, len(self._blocks)):
            self._starts.append(len(self._lines))
            self._lines.extend(self.build_block(index))

    def _to_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True, force=True)

    def _set_behind(self, lines: int) -> None:
        if lines != self._behind:
            self._behind = lines
            self.post_message(self.Behind(self, lines))

    @property
    def _width(self) -> int:
        return self.line_width or 80


Text = tuple[str, str] | Content


class TextView(WrappedView[Text]):
    """Texts with a style, each wrapped; of a very long one the beginning. A `Content` is one line, cut."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, follow=False)

    def show(self, *texts: Text) -> None:
        """Show these and nothing else; does nothing if it shows them already."""
        if list(texts) != self._blocks:
            self.clear()
            self.append(texts)

    @property
    def text(self) -> str:
        """All of the texts, as they came."""
        return "\n".join(block.plain if isinstance(block, Content) else block[0] for block in self.blocks)

    def build(self, block: Text, width: int) -> list[Content]:
        """The lines of one text."""
        if isinstance(block, Content):
            return [block]
        return plain_lines(*block, width)


def plain_lines(text: str, style: str, width: int) -> list[Content]:
    """A text as it is, wrapped; of a very long one the beginning, and how much more there is."""
    lines = [Content.styled(line, style) for line in wrap(clean(text[:MOST_CHARACTERS]), width)]
    left = len(text) - MOST_CHARACTERS
    if left > 0:
        lines.append(Content.styled(f"… {left:,} more characters are not shown here", "dim"))
    return lines
