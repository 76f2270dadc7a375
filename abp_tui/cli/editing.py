"""Changing a job: its limits, and what its units are run with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from abp_tui.cli.checks import CHECK_FLAGS, check_options, checks_of
from abp_tui.cli.common import job_argument, open_orchestrator, say
from abp_tui.cli.layout import local, timer_words
from abp_tui.cli.summary import warn
from abp_tui.cli.text import one_line
from abp_tui.errors import EditConflict
from abp_tui.verbs.typed import LIMITS, edits_of, setting
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Job, Recipe
    from abp_tui.orchestrator import Orchestrator


@click.command("set")
@job_argument
@click.argument("settings", nargs=-1, metavar="[K=V]..")
@check_options
@click.option("--based-on", type=int, metavar="N", help="Refuse where version N is no longer the newest.")
def set_(job: str, settings: tuple[str, ...], based_on: int | None, **given: Any) -> None:
    """Change a job's limits, or save a new version of what its units are run with.

    Limits: budget_usd, max_retries, max_failures_in_row, max_workers. The number of workers changes at once,
    the others from the next start or resume on.

    A new version: the timers first_event_s, idle_s, total_s, grace_s and backoff_s, in seconds, 0 for none;
    option.NAME for an option of the worker, empty to take it away; schema=FILE, or empty for none; the flags
    of checks, which replace those there are, or checks= for none. While the job runs a new version holds
    from the next unit on; those that run end as they began.

    \b
    abp set docs budget_usd=25
    abp set docs max_retries=1 max_workers=8
    abp set docs idle_s=300 option.model=haiku
    abp set docs --check 'ruff check {file_path}' --check-changed
    abp set docs checks=
    """
    given_settings = dict(setting(text) for text in settings)
    limits = {name: given_settings[name] for name in LIMITS if name in given_settings}
    edits = _edits(given_settings, given)
    if not limits and not edits:
        raise click.UsageError("name a setting: K=V, or a flag of checks")
    orchestrator = open_orchestrator()
    found = orchestrator.repository.jobs.find(job)
    if edits:
        with telling_conflicts():
            recipe = orchestrator.edit_recipe(found.id, based_on=based_on, **edits)
        tell_edit(orchestrator, found, recipe, checked=based_on is not None)
    if limits:
        _set_limits(orchestrator, found, limits)
    warn(orchestrator.status(found.id))


def tell_edit(orchestrator: Orchestrator, before: Job, recipe: Recipe, *, checked: bool) -> None:
    """Say what was saved, and from when on it holds; unless it was `checked` that a person knew what this
    replaces, also whose edit that was.
    """
    from abp_tui.domain.recipe_diff import recipe_diff
    from abp_tui.verbs.editing import takes_effect

    if recipe.version == before.recipe.version:
        say(f"{before.name}: nothing is different, version {recipe.version} stays")
        return
    for line in recipe_diff(before.recipe, recipe):
        say(f"  {one_line(line, 200)}")
    now = orchestrator.repository.jobs.get(before.id)
    say(f"{before.name}: version {recipe.version} is saved; {takes_effect(now)}")
    if not checked:
        _tell_whose(before, orchestrator.repository.recipes.get(before.id, recipe.version - 1), recipe)
    if recipe.timers != before.recipe.timers:
        say(f"{before.name}: {timer_words(recipe.timers.model_dump())}")


def _tell_whose(job: Job, replaced: Recipe, recipe: Recipe) -> None:
    if replaced.author and replaced.author != recipe.author:
        saved = f"saved by {one_line(replaced.author, 30)} at {local(replaced.created_at)}"
        say(f"{job.name}: it replaces version {replaced.version}, {saved}")


@contextmanager
def telling_conflicts() -> Iterator[None]:
    """Where somebody else has saved an edit first, show what that changed."""
    try:
        yield
    except EditConflict as conflict:
        for line in conflict.difference:
            say(f"  {one_line(line, 200)}")
        raise


def _edits(settings: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `edit_recipe` for what was asked for."""
    edits = edits_of(settings)
    return {**edits, "checks": checks_of(flags)} if any(flags[name] for name in CHECK_FLAGS) else edits


def _set_limits(orchestrator: Orchestrator, job: Job, limits: dict[str, Any]) -> None:
    if (count := limits.pop("max_workers", None)) is not None:
        orchestrator.set_workers(job.id, count)
    found = orchestrator.set_limits(job.id, **limits)
    budget = "no budget" if found.budget_usd is None else f"a budget of ${found.budget_usd:g}"
    row = f"pauses after {counted(found.max_failures_in_row, 'failure')} in a row"
    row = row if found.max_failures_in_row else "never pauses for failures"
    retries = counted(found.max_retries, "retry", "retries")
    say(f"{found.name}: {budget}, {retries}, {counted(found.max_workers, 'worker')}, {row}")
