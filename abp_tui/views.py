"""Jobs and units as the faces show them and as `--json` prints them: stable field names, documented here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Attempt, Event, EventKind, Gate, Job, Lease, Question, WorkUnit
from abp_tui.domain.status import (
    AttemptStatus,
    Desired,
    GateState,
    JobStatus,
    Mark,
    Phase,
    Purpose,
    UnitStatus,
    Verdict,
)
from abp_tui.errors import AbpError
from abp_tui.liveness import Liveness, judge
from abp_tui.store.records import dump, load

AT_WORK = (Phase.RUNNING, Phase.GATED)
STARTING_S = 5.0  # from RUNNING until the executor, a fresh interpreter on a busy machine, owns the job


class View(BaseModel):
    """Base of what is shown: a frozen value."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class ExecutorView(View):
    """The process that runs a job."""

    pid: int = Field(description="Process id on `host`.")
    host: str
    heartbeat_at: datetime
    alive: bool = Field(description="Whether it lives, as far as can be told from here.")
    state: Liveness = Field(description="alive, stalled (lives, but its beat is late), dead, or elsewhere.")


class GateView(View):
    """What keeps the agents of a job's worker and account from starting."""

    state: GateState = Field(description="closed, or probing: one unit tries whether it is over.")
    until: datetime | None = Field(description="When one unit tries it; null: once a person resumes.")
    reason: str = Field(description="usage limit, or login needed and why.")
    is_known: bool = Field(description="Whether the agent itself has said when its limit ends.")

    @property
    def needs_login(self) -> bool:
        """Whether it stays closed until a person has logged in and resumes."""
        return self.state is GateState.CLOSED and self.until is None

    def words(self, span: Callable[[float], str], now: datetime | None = None) -> str:
        """The reason, and how long it lasts; `span` says a number of seconds as people read it."""
        if self.state is GateState.PROBING:
            return f"{self.reason}: one unit tries whether it is over"
        if self.until is None:
            return self.reason
        now = now or datetime.now(UTC)
        left_s = (self.until - now).total_seconds()
        if left_s <= 0:
            return f"{self.reason}, about to be tried"
        verb = "resets" if self.is_known else "tried again"
        return f"{self.reason}, {verb} in {span(left_s)}, {_on_the_wall(self.until, now)}"


class JobView(View):
    """A job with what is going on in it."""

    id: str = Field(description="`j12`")
    name: str
    intent: str
    status: JobStatus
    phase: Phase | None = Field(description="What is going on within the status; null if nothing is.")
    total_units: int
    pending_units: int
    processing_units: int
    completed_units: int = Field(description="Units that completed and are not suspect.")
    failed_units: int
    suspect_units: int = Field(description="Units that completed, but doubtfully, or were kept from working.")
    cost_usd: float | None = Field(description="Of all attempts; null while no cost is known.")
    cost_is_floor: bool = Field(description="Whether some attempts' cost is unknown, so that it is `≥`.")
    budget_usd: float | None
    prompt_template: str
    prompt_version: int
    enumerator_type: str
    enumerator_config: dict[str, Any]
    worker: str
    worker_options: dict[str, Any]
    cwd: str
    engine: str = Field(description="local, or dask: what its units run on.")
    scheduler: str | None = Field(description="Dask's scheduler; null: none, or one of its own.")
    max_workers: int
    max_retries: int
    max_failures_in_row: int = Field(description="So many failures in a row pause the job; 0: never.")
    timers: dict[str, float] = Field(description="How long an attempt may take, in seconds; 0: no limit.")
    output_schema: dict[str, Any] | None = Field(description="The JSON schema that each result fits.")
    warnings: tuple[str, ...] = Field(description="What its agents may do that a person must not overlook.")
    checks: tuple[dict[str, Any], ...] = Field(description="What each outcome is checked for.")
    pause_reason: str | None
    ending: Desired | None = Field(
        description="pause or stop, where that is asked of a running job and its units still end; else null."
    )
    waiting: str | None = Field(description="What a running job waits for before it starts more units.")
    client: str | None = Field(description="The program that asked for it; null where a person did.")
    held: tuple[str, ...] = Field(description="What a person must approve before anything of it runs.")
    question: Question | None = Field(description="What the agent under test asks of a person, if it does.")
    gate: GateView | None = Field(description="What keeps its agents from starting; null where nothing does.")
    post_processing_prompt: str | None
    pilot_id: int | None = Field(description="The pilot it is at, or was approved with; null without one.")
    synthesis: UnitStatus | None = Field(description="State of the step over all results, if there is one.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    worked_s: float = Field(description="Seconds its batch was at work before `running_since`.")
    running_since: datetime | None = Field(description="Since when it has been at work; null while it rests.")
    executor: ExecutorView | None

    @property
    def stalled(self) -> bool:
        """Whether the executor lives but does not answer, and does not say why."""
        return self.executor is not None and self.executor.state is Liveness.STALLED and not self.waiting

    def time_worked(self, now: datetime | None = None) -> float:
        """Seconds its batch has been at work until now, or until its executor was last heard of."""
        if self.running_since is None:
            return self.worked_s
        until = now or datetime.now(UTC)
        if self.phase is Phase.INTERRUPTED and self.executor is not None:
            until = self.executor.heartbeat_at
        return self.worked_s + max(0.0, (until - self.running_since).total_seconds())

    @property
    def retryable(self) -> bool:
        """Whether something has failed, or is doubtful, that could be run again."""
        return self.failed_units + self.suspect_units > 0 or self.synthesis is UnitStatus.FAILED

    @property
    def lacks_budget(self) -> bool:
        """Whether it is paused because its budget is spent: it needs another before it can go on."""
        return self.budget_usd is not None and (self.pause_reason or "").startswith("the budget of")

    @property
    def rest_units(self) -> int:
        """Units that an approval lets run: what completed in a test or a pilot stays as a result."""
        return self.total_units - self.completed_units - self.suspect_units

    @property
    def trial(self) -> Mark | None:
        """What its test or pilot came to while that waits for a person: the worst of its units decides."""
        if self.phase is not Phase.REVIEW:
            return None
        if self.failed_units:
            return Mark.FAIL
        return Mark.DOUBTFUL if self.suspect_units else Mark.PASS

    @property
    def doubts(self) -> str:
        """What speaks against an approval, as `test failed`; empty where nothing does."""
        if self.trial in (None, Mark.PASS):
            return ""
        failed = self.trial is Mark.FAIL
        word, units = ("failed", self.failed_units) if failed else ("in doubt", self.suspect_units)
        return f"test {word}" if self.pilot_id is None else f"pilot: {units:,} of {self.ended_units:,} {word}"

    @property
    def ended_units(self) -> int:
        """Units that have their final state."""
        return self.completed_units + self.failed_units + self.suspect_units


class UnitView(View):
    """A unit as `abp units --json` and each exported line show it."""

    seq: int = Field(description="Its number, from 0, in the order of the items.")
    key: str = Field(description="What the item is called: its path, its id.")
    status: UnitStatus
    verdict: Verdict | None = Field(description="What a completed unit is worth; null for others.")
    payload: dict[str, Any] = Field(description="The item itself.")
    output: str | None = Field(description="The agent's last answer.")
    result: Any = Field(description="The answer as a value, where a schema asks for one.")
    error: str | None
    failure_kind: FailureKind | None
    attempts: int = Field(description="How many there were.")
    cost_usd: float | None = Field(description="Of all attempts; null while no cost is known.")
    duration_s: float | None = Field(description="Of the last attempt, in seconds.")
    host: str | None = Field(description="The machine that its last attempt runs or ran on.")
    session_id: str | None = Field(description="The agent's own name of the conversation.")
    prompt_version: int | None = Field(description="Version that made its result; null until it has ended.")


class AttemptView(View):
    """One try at a unit, as `abp export --attempts` shows it."""

    seq: int = Field(description="Of the unit.")
    key: str = Field(description="Of the unit.")
    number: int = Field(description="Which try at its unit, from 1.")
    purpose: Purpose
    status: AttemptStatus
    recipe_version: int = Field(description="Which version of the prompt and the options it ran with.")
    output: str | None
    result: Any
    error: str | None
    failure_kind: FailureKind | None
    cost_usd: float | None = Field(description="Null where the agent does not say.")
    input_tokens: int | None
    output_tokens: int | None
    turns: int | None
    session_id: str | None
    started_at: datetime
    ended_at: datetime | None
    duration_s: float | None
    prompt: str = Field(description="As it was sent.")


class EventView(View):
    """One message of an attempt's conversation."""

    id: int | None
    at: datetime | None
    kind: EventKind
    title: str = Field(description="The tool or the notice.")
    ref: str = Field(description="Ties a tool's result to its call.")
    is_error: bool
    body: str
    raw: str | None = Field(description="What the agent sent, as it was.")


def view_job(job: Job, judge: Callable[[Lease], Liveness] = judge, *, warned: bool = True) -> JobView:
    """What is to be shown of a job; looks at this machine's processes to see whether its executor lives.

    Whoever looks for long passes a `Witness`'s judgement: it can tell of other machines' executors, too.
    Not `warned`, it has no warnings, for which the job's worker would be loaded.
    """
    executor = _view_executor(job.lease, judge) if job.lease else None
    same = {name: getattr(job, name) for name in _SAME}
    counters = {f"{n}_units": count for n, count in job.counters.model_dump().items()}
    return JobView(
        **same,
        **counters,
        id=job.ref,
        phase=(phase := phase_of(job, executor is not None and executor.alive)),
        ending=job.desired if phase in AT_WORK and job.desired is not Desired.RUN else None,
        engine=job.placement.engine,
        scheduler=job.placement.scheduler,
        prompt_version=job.recipe.version,
        worker_options=dict(job.recipe.worker_options),
        timers=job.recipe.timers.model_dump(),
        output_schema=None if job.recipe.output_schema is None else dict(job.recipe.output_schema),
        warnings=_warnings(job.worker, dump(job.recipe.worker_options)) if warned else (),
        checks=tuple(dict(check) for check in job.recipe.checks),
        gate=_view_gate(job.gate) if job.gate and not job.status.ended else None,
        executor=executor,
    )


@lru_cache(maxsize=256)
def _warnings(worker: str, options: str) -> tuple[str, ...]:
    """The warnings among a worker's words on what it may do; cached, as jobs are looked at all the time."""
    values = load(options)
    if not values:
        return ()  # nothing is skipped by default
    from abp_tui.workers.base import is_warning, make_worker  # whoever only looks seldom needs them

    try:
        return tuple(words for words in make_worker(worker, values).permissions() if is_warning(words))
    except AbpError:  # it is not known here: whoever wants to run it is told so
        return ()


def view_unit(unit: WorkUnit) -> UnitView:
    """What is to be shown of a unit."""
    same = {name: getattr(unit, name) for name in UnitView.model_fields if name != "prompt_version"}
    return UnitView(**same, prompt_version=unit.recipe_version)


def view_attempt(attempt: Attempt, key: str) -> AttemptView:
    """What is to be shown of an attempt at the unit with this key."""
    outcome = attempt.outcome
    same = {name: getattr(attempt, name) for name in _ATTEMPT_SAME}
    return AttemptView(
        **same,
        **attempt.usage.model_dump(),
        key=key,
        output=(outcome.output or None) if outcome else None,
        result=outcome.result if outcome else None,
        error=(outcome.error or None) if outcome else None,
        failure_kind=outcome.failure if outcome else None,
    )


def view_event(event: Event) -> EventView:
    """What is to be shown of an event."""
    return EventView(**{name: getattr(event, name) for name in EventView.model_fields})


def phase_of(job: Job, executor_lives: bool) -> Phase | None:
    """What is going on in a job, given whether its executor lives."""
    if job.held:
        return Phase.HELD
    if job.ready_at is None:
        return Phase.ENUMERATING
    if job.status is JobStatus.TESTING:
        if job.lease is None:
            return Phase.REVIEW
        if not executor_lives:
            return Phase.INTERRUPTED
        return Phase.TESTING if job.pilot_id is None else Phase.PILOT
    if job.status is JobStatus.RUNNING:
        if not executor_lives:
            return Phase.RUNNING if _is_starting(job) else Phase.INTERRUPTED
        return Phase.GATED if _is_gated(job) else Phase.RUNNING
    return None


def _is_starting(job: Job) -> bool:
    """Whether the executor of a job made RUNNING a moment ago may still be on its way."""
    if job.lease is not None or job.running_since is None:
        return False
    return (datetime.now(UTC) - job.running_since).total_seconds() < STARTING_S


def _is_gated(job: Job) -> bool:
    """Whether something of a running job waits for its gate."""
    waits = job.counters.pending > 0 or job.synthesis is UnitStatus.PENDING
    return waits and job.gate is not None and job.gate.state is not GateState.OPEN


def _view_gate(gate: Gate) -> GateView | None:
    if gate.state is GateState.OPEN:
        return None
    known = gate.until is not None and not gate.tries
    return GateView(state=gate.state, until=gate.until, reason=gate.reason, is_known=known)


def _on_the_wall(moment: datetime, now: datetime) -> str:
    """A time to come as a clock here shows it, with the day where that is another one."""
    local = moment.astimezone()
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else f"{local:%a %H:%M}"


def _view_executor(lease: Lease, judge: Callable[[Lease], Liveness]) -> ExecutorView:
    state = judge(lease)
    return ExecutorView(
        pid=lease.pid,
        host=lease.host,
        heartbeat_at=lease.beat_at,
        alive=state is not Liveness.DEAD,
        state=state,
    )


_SAME = (
    "name intent status pilot_id cost_usd cost_is_floor budget_usd prompt_template enumerator_type "
    "enumerator_config worker cwd max_workers max_retries max_failures_in_row pause_reason waiting client "
    "held question post_processing_prompt synthesis created_at started_at finished_at worked_s running_since"
).split()
_ATTEMPT_SAME = (
    "seq number purpose status recipe_version session_id started_at ended_at duration_s prompt"
).split()
