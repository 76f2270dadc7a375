"""What a person says to agents that stopped, and whether one of them is to hear it first."""

from __future__ import annotations

from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog

NUDGE = "You stopped with a question; decide yourself, and finish."
DETAIL = "In their sessions where they can be gone on with, else behind the whole prompt."


class Nudge(NamedTuple):
    """The words; with `one_first` only one unit goes on with them."""

    words: str
    one_first: bool


class NudgeScreen(Dialog[Nudge | None]):
    """Answers with a nudge, or None where it was left."""

    BINDINGS = bindings("nudge")
    SCOPE = "nudge"

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        """What it is for, a field, the keys."""
        with Vertical(classes="box wide"):
            yield Static("Say to the agents", classes="question", markup=False)
            yield Static(DETAIL, classes="detail", markup=False)
            yield Input(self._words, compact=True)
            yield Static(self.keys(), classes="keys")

    def on_input_submitted(self) -> None:
        """Enter answers for all of them."""
        self.action_give(False)

    def action_give(self, one_first: bool) -> None:
        """Answer with what is in the field; nothing is no answer."""
        if words := self.query_one(Input).value.strip():
            self.dismiss(Nudge(words, one_first))
        else:
            self.notify("write something, or esc", severity="warning")
