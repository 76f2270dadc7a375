"""Making a job: find the items, write the prompt, check both, and write it all down, or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from abp_tui.domain.follow_up import form
from abp_tui.domain.model import MAX_RETRIES, MAX_WORKERS, Job, Recipe, Timers
from abp_tui.domain.prompt import RESULTS_FIELD, PromptSynthesizer, PromptTemplate
from abp_tui.enumerators.base import Enumerator, Item
from abp_tui.errors import DuplicateKey, InvalidInput
from abp_tui.paths import results_path
from abp_tui.plugins import explain, suggest
from abp_tui.store.keys import SeenKeys
from abp_tui.store.records import dump, storable
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Worker

CHUNK = 2_000
CHUNK_CHARACTERS = 4_000_000
SAMPLE = 100
Row = tuple[int, str, str]
NAME_FORM = re.compile(r"[^\s/\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]{0,99}")


@dataclass(frozen=True, slots=True)
class Plan:
    """A job as a person asked for it, its parts found and built, nothing written yet."""

    name: str
    user_intent: str
    enumerator: Enumerator[Any]
    worker: Worker[Any]
    worker_options: Mapping[str, Any]
    timers: Timers
    cwd: str
    max_workers: int
    max_retries: int
    max_failures_in_row: int = 10
    prompt_template: str | None = None
    budget_usd: float | None = None
    output_schema: Mapping[str, Any] | None = None
    post_processing_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a plan would become: its template, the first items, how many there are, what to look out for."""

    template: PromptTemplate
    items: tuple[Item, ...]
    count: int
    warnings: tuple[str, ...]
    ending: str = ""

    def prompt(self, n: int) -> str:
        """The rendered prompt of the n-th of the first items, with what is added to it."""
        return self.template.render(self.items[n].payload) + self.ending


def preview(plan: Plan, synthesizer: PromptSynthesizer, first: int = 5) -> Preview:
    """Look at all items and write nothing; raises what creation would raise."""
    items = _checked_items(plan.enumerator)
    head = list(islice(items, SAMPLE))
    template = _checked_template(plan, synthesizer, head)
    count = _count(plan.enumerator, chain(head, items))
    ending = "" if plan.output_schema is None or plan.worker.takes_schema else form(plan.output_schema)
    return Preview(template, tuple(head[:first]), count, tuple(plan.enumerator.warnings()), ending)


def _count(enumerator: Enumerator[Any], items: Iterator[Item]) -> int:
    """How many items there are; raises `InvalidInput` where two have the same key."""
    count = 0
    with closing(SeenKeys()) as seen:
        for item in items:
            try:
                seen.add(count, item.key)
            except DuplicateKey as error:
                raise _told(error, enumerator) from None
            count += 1
    return count


def create(repository: Repository, plan: Plan, synthesizer: PromptSynthesizer) -> Job:
    """Write the job and its units in chunks; where that fails half way, nothing of it is left.

    Raises `InvalidInput` for a source without items, a prompt with unknown fields, or a name that is taken.
    """
    _check(plan)
    items = _checked_items(plan.enumerator)
    head = list(islice(items, SAMPLE))
    template = _checked_template(plan, synthesizer, head)
    job_id = repository.jobs.add(_columns(plan), _first_recipe(plan, template.text))
    try:
        with repository.kept_open():
            total = _write_units(repository, job_id, plan.enumerator, chain(head, items))
        repository.jobs.make_ready(job_id, total, _synthesis_payload(repository, plan, job_id))
        repository.logs.add(job_id, f"created with {total} units")
        for warning in plan.enumerator.warnings():
            repository.logs.add(job_id, warning, level="warning")
    except BaseException:
        repository.jobs.remove(job_id)
        raise
    return repository.jobs.get(job_id)


def _check(plan: Plan) -> None:
    if not NAME_FORM.fullmatch(plan.name):
        raise InvalidInput(
            f"{plan.name!r} can't be the name of a job", "1 to 100 characters, no slash, no leading space"
        )
    check_limits(plan.max_workers, plan.max_retries, plan.budget_usd, plan.max_failures_in_row)
    if plan.prompt_template is not None:
        check_prompt(plan.prompt_template)
    if not Path(plan.cwd).is_dir():
        raise InvalidInput(
            f"there is no folder {plan.cwd}", "the agents would run there: name one that exists"
        )


def check_limits(
    max_workers: int | None = None,
    max_retries: int | None = None,
    budget_usd: float | None = None,
    max_failures_in_row: int | None = None,
) -> None:
    """Raise `InvalidInput` for limits of a job that make no sense; None is not looked at."""
    if max_workers is not None and not 1 <= max_workers <= MAX_WORKERS:
        raise InvalidInput(f"max_workers is {max_workers}", f"it can be 1 to {MAX_WORKERS}")
    if max_retries is not None and not 0 <= max_retries <= MAX_RETRIES:
        raise InvalidInput(f"max_retries is {max_retries}", f"it can be 0 (one attempt) to {MAX_RETRIES}")
    if max_failures_in_row is not None and not 0 <= max_failures_in_row <= MAX_RETRIES:
        hint = f"it can be 0 (never pause for that) to {MAX_RETRIES}"
        raise InvalidInput(f"max_failures_in_row is {max_failures_in_row}", hint)
    if budget_usd is not None and not (math.isfinite(budget_usd) and budget_usd > 0):
        raise InvalidInput(f"the budget is {budget_usd}", "it is an amount above 0, or left out for none")


def with_timers(base: Timers, changes: Mapping[str, float]) -> Timers:
    """`base` with some timers changed, by their names, with or without the `_s`; raises `InvalidInput`."""
    known = {name.removesuffix("_s"): name for name in Timers.model_fields}
    for name in changes:
        if name.removesuffix("_s") not in known:
            raise InvalidInput(f"there is no timer {name!r}", suggest(name, list(known)))
    named = {known[name.removesuffix("_s")]: seconds for name, seconds in changes.items()}
    try:
        return Timers.model_validate({**base.model_dump(), **named})
    except ValidationError as error:
        raise InvalidInput(f"timers: {explain(error)}", "seconds up to 30 days; 0 means none") from None


def check_prompt(text: str) -> None:
    """Raise `InvalidInput` for a prompt that says nothing."""
    if not text.strip():
        raise InvalidInput("the prompt is empty", "say what is to be done with each item")


def _checked_items(enumerator: Enumerator[Any]) -> Iterator[Item]:
    """The items as a stream that has at least one."""
    enumerator.validate()
    items = iter(enumerator.items())
    first = next(items, None)
    if first is None:
        raise InvalidInput(f"the {enumerator.name} source has no items", enumerator.why_empty())
    return chain([first], items)


def _checked_template(plan: Plan, synthesizer: PromptSynthesizer, head: Sequence[Item]) -> PromptTemplate:
    fields = tuple(dict.fromkeys(field for item in head for field in item.payload))
    if plan.prompt_template is not None:
        template = PromptTemplate(plan.prompt_template)
    else:
        template = synthesizer.synthesize(plan.user_intent, plan.enumerator.name, fields, head[0].payload)
    template.check(fields)
    plan.worker.check(fields)
    return template


def _columns(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "intent": plan.user_intent,
        "enumerator_type": plan.enumerator.name,
        "enumerator_config": dump(plan.enumerator.record()),
        "worker": plan.worker.name,
        "cwd": plan.cwd,
        "max_workers": plan.max_workers,
        "desired_workers": plan.max_workers,
        "max_retries": plan.max_retries,
        "budget_usd": plan.budget_usd,
        "max_failures_in_row": plan.max_failures_in_row,
        "post_prompt": plan.post_processing_prompt,
    }


def _synthesis_payload(repository: Repository, plan: Plan, job_id: int) -> str | None:
    if plan.post_processing_prompt is None:
        return None
    return dump({RESULTS_FIELD: str(results_path(repository.path, job_id))})


def _first_recipe(plan: Plan, prompt_template: str) -> Recipe:
    return Recipe(
        job_id=0,
        version=1,
        prompt_template=prompt_template,
        worker_options=plan.worker_options,
        timers=plan.timers,
        output_schema=plan.output_schema,
        created_at=datetime.now(UTC),
    )


def _write_units(
    repository: Repository, job_id: int, enumerator: Enumerator[Any], items: Iterator[Item]
) -> int:
    seq = 0
    for chunk in _chunks(items):
        try:
            repository.jobs.add_units(job_id, chunk)
        except DuplicateKey as error:
            raise _told(error, enumerator) from None
        seq += len(chunk)
    return seq


def _chunks(items: Iterator[Item]) -> Iterator[list[Row]]:
    """The items as rows, so many at a time that writing them keeps nobody waiting."""
    chunk: list[Row] = []
    size = 0
    for seq, item in enumerate(items):
        payload = dump(item.payload)
        chunk.append((seq, storable(item.key), payload))
        size += len(payload)
        if len(chunk) == CHUNK or size > CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _told(error: DuplicateKey, enumerator: Enumerator[Any]) -> InvalidInput:
    """The error with places that a person finds in the source."""
    first, second = enumerator.place(error.first), enumerator.place(error.seq)
    return InvalidInput(
        f"{first} and {second} have the same key {error.key[:100]!r}",
        "name an id that differs in each item, or none: then the position is the key",
    )
