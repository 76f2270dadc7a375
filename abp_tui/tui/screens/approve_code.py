"""The whole code with its hash, before any of it runs."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from abp_tui.enumerators.base import Approval
from abp_tui.enumerators.reading import Reading
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.code_view import CodeView


class ApproveCodeScreen(Dialog[bool]):
    """Answers True where it may run."""

    BINDINGS = bindings("approval")
    SCOPE = "approval"
    AUTO_FOCUS = "CodeView"
    DEFAULT_CSS = """
    ApproveCodeScreen {
        #code { height: 1fr; margin-top: 1; background: $surface; }
        &.-short .box { width: 100%; max-width: 100%; height: 100%; max-height: 100%; padding: 0 1; }
        &.-short .box Static, &.-short #code { margin: 0; }
    }
    """

    def __init__(self, wanted: Approval) -> None:
        super().__init__()
        self._reading = Reading.of(wanted)

    def compose(self) -> ComposeResult:
        """The question, the code, what it is called with, what is odd in it, its hash, the keys."""
        with Vertical(classes="box wide"):
            yield Static("Run this code on this machine, as you?", classes="question", markup=False)
            yield CodeView(id="code")
            if self._reading.remark:
                yield Static(self._reading.remark, classes="remark", markup=False)
            yield Static(self._reading.hash, classes="detail", markup=False)
            yield Static(self.keys(), classes="keys")

    def on_mount(self) -> None:
        """Show all there is to read."""
        view = self.query_one(CodeView)
        view.append(self._reading.code)
        if self._reading.context:
            view.append(["", "called with this context:", *self._reading.context])

    def action_answer(self, sure: bool) -> None:
        """Give the answer."""
        self.dismiss(sure)
