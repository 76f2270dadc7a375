"""What the tools answer: the models of `--json`, with what a client should do next."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from abp_tui.domain.model import Event
from abp_tui.domain.status import JobStatus, Phase
from abp_tui.views import JobView, UnitView, View


class WaitsForPerson(View):
    """Something that only a person decides. No tool can do it: tell the person, and wait."""

    why: str
    command: str = Field(description="What the person runs in a terminal; the app, `abp`, does as well.")


class JobAnswer(View):
    """A job, and what goes on with it."""

    job: JobView
    waiting_for_person: WaitsForPerson | None = Field(description="What a person decides now, if anything.")
    test: UnitView | None = Field(description="The unit that was tested, while its test waits for review.")
    next: str = Field(description="What to do now.")


class StatusAnswer(View):
    """How far a job is."""

    id: str
    name: str
    status: JobStatus
    phase: Phase | None
    total_units: int
    pending_units: int
    processing_units: int
    completed_units: int
    failed_units: int
    suspect_units: int
    cost_usd: float | None
    pause_reason: str | None
    waiting: str | None
    waiting_for_person: WaitsForPerson | None
    next: str


class JobsAnswer(View):
    """Jobs, newest first."""

    jobs: list[StatusAnswer]
    not_shown: int = Field(description="How many older ones there are.")


class UnitsAnswer(View):
    """Units of a job in order."""

    units: list[UnitView]
    next_after: int | None = Field(description="Give this as `after` for the next ones; null: no more.")


class Said(View):
    """One message of an attempt's conversation."""

    kind: str
    title: str
    body: str
    is_error: bool

    @classmethod
    def of(cls, event: Event) -> Said:
        """The event without its raw form."""
        return cls(kind=event.kind, title=event.title, body=event.body, is_error=event.is_error)


class UnitAnswer(View):
    """A unit with the conversation of its last attempt."""

    unit: UnitView
    attempt: int | None = Field(description="The number of that attempt; null: there was none.")
    prompt: str | None = Field(description="What its agent was told.")
    conversation: list[Said]
    left_out: int = Field(description="How many earlier messages are not shown.")


class SourceAnswer(View):
    """A source of items."""

    name: str
    title: str
    fields: list[str] = Field(description="Fields of its items, for {field} in intents; empty: the item's.")
    config_schema: dict[str, Any]


class SourcesAnswer(View):
    """The sources of items."""

    enumerators: list[SourceAnswer]


class StoreAnswer(View):
    """How many jobs there are in which state, and those that wait for a person."""

    jobs: dict[str, int]
    waiting_for_person: list[StatusAnswer]
