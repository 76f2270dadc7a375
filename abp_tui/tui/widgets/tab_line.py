"""A line of choices, one of them taken: tabs and filters."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.tui.widgets.glyphs import DIM

Choice = tuple[str, str]


class TabLine(Widget):
    """`choices` are (id, label); a click on one asks for it with `Chosen`."""

    DEFAULT_CSS = """
    TabLine { height: 1; text-wrap: nowrap; }
    """
    choices: reactive[tuple[Choice, ...]] = reactive(())
    taken: reactive[str] = reactive("")

    class Chosen(Message):
        """A choice was clicked."""

        def __init__(self, choice: str) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, choices: tuple[Choice, ...] = (), taken: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_reactive(TabLine.choices, choices)
        self.set_reactive(TabLine.taken, taken)

    def render(self) -> Content:
        """The labels, the one taken on the accent colour."""
        taken = "bold $background on $text-primary"
        return Content.assemble(
            *((f" {label} ", taken if name == self.taken else DIM) for name, label in self.choices)
        )

    def on_click(self, event: events.Click) -> None:
        """Find out which one was meant."""
        offset = event.get_content_offset(self)
        right = 0
        for name, label in self.choices:
            right += len(label) + 2
            if offset is not None and offset.x < right:
                self.post_message(self.Chosen(name))
                return
