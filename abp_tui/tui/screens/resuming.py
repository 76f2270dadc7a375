"""Going on with a paused job: one whose budget is spent needs another first."""

from __future__ import annotations

from abp_tui.domain.model import Job
from abp_tui.tui.screens.ask_text import AskTextScreen
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.widgets.figures import money
from abp_tui.verbs.typed import number
from abp_tui.views import JobView


def resume_job(screen: AbpScreen, job: JobView) -> None:
    """Resume the job; where its budget is spent, ask for a new one."""
    if job.lacks_budget:
        _ask_budget(screen, job)
    else:
        screen.act(lambda: screen.orchestrator.resume(job.id), screen.say("goes on"))


def _ask_budget(screen: AbpScreen, job: JobView, text: str = "", wrong: str = "") -> None:
    def answer(text: str | None) -> None:
        if text is not None:
            again = screen.ask_again(lambda wrong: _ask_budget(screen, job, text, wrong))
            screen.act(lambda: resume(text), screen.say("goes on"), in_turn=True, refused=again)

    def resume(text: str) -> Job:
        budget_usd = number(text.lstrip("$"), "the budget")
        return screen.orchestrator.resume(job.id, budget_usd=budget_usd)

    spent = f"{money(job.cost_usd, at_least=job.cost_is_floor)} of {money(job.budget_usd)} are spent."
    question = "What may the job cost in all, in USD?"
    screen.app.push_screen(AskTextScreen(question, spent, text, wrong), answer)
