"""The whole code with its hash, before any of it runs."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from abp_tui.enumerators.base import Approval
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.glyphs import BOLD, DIM
from abp_tui.tui.widgets.text import TAB, clean
from abp_tui.tui.widgets.wrapped import TextView


class ApproveCodeScreen(Dialog[bool]):
    """Answers True where it may run."""

    BINDINGS = bindings("approval")
    SCOPE = "approval"
    AUTO_FOCUS = "TextView"

    def __init__(self, wanted: Approval) -> None:
        super().__init__()
        self._wanted = wanted

    def compose(self) -> ComposeResult:
        """The question, the code, what it is called with, its hash, the keys."""
        with Vertical(classes="box wide"):
            yield Static("Run this code on this machine, as you?", classes="question", markup=False)
            yield TextView(id="code")
            yield Static(f"SHA-256 {self._wanted.sha256}", classes="detail", markup=False)
            yield Static(self.keys(), classes="keys")

    def on_mount(self) -> None:
        """Show the code with line numbers."""
        lines = self._wanted.text.split("\n")
        size = len(str(len(lines)))
        numbered = [(f"{number:>{size}}  {_visible(line)}", "") for number, line in enumerate(lines, 1)]
        context = (
            [("", ""), ("Called with", BOLD), (self._wanted.context, DIM)] if self._wanted.context else []
        )
        self.query_one(TextView).show(*numbered, *context)

    def action_answer(self, sure: bool) -> None:
        """Give the answer."""
        self.dismiss(sure)


def _visible(line: str) -> str:
    """A line of code as it is; where something in it would be hidden, with escapes."""
    line = line.removesuffix("\r").replace("\t", TAB)
    return line if clean(line) == line else line.encode("unicode_escape").decode()
