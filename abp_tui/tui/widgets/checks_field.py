"""The checks of a new job, a line each, and below them what is wrong with one."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from abp_tui.tui.widgets.source_form import labelled, text_field
from abp_tui.tui.widgets.text import one_line
from abp_tui.verbs.typed_checks import WORDS

FORM = "a line each: not-empty, changed, regex REGEX, schema FILE, command PROGRAM {file_path}"


class ChecksField(Vertical):
    """A field of several lines that says what is wrong with them."""

    DEFAULT_CSS = """
    ChecksField {
        height: auto;
        Problem { height: auto; color: $text-warning; }
    }
    """

    def compose(self) -> ComposeResult:
        """The lines, and the problem."""
        yield labelled("checks", text_field("checks", FORM), f"A line each: {', '.join(WORDS)}")
        yield Problem(markup=False)

    @property
    def text(self) -> str:
        """What is in the field."""
        return self.query_one(TextArea).text.strip()

    def say(self, problem: str) -> None:
        """Say what is wrong; nothing where nothing is."""
        line = self.query_one(Problem)
        line.update(one_line(problem, 400))
        line.display = bool(problem)


class Problem(Static):
    """Comes into sight as it grows, while the lines above it are being typed."""

    def on_resize(self) -> None:
        """Its height follows its words."""
        if self.screen.focused is self.screen.query_one("#checks"):
            self.scroll_visible(animate=False)
