"""How large a pilot shall be, and by what."""

from __future__ import annotations

from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Label, Static

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.figures import count


class PilotWish(NamedTuple):
    """How many units, and what their kinds differ in."""

    units: int
    by: str


class AskPilotScreen(Dialog[PilotWish]):
    """Answers with what a person wants, or None for nothing."""

    BINDINGS = bindings("sample")
    SCOPE = "sample"

    def __init__(self, waiting: int) -> None:
        super().__init__()
        self._waiting = waiting

    def compose(self) -> ComposeResult:
        """Two fields and the keys."""
        with Vertical(classes="box"):
            yield Static("Run a pilot before the rest", classes="question", markup=False)
            yield Static(
                f"A sample of the {count(self._waiting, 'unit')} that wait, with something of every kind.",
                classes="detail",
                markup=False,
            )
            yield Label("how many units")
            yield Input("10", id="count", type="integer", compact=True)
            yield Label("by size, type, or a field of the items")
            yield Input("size", id="by", compact=True)
            yield Static(self.keys(), classes="keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter runs it."""
        self.action_run()

    def action_run(self) -> None:
        """Answer with what was written."""
        number, by = self.query_one("#count", Input).value.strip(), self.query_one("#by", Input).value.strip()
        if not number.isdecimal() or not int(number) or not by:
            self.notify("say how many units, and by what", severity="warning")
            return
        self.dismiss(PilotWish(int(number), by))
