"""Deciding on a test or pilot: what that costs or gives up is said before, what becomes of it after."""

from __future__ import annotations

from collections.abc import Callable

from abp_tui.domain.model import Job
from abp_tui.tui.screens.ask_budget import AskBudgetScreen
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.widgets.figures import count, money


def approve(screen: AbpScreen, number: int, *, instead: bool = False) -> None:
    """Let the rest of a job run, and watch it; where it has no budget, offer what its quote says.

    Where a test or pilot is not all good and there is no quote to go by, a person is asked first.

    With `instead` the progress takes the place of the screen below this one, too.
    """
    orchestrator = screen.orchestrator

    def ask(found: tuple[float | None, str]) -> None:
        budget_usd, becomes = found

        def run(answer: str | None) -> None:
            if answer is not None:
                let_run(screen, number, answer or None, instead=instead)

        job = screen.job
        if budget_usd is not None:
            screen.app.push_screen(AskBudgetScreen(budget_usd, becomes), run)
        elif job is not None and job.doubts:
            up_to = f"up to {money(job.budget_usd)}" if job.budget_usd else "without a budget"
            detail = f"{becomes or job.doubts}. {count(job.rest_units, 'unit')} will run, {up_to}."
            question = "Approve all the same?"
            screen.app.push_screen(ConfirmScreen(question, detail), lambda sure: run("" if sure else None))
        else:
            run("")

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


def reject(screen: AbpScreen, number: int, then: Callable[[Job], object]) -> None:
    """Put all units back; where results of a pilot are given up, which were paid for, if a person is sure."""
    orchestrator = screen.orchestrator

    def put_back(sure: bool | None) -> None:
        if sure:
            screen.act(lambda: orchestrator.reject(number), then)

    def be_sure(given_up: str) -> None:
        if given_up:
            screen.app.push_screen(ConfirmScreen("Reject this pilot?", f"{given_up}."), put_back)
        else:
            put_back(True)

    screen.act(lambda: orchestrator.given_up(number), be_sure)
