"""Changing what a job is run with once it is at work: its prompt, its timers, its worker's options."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from abp_tui.domain.model import Job, Recipe
from abp_tui.tui.screens.ask_text import AskTextScreen
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.draft import prompt_of
from abp_tui.tui.screens.edit_prompt import EditVersionScreen
from abp_tui.tui.widgets.text import one_line
from abp_tui.verbs.editing import takes_effect
from abp_tui.verbs.typed import settings_line, typed_edits
from abp_tui.views import JobView

SETTING = "Change settings: idle=300 option.model=haiku"


def edit_prompt(screen: AbpScreen, job: JobView, next_step: str = "") -> None:
    """Edit the prompt; a new version is told of with what can be done next."""

    def edited(recipe: Recipe) -> None:
        screen.abp.drafts.pop(prompt_of(job.id), None)
        saved(screen, next_step)(recipe)

    def save_prompt(text: str | None) -> None:
        if text is not None:
            call = partial(screen.orchestrator.set_prompt, job.id, text, based_on=job.prompt_version)
            screen.act(call, edited, in_turn=True)

    screen.app.push_screen(EditVersionScreen(job, ()), save_prompt)


def change_settings(
    screen: AbpScreen, job: JobView, next_step: str = "", line: str = "", wrong: str = ""
) -> None:
    """Change timers or the worker's options, as a person types them."""

    def change(line: str) -> Recipe:
        return screen.orchestrator.edit_recipe(job.id, **typed_edits(line), based_on=job.prompt_version)

    def save_settings(line: str | None) -> None:
        if line is not None:
            again = screen.ask_again(lambda wrong: change_settings(screen, job, next_step, line, wrong))
            screen.act(partial(change, line), saved(screen, next_step), in_turn=True, refused=again)

    now = one_line(settings_line(job.timers, job.worker_options), 600)
    screen.app.push_screen(AskTextScreen(SETTING, now, line, wrong), save_settings)


def saved(screen: AbpScreen, next_step: str = "") -> Callable[[Recipe], None]:
    """A follow-up to `act` that tells from when on the version holds that was saved."""

    def tell_of(recipe: Recipe) -> None:
        def tell(job: Job) -> None:
            words = f"version {recipe.version} is saved; {takes_effect(job)}"
            screen.tell(f"{words}. {next_step}" if next_step else words)

        screen.act(lambda: screen.abp.repository.jobs.get(recipe.job_id), tell, in_turn=True)

    return tell_of
