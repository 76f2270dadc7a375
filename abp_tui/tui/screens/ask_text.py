"""One line of text, asked for in a box."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog


class AskTextScreen(Dialog[str | None]):
    """Answers with what was written, or None where it was left."""

    BINDINGS = bindings("ask")
    SCOPE = "ask"

    def __init__(self, question: str, detail: str = "", value: str = "", wrong: str = "") -> None:
        """`wrong` says what was refused of the `value`, where it is asked for a second time."""
        super().__init__()
        self._question = question
        self._detail = detail
        self._value = value
        self._wrong = wrong

    def compose(self) -> ComposeResult:
        """The question, what becomes of the answer, a field, the keys."""
        with Vertical(classes="box wide"):
            yield Static(self._question, classes="question", markup=False)
            yield Static(self._detail, classes="detail", markup=False)
            yield Input(self._value, compact=True, select_on_focus=not self._wrong)
            if self._wrong:
                yield Static(self._wrong, classes="wrong", markup=False)
            yield Static(self.keys(), classes="keys")

    def on_input_submitted(self) -> None:
        """Enter answers."""
        self.action_give()

    def action_give(self) -> None:
        """Answer with what is in the field; nothing is no answer."""
        if text := self.query_one(Input).value.strip():
            self.dismiss(text)
        else:
            self.notify("write something, or esc", severity="warning")
