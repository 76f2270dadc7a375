"""The things the program is about, as frozen values: jobs, recipes, units, attempts, events, outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.status import (
    AttemptStatus,
    Desired,
    GateState,
    JobStatus,
    Mark,
    Purpose,
    UnitKind,
    UnitStatus,
    Verdict,
)


class Frozen(BaseModel):
    """A value: never changed, compared by content."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


DOUBTFUL = (Verdict.SUSPECT, Verdict.BLOCKED)
MAX_SECONDS = 30 * 24 * 3600.0
MAX_WORKERS = 1024
MAX_RETRIES = 1000

Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]


class Timers(Frozen):
    """How long an attempt may take, in seconds up to 30 days; 0 switches a timer off."""

    first_event_s: Seconds = Field(default=180.0, description="Until the agent's first sign of life.")
    idle_s: Seconds = Field(default=600.0, description="Longest silence between two signs of life.")
    total_s: Seconds = Field(default=1800.0, description="The whole attempt.")
    grace_s: Seconds = Field(default=10.0, description="From the result until the program must be gone.")
    backoff_s: Seconds = Field(default=1.0, description="Wait before the first retry; doubles each time.")


class Recipe(Frozen):
    """A version of what a unit is run with. An edit makes a new version, never an overwrite."""

    job_id: int
    version: int
    prompt_template: str
    worker_options: Mapping[str, Any] = Field(default_factory=dict)
    timers: Timers = Timers()
    checks: tuple[Mapping[str, Any], ...] = ()
    output_schema: Mapping[str, Any] | None = None
    created_at: datetime
    author: str = Field(default="", description="Who saved it; empty where that was not kept. Foreign text.")

    def works_like(self, other: Recipe) -> bool:
        """Whether it differs from another version in its timers at most."""
        apart = ("version", "timers", "created_at", "author")
        return other.model_copy(update={name: getattr(self, name) for name in apart}) == self


class Question(Frozen):
    """What a running agent asks of a person, and the option that was chosen, once one was."""

    id: int
    attempt_id: int
    text: str
    options: tuple[str, ...]
    answer: str | None = None
    asked_at: datetime


class Lease(Frozen):
    """Who runs a job now: one executor, known by its process and its beat.

    `beat_clock` is the beat's time on the owner's monotonic clock, in seconds: unlike `beat_at` it is
    moved neither by a change of the clock nor by a suspended machine.
    """

    executor: str
    host: str
    boot_id: str
    pid: int
    pid_started: float
    beat: int = 0
    beat_at: datetime
    beat_clock: float = 0.0


class Counters(Frozen):
    """Units of a job by state; the five states add up to `total`. `completed` are the good ones only."""

    total: int = 0
    pending: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0
    suspect: int = 0


class Gate(Frozen):
    """Whether agents of one worker and account, the `scope`, may start.

    A closed one is tried at `until`, or when a person says so where that is None. `tries` counts the
    closings in a row for which nobody knew when the limit ends; 0 where `until` is what the agent said.
    """

    scope: str
    state: GateState = GateState.OPEN
    until: datetime | None = None
    reason: str = ""
    probe_attempt: int | None = None
    tries: int = 0


class Client(NamedTuple):
    """A program that asks in place of a person. With `may_approve` a person has let it decide by itself."""

    name: str
    may_approve: bool = False


class Placement(Frozen):
    """Where the units of a job run. Without a `scheduler`, Dask's nodes are processes of this machine.

    `ship_files_mb` is how much of files may travel with a unit and back, 0 where they lie on a disk that all
    machines share. A node that is not heard of for `node_lost_s` seconds is lost. `placed` says whether the
    job keeps this from an earlier start.
    """

    placed: bool = True
    engine: Literal["local", "dask"] = "local"
    scheduler: str | None = None
    ship_files_mb: float = Field(default=0, ge=0)
    node_lost_s: float = Field(default=20.0, ge=1, le=3600)

    @property
    def words(self) -> str:
        """What people call it."""
        if self.engine == "local":
            return "this machine"
        return f"dask, {self.scheduler or 'a cluster of its own on this machine'}"


class Job(Frozen):
    """One batch: an intent applied to many items.

    `client` is the program that asked for it, `desired_by` the one that asked for what is desired of it, None
    for a person; `held` what a person must approve before
    anything of it runs. `synthesis` is the state of the step that `post_processing_prompt` adds after them.
    `pilot_id` is the pilot that is run or reviewed, or was approved; None after a plain test. `waiting` is
    what a running job waits for before it claims more units, `question` what its agent under test asks,
    `gate` what its agents must pass; None if nothing of it was ever run.
    """

    id: int
    name: str
    intent: str
    status: JobStatus
    enumerator_type: str
    enumerator_config: Mapping[str, Any]
    worker: str
    cwd: str
    max_workers: int
    max_retries: int
    max_failures_in_row: int = 10
    budget_usd: float | None = None
    post_processing_prompt: str | None = None
    synthesis: UnitStatus | None = None
    pilot_id: int | None = None
    recipe: Recipe
    counters: Counters
    cost_usd: float | None = None
    cost_is_floor: bool = False
    change: int = 0
    bucket_width: int = 1
    desired: Desired = Desired.RUN
    desired_by: str | None = None
    desired_workers: int
    lease: Lease | None = None
    pause_reason: str | None = None
    waiting: str | None = None
    question: Question | None = None
    gate: Gate | None = None
    client: str | None = None
    held: tuple[str, ...] = ()
    placement: Placement = Placement()
    env_names: tuple[str, ...] = ()
    created_at: datetime
    ready_at: datetime | None = None
    approved_at: datetime | None = None
    waived_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    worked_s: float = 0.0
    running_since: datetime | None = None

    @property
    def ref(self) -> str:
        """The id as people write it, `j12`."""
        return f"j{self.id}"

    @property
    def prompt_template(self) -> str:
        """The prompt that the current recipe renders for each unit."""
        return self.recipe.prompt_template


class WorkUnit(Frozen):
    """One item of a job and what became of it so far.

    `host` is the machine of its last attempt. `recipe_version` made its result, once it has ended.
    """

    job_id: int
    seq: int
    kind: UnitKind = UnitKind.ITEM
    key: str
    payload: Mapping[str, Any]
    status: UnitStatus = UnitStatus.PENDING
    verdict: Verdict | None = None
    attempts: int = 0
    failures: int = 0
    not_before: datetime | None = None
    output: str | None = None
    result: Any = None
    error: str | None = None
    failure_kind: FailureKind | None = None
    fingerprint: str | None = None
    session_id: str | None = None
    recipe_version: int | None = None
    cost_usd: float | None = None
    duration_s: float | None = None
    host: str | None = None
    changed: int = 0

    @property
    def is_in_doubt(self) -> bool:
        """Whether it ran, and something speaks against what it ended with."""
        return self.verdict in DOUBTFUL

    @property
    def is_good(self) -> bool:
        """Whether it is done, and nothing speaks against it."""
        return self.status is UnitStatus.COMPLETED and not self.is_in_doubt

    @property
    def is_accepted(self) -> bool:
        """Whether it is good because a person says so; its error says who, and what was found against it."""
        return self.verdict is Verdict.OK and self.error is not None


class UnitLine(Frozen):
    """What a list shows of a unit, short whatever the unit holds. `note` begins its error or its output.

    `host` is the machine of its last attempt.
    """

    seq: int
    key: str
    status: UnitStatus
    verdict: Verdict | None = None
    attempts: int = 0
    failure_kind: FailureKind | None = None
    fingerprint: str | None = None
    cost_usd: float | None = None
    duration_s: float | None = None
    host: str | None = None
    note: str = ""


class Cause(Frozen):
    """Units that ended for one cause. `failed` is False for those that completed, but are in doubt.

    `error` is what the first of them says. With `runs_again` they have been put back and wait or run now.
    """

    fingerprint: str
    failure_kind: FailureKind | None
    failed: bool
    units: int
    first_seq: int
    error: str
    runs_again: bool = False


class Usage(Frozen):
    """What an attempt consumed. `cost_usd` is None where the agent does not say."""

    cost_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    turns: int | None = None


class Denial(Frozen):
    """A tool call that the agent's permissions did not let through."""

    tool: str
    detail: str = ""


class Outcome(Frozen):
    """How one attempt ended, as its worker saw it. `signal` is one that ended its program.

    One that is `ok` and has failed as `INTERRUPTED` is an answer whose checks were broken off.
    """

    ok: bool
    output: str = ""
    result: Any = None
    error: str = ""
    failure: FailureKind | None = None
    usage: Usage = Usage()
    session_id: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    denials: tuple[Denial, ...] = ()
    last_tool: str = ""
    resets_at: datetime | None = None

    @classmethod
    def failed(cls, kind: FailureKind, error: str, **more: Any) -> Outcome:
        """An outcome without success: what kind of failure, and one line on why."""
        return cls(ok=False, failure=kind, error=error, **more)


class Attempt(Frozen):
    """One execution of a unit. Append-only: a later attempt never changes it."""

    id: int
    job_id: int
    seq: int
    number: int
    purpose: Purpose
    recipe_version: int
    prompt: str
    executor: str
    host: str
    boot_id: str
    pid: int | None = None
    pid_started: float | None = None
    pgid: int | None = None
    status: AttemptStatus
    verdict: Verdict | None = None
    outcome: Outcome | None = None
    session_id: str | None = None
    usage: Usage = Usage()
    started_at: datetime
    ended_at: datetime | None = None

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


class EventKind(StrEnum):
    """The parts of a conversation, the same for all workers."""

    PROMPT = "prompt"
    TEXT = "text"
    THINKING = "thinking"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    DIFF = "diff"
    RETRY = "retry"
    LIMIT = "limit"
    DENIED = "denied"
    NOTICE = "notice"
    STDERR = "stderr"
    RESULT = "result"


class Event(Frozen):
    """One message of an attempt's conversation.

    `title` is the tool's or notice's name, `ref` ties a tool's result to its call, `body` is the text,
    `raw` the agent's own JSON line. `id` is None until it is stored.
    """

    kind: EventKind
    body: str = ""
    title: str = ""
    ref: str = ""
    is_error: bool = False
    raw: str | None = None
    at: datetime | None = None
    attempt_id: int | None = None
    id: int | None = None


class Bucket(NamedTuple):
    """Units by state in a fixed range of `seq`: one cell of the map of all units.

    A plain tuple, because two thousand of them are read each time that somebody looks.
    """

    n: int
    pending: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0
    suspect: int = 0


class LogEntry(Frozen):
    """A line of a job's log."""

    id: int
    at: datetime
    level: str
    message: str
    seq: int | None = None


class TestResult(Frozen):
    """What a test of one unit gave: everything that a person judges it by."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    job: Job
    unit: WorkUnit
    attempt: Attempt
    events: tuple[Event, ...]

    @property
    def passed(self) -> bool:
        """Whether the unit completed, and nothing speaks against what it ended with."""
        return self.unit.is_good

    @property
    def came_to(self) -> Mark | None:
        """What the attempt is worth, whatever has become of its unit since; None where it has no end."""
        if self.attempt.status not in (AttemptStatus.COMPLETED, AttemptStatus.FAILED):
            return None
        if self.attempt.status is AttemptStatus.FAILED:
            return Mark.FAIL
        stands = self.unit.status is UnitStatus.COMPLETED and self.unit.attempts == self.attempt.number
        verdict = self.unit.verdict if stands else self.attempt.verdict  # a person may have accepted it
        return Mark.DOUBTFUL if verdict in DOUBTFUL else Mark.PASS

    @property
    def is_put_back(self) -> bool:
        """Whether its unit waits again, as after a rejection."""
        return self.came_to is not None and self.unit.status is UnitStatus.PENDING

    @property
    def denials(self) -> tuple[Denial, ...]:
        """What the agent was not allowed."""
        return self.attempt.outcome.denials if self.attempt.outcome else ()

    @property
    def output(self) -> str:
        """The agent's final answer."""
        return self.unit.output or ""

    @property
    def error(self) -> str | None:
        """Why it failed, if it did."""
        return self.unit.error

    @property
    def conversation(self) -> tuple[Event, ...]:
        """The events of the attempt, in order."""
        return self.events

    @property
    def cost_usd(self) -> float | None:
        """What the attempt cost, or None where the agent does not say."""
        return self.attempt.usage.cost_usd
