"""An approval without a budget, where a pilot has told what would do."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from abp_tui.domain.model import Job
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.figures import count, money


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


def approve(screen: AbpScreen, number: int, *, instead: bool = False) -> None:
    """Let the rest of a job run, and watch it; where it has no budget, offer what its quote says.

    With `instead` the progress takes the place of the screen below this one, too.
    """
    orchestrator = screen.orchestrator

    def ask(found: tuple[float | None, str]) -> None:
        budget_usd, becomes = found

        def run(answer: str | None) -> None:
            if answer is not None:
                let_run(screen, number, answer or None, instead=instead)

        if budget_usd is None:
            run("")
        else:
            screen.app.push_screen(AskBudgetScreen(budget_usd, becomes), run)

    screen.act(lambda: (orchestrator.offered_budget(number), orchestrator.decision(number).words), ask)


def let_run(screen: AbpScreen, number: int, budget: str | None, *, instead: bool) -> None:
    """Approve with a budget, and say what becomes of what was piloted."""

    def call() -> tuple[Job, str]:
        becomes = screen.orchestrator.decision(number).words
        return screen.orchestrator.approve(number, budget=budget), becomes

    def watch(done: tuple[Job, str]) -> None:
        job, becomes = done
        runs = f"{job.name} runs: {count(job.desired_workers, 'worker')}"
        screen.tell(f"{runs}; {becomes}" if becomes else runs)
        screen.go(leave)

    def leave() -> None:
        if instead:
            screen.app.pop_screen()
        screen.abp.open_progress(number, instead=True)

    screen.act(call, watch)
