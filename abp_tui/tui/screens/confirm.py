"""A question before what can't be undone."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog


class ConfirmScreen(Dialog[bool]):
    """Answers True for yes."""

    BINDINGS = bindings("confirm")
    SCOPE = "confirm"
    DEFAULT_CSS = """
    ConfirmScreen VerticalScroll { height: auto; max-height: 50vh; scrollbar-size-vertical: 1; }
    """

    def __init__(self, question: str, detail: str = "") -> None:
        super().__init__()
        self._question = question
        self._detail = detail

    def compose(self) -> ComposeResult:
        """The question, what follows from a yes, the keys."""
        with Vertical(classes="box"):
            yield Static(self._question, classes="question", markup=False)
            with VerticalScroll():  # nobody says yes to what can't be read, however long it is
                yield Static(self._detail, classes="detail", markup=False)
            yield Static(self.keys(), classes="keys")

    def action_answer(self, sure: bool) -> None:
        """Give the answer."""
        self.dismiss(sure)
