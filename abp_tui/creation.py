"""Making a job: find the items, write the prompt, check both, and write it all down, or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from abp_tui.account import account_name
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
from abp_tui.words import counted
from abp_tui.workers.base import Worker

CHUNK = 2_000
CHUNK_CHARACTERS = 4_000_000
SAMPLE = 100
Row = tuple[int, str, str]
NAME_FORM = re.compile(r"(?!\s)[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}")


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
    client: str | None = None
    held: tuple[str, ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a source has: the first items, the fields they have, how many there are, what to look out for."""

    items: tuple[Item, ...]
    fields: tuple[str, ...]
    count: int
    warnings: tuple[str, ...]


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


def preview(repository: Repository, plan: Plan, synthesizer: PromptSynthesizer, first: int = 5) -> Preview:
    """Look at all items and write nothing; raises what `create` would raise before it writes."""
    check(repository, plan)
    head, rows = _opened(plan.enumerator)
    template = prompt(plan, synthesizer, _fields(head), head[0].payload)
    count = _count(plan.enumerator, rows)
    ending = (
        ""
        if plan.output_schema is None or plan.worker.takes_schema(plan.output_schema)
        else form(plan.output_schema)
    )
    return Preview(template, tuple(head[:first]), count, tuple(plan.enumerator.warnings()), ending)


def look(enumerator: Enumerator[Any], first: int = 5) -> Found:
    """Look at all items of a source, whatever is to be done with them; raises what `create` would."""
    head, rows = _opened(enumerator)
    count = _count(enumerator, rows)
    return Found(tuple(head[:first]), _fields(head), count, tuple(enumerator.warnings()))


def create(repository: Repository, plan: Plan, synthesizer: PromptSynthesizer) -> Job:
    """Write the job and its units in chunks; where that fails half way, nothing of it is left.

    Raises `InvalidInput` for a source without items, an item that can't be stored, a prompt with unknown
    fields, or a name that is taken.
    """
    check(repository, plan)
    head, rows = _opened(plan.enumerator)
    template = prompt(plan, synthesizer, _fields(head), head[0].payload)
    job_id = repository.jobs.add(_columns(plan), _first_recipe(plan, template.text))
    try:
        _fill(repository, plan, job_id, rows)
    except BaseException:
        repository.jobs.remove(job_id)
        raise
    return repository.jobs.get(job_id)


def create_empty(repository: Repository, plan: Plan) -> Job:
    """Write the job alone: its source may not be asked for items yet, `fill` does that once it may."""
    check(repository, plan)
    if plan.enumerator.record() != Enumerator.record(plan.enumerator):
        hint = "write ${NAME} in its place, and export it where the job is approved"
        raise InvalidInput("the source holds a password, which would not be kept until it may run", hint)
    job_id = repository.jobs.add(_columns(plan), _first_recipe(plan, plan.prompt_template or ""))
    repository.logs.add(job_id, "its items are looked for once a person has approved it")
    return repository.jobs.get(job_id)


def fill(repository: Repository, job: Job, plan: Plan, synthesizer: PromptSynthesizer) -> Job:
    """Write the units of a job made by `create_empty`, and its prompt as a version of its own.

    Raises what `create` raises; the job has no units then.
    """
    head, rows = _opened(plan.enumerator)
    template = prompt(plan, synthesizer, _fields(head), head[0].payload)
    if template.text != job.prompt_template:
        repository.recipes.add(job.recipe, prompt_template=template.text)
    try:
        _fill(repository, plan, job.id, rows)
    except BaseException:
        repository.jobs.clear_units(job.id)
        raise
    return repository.jobs.get(job.id)


def _fill(repository: Repository, plan: Plan, job_id: int, rows: Iterator[Row]) -> None:
    with repository.kept_open():
        total = _hand_over(plan.enumerator, rows, partial(repository.jobs.add_units, job_id))
    repository.jobs.make_ready(job_id, total, _synthesis_payload(repository, plan, job_id))
    repository.logs.add(job_id, f"created with {counted(total, 'unit')}")
    for warning in plan.enumerator.warnings():
        repository.logs.add(job_id, warning, level="warning")


def check(repository: Repository, plan: Plan) -> None:
    """Raise `InvalidInput` for what no items could make right: name, limits, texts, folder."""
    if not NAME_FORM.fullmatch(plan.name):
        raise InvalidInput(
            f"{plan.name!r} can't be the name of a job", "1 to 100 characters, no slash, no leading space"
        )
    repository.jobs.check_name(plan.name)
    check_limits(plan.max_workers, plan.max_retries, plan.budget_usd, plan.max_failures_in_row)
    if plan.prompt_template is not None:
        check_prompt(plan.prompt_template)
    _check_texts(plan)
    if not Path(plan.cwd).is_dir():
        raise InvalidInput(
            f"there is no folder {plan.cwd}", "the agents would run there: name one that exists"
        )
    from abp_tui.execution.checks import require_checks

    require_checks(plan.checks, plan.cwd)


def _check_texts(plan: Plan) -> None:
    texts = {
        "intent": plan.user_intent,
        "prompt": plan.prompt_template,
        "prompt of the last step": plan.post_processing_prompt,
        "folder of the agents": plan.cwd,
    }
    for what, text in texts.items():
        if text is not None and storable(text) != text:
            raise InvalidInput(f"the {what} can't be stored: it is not UTF-8", "write it as UTF-8")


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
        raise InvalidInput(f"timeouts: {explain(error)}", "seconds up to 30 days; 0 means none") from None


def check_prompt(text: str) -> None:
    """Raise `InvalidInput` for a prompt that says nothing."""
    if not text.strip():
        raise InvalidInput("the prompt is empty", "say what is to be done with each item")


def prompt(
    plan: Plan, synthesizer: PromptSynthesizer, fields: Sequence[str], sample: Mapping[str, Any]
) -> PromptTemplate:
    """The prompt of a plan for items with these fields; raises `InvalidInput` where it names another."""
    if plan.prompt_template is not None:
        template = PromptTemplate(plan.prompt_template)
    else:
        template = synthesizer.synthesize(plan.user_intent, plan.enumerator.name, fields, sample)
    template.check(fields)
    plan.worker.check(fields)
    from abp_tui.execution.checks import check_fields

    check_fields(plan.checks, fields)
    return template


def _fields(items: Sequence[Item]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field for item in items for field in item.payload))


def _opened(enumerator: Enumerator[Any]) -> tuple[list[Item], Iterator[Row]]:
    """The first items, from which the fields are known, and all of them as a stream of rows.

    There are `SAMPLE` first ones, fewer where they are large, and at least one.
    """
    enumerator.validate()
    pairs = _with_rows(enumerator)
    head, size = [], 0
    for item, row in islice(pairs, SAMPLE):
        head.append((item, row))
        size += len(row[2])
        if size > CHUNK_CHARACTERS:
            break
    if not head:
        raise InvalidInput(f"the {enumerator.name} source has no items", enumerator.why_empty())
    return [item for item, _ in head], (row for _, row in chain(head, pairs))


def _with_rows(enumerator: Enumerator[Any]) -> Iterator[tuple[Item, Row]]:
    """The items and what is stored of them; raises `InvalidInput` for one of which that can't be."""
    for seq, item in enumerate(enumerator.items()):
        try:
            row = seq, _key(item.key), _payload(item.payload)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(
                f"{enumerator.place(seq)} can't be stored: {str(error)[:200]}",
                "a key is a text, a payload a dictionary of what JSON knows",
            ) from None
        yield item, row


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"its key {key!r} is no text")
    return storable(key)


def _payload(payload: Any) -> str:
    if not isinstance(payload, Mapping):
        raise TypeError(f"its payload is a {type(payload).__name__}, no dictionary")
    for field in payload:
        if not isinstance(field, str):
            raise TypeError(f"its field {field!r} is no text")
    return dump(dict(payload))


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
        "client": plan.client,
        "held": dump(list(plan.held)),
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
        checks=plan.checks,
        created_at=datetime.now(UTC),
        author=plan.client or account_name(),
    )


def _count(enumerator: Enumerator[Any], rows: Iterator[Row]) -> int:
    """How many rows there are; raises `InvalidInput` where two have the same key."""
    with closing(SeenKeys()) as seen:
        return _hand_over(enumerator, rows, seen.add)


def _hand_over(enumerator: Enumerator[Any], rows: Iterator[Row], take: Callable[[list[Row]], None]) -> int:
    """Give all rows away, chunk by chunk; how many there were."""
    total = 0
    for chunk in _chunks(rows):
        try:
            take(chunk)
        except DuplicateKey as error:
            raise _told(error, enumerator) from None
        total += len(chunk)
    return total


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """So many rows at a time that writing them keeps nobody waiting."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row[2])
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
        "a key names one item: leave one of them out, or name an id that differs in each",
    )
