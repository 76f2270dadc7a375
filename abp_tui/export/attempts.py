"""A row per attempt, and what was said in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from abp_tui.domain.model import Attempt, Event, Job
from abp_tui.export.table import Kind, Table, Wanted, of, picked
from abp_tui.store.repository import Repository
from abp_tui.views import AttemptView, EventView, view_attempt, view_event

KINDS = {
    "seq": Kind.INTEGER,
    "key": Kind.TEXT,
    "number": Kind.INTEGER,
    "purpose": Kind.TEXT,
    "status": Kind.TEXT,
    "recipe_version": Kind.INTEGER,
    "output": Kind.TEXT,
    "result": Kind.JSON,
    "error": Kind.TEXT,
    "failure_kind": Kind.TEXT,
    "cost_usd": Kind.REAL,
    "input_tokens": Kind.INTEGER,
    "output_tokens": Kind.INTEGER,
    "turns": Kind.INTEGER,
    "session_id": Kind.TEXT,
    "started_at": Kind.TEXT,
    "ended_at": Kind.TEXT,
    "duration_s": Kind.REAL,
    "prompt": Kind.TEXT,
}
EVENT_KINDS = {
    "seq": Kind.INTEGER,
    "number": Kind.INTEGER,
    "id": Kind.INTEGER,
    "at": Kind.TEXT,
    "kind": Kind.TEXT,
    "title": Kind.TEXT,
    "ref": Kind.TEXT,
    "is_error": Kind.BOOLEAN,
    "body": Kind.TEXT,
    "raw": Kind.TEXT,
}
assert KINDS.keys() == AttemptView.model_fields.keys()
assert EVENT_KINDS.keys() == {"seq", "number", *EventView.model_fields}


def attempts_table(repository: Repository, job: Job, wanted: Wanted, *, whole: bool = True) -> Table:
    """The attempts at all items, in their order; `whole` ones have their conversation, if it is wanted."""
    talk = wanted.conversations and whole
    columns = [of(name, kind) for name, kind in KINDS.items()]
    columns += [of("conversation", Kind.JSON)] if talk else []
    return Table("attempts", picked(columns, wanted.fields), _records(repository, job, wanted, talk))


def events_table(repository: Repository, job: Job, wanted: Wanted) -> Table:
    """All that was said, attempt by attempt."""

    def records() -> Iterator[dict[str, Any]]:
        for _, attempt in repository.attempts.stream(job.id, state=wanted.state):
            for event in _events(repository, attempt):
                yield {"seq": attempt.seq, "number": attempt.number, **_shown(event)}

    return Table("events", [of(name, kind) for name, kind in EVENT_KINDS.items()], records())


def _records(repository: Repository, job: Job, wanted: Wanted, talk: bool) -> Iterator[dict[str, Any]]:
    for key, attempt in repository.attempts.stream(job.id, state=wanted.state):
        record = view_attempt(attempt, key).model_dump(mode="json")
        if talk:
            record["conversation"] = [_shown(event) for event in _events(repository, attempt)]
        yield record


def _shown(event: Event) -> dict[str, Any]:
    return view_event(event).model_dump(mode="json")


def _events(repository: Repository, attempt: Attempt) -> Iterator[Event]:
    return repository.attempts.conversation(attempt.id)
