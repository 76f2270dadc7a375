"""An approval without a budget, where a pilot has told what would do."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.figures import money


class AskBudgetScreen(Dialog[str]):
    """Answers with `quote` for its upper end, with nothing for no budget, or None for no approval."""

    BINDINGS = bindings("budget")
    SCOPE = "budget"

    def __init__(self, budget_usd: float, becomes: str) -> None:
        super().__init__()
        self._budget_usd = budget_usd
        self._becomes = becomes

    def compose(self) -> ComposeResult:
        """The question, what would do and what becomes of the pilot, the keys."""
        would_do = f"By the quote {money(self._budget_usd)} would do, what was spent so far included."
        with Vertical(classes="box"):
            yield Static("Approve without a budget?", classes="question", markup=False)
            yield Static(would_do, classes="detail", markup=False)
            yield Static(f"{self._becomes}.", classes="detail", markup=False)
            yield Static(self.keys(), classes="keys")

    def action_answer(self, budget: str) -> None:
        """Give the answer."""
        self.dismiss(budget)
