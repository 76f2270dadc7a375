"""Lists and texts of any length: only the lines on the screen are ever drawn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

from abp_tui.terminal import speaks_utf8
from abp_tui.tui.commands import bindings


class LineView(ScrollView, can_focus=True):
    """Base of everything that is drawn line by line."""

    BINDINGS = bindings("lists")
    COMPONENT_CLASSES = {"lines--cursor", "lines--edge"}
    EDGE: ClassVar[int] = 0  # cells before each line, for a mark
    DEFAULT_CSS = """
    LineView {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        text-wrap: nowrap;
        & > .lines--cursor { background: $primary 20%; }
        & > .lines--edge { color: $text-primary; text-style: bold; }
    }
    """

    @property
    @abstractmethod
    def line_count(self) -> int:
        """How many lines there are."""

    @abstractmethod
    def line(self, index: int, width: int) -> Content:
        """One line, to be drawn in `width` cells."""

    def is_marked(self, index: int) -> bool:
        """Whether the line is drawn as the one under the cursor."""
        return False

    @property
    def line_width(self) -> int:
        """The cells a line has."""
        return self.scrollable_content_region.width - self.EDGE

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing is scrolled sideways: screens may have a use for these keys."""
        return action not in ("scroll_left", "scroll_right")

    def measure(self) -> None:
        """Take a new number of lines to the scrollbar, and draw anew."""
        self.virtual_size = Size(0, self.line_count)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the line at `y` of what is visible."""
        width, index = self.line_width, y + self.scroll_offset.y
        if index >= self.line_count or width <= 0:
            return Strip.blank(self.size.width, self.rich_style)
        style, marked = self.visual_style, self.is_marked(index)
        if marked:
            style += self.get_visual_style("lines--cursor", partial=True)
        line = self.line(index, width).truncate(width, ellipsis=True)
        strip = self._drawn(index, line, width, style)
        return Strip.join([self._edge(style, marked=marked), strip]) if self.EDGE else strip

    def _drawn(self, index: int, line: Content, width: int, style: Style) -> Strip:
        """A line as it goes to the screen, each part of it with its place, by which the mouse selects."""
        strips = Visual.to_strips(self, line, width, 1, style, apply_selection=False, pad=True)
        return (strips[0] if strips else Strip.blank(width, style.rich_style)).apply_offsets(0, index)

    def _edge(self, style: Style, *, marked: bool) -> Strip:
        """What stands before a line: a sign at the cursor, which not every terminal shows by a colour."""
        if not marked:
            return Strip.blank(self.EDGE, style.rich_style)
        style += self.get_visual_style("lines--edge", partial=True)
        sign = "▌" if speaks_utf8() else ">"
        return Strip([Segment(sign.ljust(self.EDGE), style.rich_style)], self.EDGE)

    def redraw(self, index: int) -> None:
        """Draw one line anew, if it is visible."""
        y = index - self.scroll_offset.y
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text selected with the mouse."""
        start = selection.start.y if selection.start else 0
        end = min(selection.end.y + 1 if selection.end else self.line_count, self.line_count)
        lines = [self.line(n, self.line_width).plain.rstrip() for n in range(start, end)]
        return selection.extract("\n" * start + "\n".join(lines)), "\n"

    def action_cursor_down(self) -> None:
        """One line down."""
        self.scroll_relative(y=1, animate=False, immediate=True)

    def action_cursor_up(self) -> None:
        """One line up."""
        self.scroll_relative(y=-1, animate=False, immediate=True)

    def action_to_top(self) -> None:
        """To the first line."""
        self.scroll_home(animate=False, immediate=True)

    def action_to_bottom(self) -> None:
        """To the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True, force=True)

    def action_page_down(self) -> None:
        """A page down."""
        self.scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        """A page up."""
        self.scroll_page_up(animate=False)


class LineList(LineView):
    """A list with a cursor, marked at the edge. Enter and a click on the line under the cursor open it."""

    ALLOW_SELECT = False  # a row is marked as a whole: each part of it with its place is slow to draw
    EDGE = 1
    cursor: reactive[int] = reactive(0, repaint=False)
    row_keys: Sequence[Hashable] = ()  # what each row is about, where rows come and go

    class Moved(Message):
        """The cursor stands on another line, or the line under it is another one."""

        def __init__(self, sender: LineList, index: int) -> None:
            super().__init__()
            self.sender = sender
            self.index = index

    class Opened(Message):
        """A line was clicked while the cursor stood on it."""

        def __init__(self, sender: LineList, index: int) -> None:
            super().__init__()
            self.sender = sender
            self.index = index

    def is_marked(self, index: int) -> bool:
        """Whether the cursor stands there."""
        return index == self.cursor

    def _drawn(self, index: int, line: Content, width: int, style: Style) -> Strip:
        parts = line.render(style, end="", parse_style=self.app.stylesheet.parse_style)
        strip = Strip([Segment(text, part.rich_style) for text, part in parts])
        return strip.adjust_cell_length(width, style.rich_style)

    def take_rows(self, keys: Sequence[Hashable]) -> None:
        """Draw other rows, with these keys; the cursor stays on its row, or else where it is."""
        here = self.row_keys[self.cursor] if self.cursor < len(self.row_keys) else None
        self.row_keys = keys
        self.measure()
        self.put_cursor(here)

    def put_cursor(self, key: Hashable) -> None:
        """Put the cursor on the row with this key, if there is one."""
        self.cursor = self.row_keys.index(key) if key in self.row_keys else self.cursor
        self.post_message(self.Moved(self, self.cursor))

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a line."""
        return max(0, min(cursor, self.line_count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draw the two lines that changed and bring the new one into view."""
        self.redraw(old)
        self.redraw(new)
        self.show_line(new)
        self.post_message(self.Moved(self, new))

    def show_line(self, index: int) -> None:
        """Scroll no further than needed to have the line in view."""
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        if height <= 0 or top <= index < top + height:
            return
        y = index if index < top else index - height + 1
        self.scroll_to(y=y, animate=False, immediate=True, force=True)

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self.show_line(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the line that was clicked; open it if it was there already."""
        offset = event.get_content_offset(self)
        index = (offset.y if offset else 0) + self.scroll_offset.y
        if index >= self.line_count:
            return
        if index == self.cursor:
            self.post_message(self.Opened(self, index))
        self.cursor = index

    def action_cursor_down(self) -> None:
        """One line down."""
        self.cursor += 1

    def action_cursor_up(self) -> None:
        """One line up."""
        self.cursor -= 1

    def action_to_top(self) -> None:
        """To the first line."""
        self.cursor = 0

    def action_to_bottom(self) -> None:
        """To the last line."""
        self.cursor = self.line_count - 1

    def action_page_down(self) -> None:
        """A page down."""
        self.cursor += self._page

    def action_page_up(self) -> None:
        """A page up."""
        self.cursor -= self._page

    @property
    def _page(self) -> int:
        return max(1, self.scrollable_content_region.height - 1)
