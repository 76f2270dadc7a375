"""Changing what the units of a job are run with: each edit is a new version of its recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Any

from abp_tui.account import account_name
from abp_tui.creation import check_prompt, with_timers
from abp_tui.domain.check import plain, read_checks
from abp_tui.domain.model import Job, Recipe
from abp_tui.domain.prompt import PromptTemplate
from abp_tui.domain.recipe_diff import recipe_diff
from abp_tui.domain.status import JobStatus
from abp_tui.domain.structured import Schema
from abp_tui.domain.version import changed_parts
from abp_tui.errors import EditConflict, IllegalTransition
from abp_tui.verbs.base import Ref, Verbs

FILE_END = "\n"
SAMPLE = 100  # units whose fields are looked at


class Editing(Verbs):
    """New versions of a job's recipe, whatever state the job is in."""

    def edit_recipe(
        self,
        job_id: Ref,
        *,
        based_on: int | None = None,
        prompt_template: str | None = None,
        worker_options: Mapping[str, Any] | None = None,
        timers: Mapping[str, float] | None = None,
        checks: Iterable[Mapping[str, Any]] | None = None,
        output_schema: Mapping[str, Any] | EllipsisType | None = ...,
    ) -> Recipe:
        """Save a new version with these changes and return it; the one there is where they change nothing.

        `worker_options` and `timers` change those that they name, an option that is None being taken away;
        the others replace what there is. A job that runs takes it for the units that begin from then on; see
        `takes_effect`. Raises `InvalidInput` for what can't work, and `EditConflict`, with what the other has
        changed, where `based_on` is no longer the newest version.
        """
        job = self.repository.jobs.find(job_id)
        base = job.recipe if based_on is None else self.repository.recipes.get(job.id, based_on)
        changes: dict[str, Any] = {}
        if prompt_template is not None:
            changes["prompt_template"] = self._prompt(job, base, prompt_template)
        if worker_options is not None:
            changes["worker_options"] = self._options(job, base, worker_options)
        if timers is not None:
            changes["timers"] = with_timers(base.timers, timers)
        if checks is not None:
            changes["checks"] = self._checks(job, checks)
        if not isinstance(output_schema, EllipsisType):
            changes["output_schema"] = _schema(output_schema)
        return self._save(job, base, changes)

    def set_prompt(self, job_id: Ref, prompt_template: str, *, based_on: int | None = None) -> Recipe:
        """Save a new version of the prompt, as `edit_recipe` does."""
        return self.edit_recipe(job_id, prompt_template=prompt_template, based_on=based_on)

    def _save(self, job: Job, base: Recipe, changes: Mapping[str, Any]) -> Recipe:
        edited = base.model_copy(update={**changes, "version": base.version + 1})
        newest = self.repository.jobs.get(job.id).recipe
        if newest.version != base.version:
            raise _conflict(job, base, newest)
        if not changed_parts(base, edited):
            return base
        try:
            author = self.client.name if self.client is not None else account_name()
            recipe = self.repository.recipes.add(base, **{**changes, "author": author})
        except IllegalTransition:
            raise _conflict(job, base, self.repository.jobs.get(job.id).recipe) from None
        now = self.repository.jobs.get(job.id)
        self.repository.logs.add(job.id, f"version {recipe.version} was saved: {takes_effect(now)}")
        return recipe

    def _prompt(self, job: Job, base: Recipe, text: str) -> str:
        """The prompt without the newline that ends a file; as it is where no more than that differs."""
        check_prompt(text)
        text = text.removesuffix(FILE_END)
        if text == base.prompt_template.removesuffix(FILE_END):
            return base.prompt_template
        template = PromptTemplate(text)
        template.check(self._fields(job))
        return template.text

    def _options(self, job: Job, base: Recipe, changes: Mapping[str, Any]) -> dict[str, Any]:
        merged = {**base.worker_options, **changes}
        merged = {name: value for name, value in merged.items() if value is not None}
        worker = self._build_worker(job.worker, merged)
        if worker is self._worker:  # it has its own already
            return merged
        worker.check(self._fields(job))
        options: dict[str, Any] = worker.options.model_dump(mode="json", exclude_defaults=True)
        return options

    def _checks(self, job: Job, values: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
        from abp_tui.execution.checks import check_fields, require_checks

        checks = plain(read_checks(values))
        check_fields(checks, self._fields(job))
        require_checks(checks, job.cwd)
        return checks

    def _fields(self, job: Job) -> tuple[str, ...]:
        first = self.repository.units.page(job.id, limit=SAMPLE)
        return tuple(dict.fromkeys(field for unit in first for field in unit.payload))


def takes_effect(job: Job) -> str:
    """From when on a version of the recipe that was just saved counts."""
    if job.status is JobStatus.RUNNING and job.placement.engine != "local":
        return f"the job pauses for it, its nodes begin anew with it by `abp resume {job.name}`"
    if job.status is JobStatus.RUNNING:
        return "it holds from the next unit on, those that run now end as they began"
    if job.status is JobStatus.TESTING:
        given_up = "" if job.pilot_id is None else ", which gives up the results of the pilot"
        return f"it holds from the next test on{given_up}"
    return "it holds for all that is run again" if job.status.ended else "it holds from the next start on"


def _schema(schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if schema is not None:
        Schema(schema).check()
    return schema


def _conflict(job: Job, base: Recipe, newest: Recipe) -> EditConflict:
    return EditConflict(
        f"version {base.version} of job {job.name} is no longer the newest: "
        f"version {newest.version} was saved in the meantime",
        "look at what it changes, then edit that one",
        recipe_diff(base, newest),
    )
