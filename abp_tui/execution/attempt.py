"""Running one claimed unit on the worker, and saying what becomes of it: all engines share this.

`AttemptRunner` works on the machine that the unit runs on, which may be another than the executor's: what it
needs and what it gives is data. What follows from that is said by the executor alone, in `concluded`.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from abp_tui.domain.change import events_of
from abp_tui.domain.failure import (
    POLICIES,
    TIMEOUTS,
    Decision,
    FailureKind,
    GiveUp,
    HoldJob,
    Policy,
    RetryIn,
    WaitForGate,
    decide,
    names_cause,
)
from abp_tui.domain.fingerprint import fingerprint
from abp_tui.domain.follow_up import form, go_on
from abp_tui.domain.model import Event, EventKind, Job, Outcome, Usage
from abp_tui.domain.prompt import PromptTemplate
from abp_tui.domain.secrecy import Mask
from abp_tui.domain.status import AttemptStatus, Purpose, UnitStatus, Verdict
from abp_tui.domain.structured import Schema
from abp_tui.errors import AbpError, WorkerUnavailable
from abp_tui.execution.changes import Comparison
from abp_tui.execution.checks import BrokenOff, Checks, Judged, Ran
from abp_tui.execution.corrections import run_to_schema
from abp_tui.execution.mailbox import Mailbox
from abp_tui.execution.questions import Asked
from abp_tui.execution.shutdown import ended_with_us
from abp_tui.store.claims import Claim, Finished, GoOn, Started
from abp_tui.store.rows import capped
from abp_tui.workers.base import Sink, Task, Worker
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.rules import gist

ATTEMPT_MARK = "ABP_ATTEMPT"
CONVERSATION_CAP = 64 * 1024 * 1024  # characters of one attempt
EVENT_COST = 200  # of one event beside its text
FULL = "[… cut by abp: the rest of this conversation is not kept]"
COMPARED = frozenset({Purpose.TEST})  # attempts that a person will judge by what they changed, one at a time
TRIALS = frozenset({Purpose.TEST, Purpose.PILOT})
NEVER_BEGAN = frozenset({FailureKind.REFUSED_TO_START, FailureKind.BAD_INPUT})  # and so cost nothing

NOT_JUDGED = Judged()
ONLY_CHECKED = Event(
    kind=EventKind.NOTICE,
    title="abp",
    body="The agent has given its answer already: only its checks run again.",
)

log = logging.getLogger(__name__)


def attempt_mark(store_uuid: str, attempt_id: int) -> str:
    """The value of `ABP_ATTEMPT` in the environment of everything an attempt starts."""
    return f"{store_uuid}:{attempt_id}"


class MailSink:
    """Sends what a worker tells of one attempt to the writer, without secrets, up to `CONVERSATION_CAP`."""

    def __init__(self, mailbox: Mailbox[Any], attempt_id: int, mask: Mask) -> None:
        self._mask = mask
        self._mailbox = mailbox
        self._attempt_id = attempt_id
        self._room = CONVERSATION_CAP

    def event(self, event: Event) -> None:
        """One message of the conversation."""
        self.batch((event,))

    def batch(self, events: Sequence[Event]) -> None:
        """Several messages of the conversation."""
        if self._room <= 0:
            return
        kept = [capped(event) for event in self._mask.events(events)]
        self._room -= sum(EVENT_COST + len(event.body) + len(event.raw or "") for event in kept)
        if self._room <= 0:
            kept.append(Event(kind=EventKind.NOTICE, title="abp", body=FULL))
        self._mailbox.events(self._attempt_id, kept)

    def session(self, session_id: str) -> None:
        """The agent's session."""
        self._mailbox.session(self._attempt_id, session_id)

    def process(self, pid: int) -> None:
        """The program's process."""
        self._mailbox.process(self._attempt_id, pid)

    def ask(self, text: str, options: Sequence[str], over: Cancel, timeout_s: float = 0) -> str | None:
        """Ask a person, and wait for the answer; the question and what became of it are events, too."""
        shown = [self._mask.text(option) for option in options]
        listed = "\n".join(f"{n}. {option}" for n, option in enumerate(shown, 1))
        self.event(Event(kind=EventKind.NOTICE, title="question", body=f"{text}\n{listed}"))
        asked = Asked(self._attempt_id, self._mask.text(text), shown)
        self._mailbox.ask(asked)
        answer = asked.wait(over, timeout_s)
        self.event(Event(kind=EventKind.NOTICE, title="answer", body=answer or "nobody answered"))
        return options[shown.index(answer)] if answer in shown else None


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended, as the machine that ran it knows. `for_good`: a person has ended it.

    `alone`: its node was lost, and ran nothing else. `judged` is what the checks made of it, which are run
    where the unit was.
    """

    outcome: Outcome
    for_good: bool = False
    judged: Judged = NOT_JUDGED
    alone: bool = False


class AttemptRunner:
    """Runs attempts of one job with one recipe. Shared by all slots: it holds no state of an attempt."""

    def __init__(
        self, job: Job, worker: Worker[Any], store_uuid: str, database: Path, mailbox: Mailbox[Any]
    ) -> None:
        self.job = job
        self._worker = worker
        self._store_uuid = store_uuid
        self._database = database
        self._mailbox = mailbox
        self._mask = Mask(os.environ)
        self._template = PromptTemplate(job.prompt_template)
        schema = job.recipe.output_schema
        self._schema = None if schema is None else Schema(schema)
        self._form = "" if schema is None or worker.takes_schema(schema) else form(schema)
        self._checks = Checks(job.recipe, tells=worker.tells)
        self.go_on: GoOn | None = go_on if worker.resumes else None

    def render(self, payload: Mapping[str, Any]) -> str:
        """The prompt for an item, with the form of its answer unless the worker tells of that."""
        return self._template.render(payload) + self._form

    def run(self, claim: Claim, cancel: Cancel, folder: str | None = None) -> Ended:
        """Run the claim to its end on this machine, its events going to the mailbox.

        It runs in `folder`, by default the job's own.
        """
        sink = MailSink(self._mailbox, claim.attempt_id, self._mask)
        task = self._task(claim, folder or self.job.cwd)
        done = claim.done if folder is None else None  # what it did in another folder is not in this one
        sink.event(Event(kind=EventKind.PROMPT, body=task.words) if done is None else ONLY_CHECKED)
        if done is not None and done.session_id is not None:
            sink.session(done.session_id)
        judged = NOT_JUDGED
        if claim.purpose is Purpose.POST:
            outcome = self._outcome(task, sink, cancel)
        else:
            outcome, judged = self._checked(claim, task, sink, cancel, done)
        if not outcome.ok and (cancel.requested or _ended_with_us(outcome, cancel)):
            reason = cancel.reason or outcome.error
            outcome = outcome.model_copy(update={"failure": FailureKind.INTERRUPTED, "error": reason})
        return Ended(self._mask.outcome(outcome), cancel.for_good, judged)

    def _checked(
        self, claim: Claim, task: Task, sink: Sink, cancel: Cancel, done: Outcome | None
    ) -> tuple[Outcome, Judged]:
        """The outcome, `done` if it is there already, and what the checks make of it; where they can't be
        made, nothing runs.
        """
        try:
            self._checks.require(task.cwd)
        except WorkerUnavailable as error:
            return Outcome.failed(FailureKind.REFUSED_TO_START, str(error)), Judged()
        before = self._file_before(claim, task, done)
        outcome = done or self._compared(claim, task, sink, cancel)
        if not outcome.ok or outcome.denials:
            return outcome, Judged()
        ran = Ran(outcome, claim.payload, task.cwd, before, sink, cancel, task.env)
        try:
            judged = self._checks.judge(ran)
        except BrokenOff as error:
            why = {"failure": FailureKind.INTERRUPTED, "error": f"its checks were broken off: {error}"}
            return outcome.model_copy(update={**why, "ok": not cancel.for_good}), NOT_JUDGED
        if judged.doubt is not None:
            outcome = outcome.model_copy(update={"error": judged.doubt.words})
        return outcome, judged

    def _file_before(self, claim: Claim, task: Task, done: Outcome | None) -> str | None:
        """What the item's file held before its agent began, kept for attempts that go on from there."""
        before = claim.file_before
        if before is None and done is None:
            before = self._checks.before(task.cwd, claim.payload)
        if before is not None:
            self._mailbox.started(Started(claim.attempt_id, file_before=before))
        return before

    def _compared(self, claim: Claim, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """The outcome; what a test changed in the job's folder goes to the sink."""
        if claim.purpose not in COMPARED:
            return self._outcome(task, sink, cancel)
        with Comparison(self.job.cwd, self._database, self._mark(claim)) as comparison:
            outcome = self._outcome(task, sink, cancel)
            if not cancel.urgent:
                sink.batch(events_of(comparison.changes()))
        return outcome

    def _outcome(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """Run the task, and again where its answer misses the schema."""

        def run(task: Task) -> Outcome:
            return self._run_once(task, sink, cancel)

        if self._schema is None or task.output_schema is None:
            return run(task)
        return run_to_schema(task, self._schema, run, sink, resumes=self._worker.resumes)

    def _run_once(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if cancel.requested:
            nothing = Usage(cost_usd=0.0)
            return Outcome.failed(FailureKind.INTERRUPTED, "ended before it began", usage=nothing)
        try:
            return self._worker.run(task, sink, cancel)
        except WorkerUnavailable as error:
            return Outcome.failed(FailureKind.REFUSED_TO_START, str(error))
        except AbpError as error:
            return Outcome.failed(FailureKind.AGENT_ERROR, str(error))
        except BaseException as error:  # a worker may be anyone's: its fault fails its unit only
            mark = task.env[ATTEMPT_MARK]
            log.exception("worker %s failed on attempt %s", self.job.worker, mark)
            return Outcome.failed(FailureKind.AGENT_ERROR, f"{type(error).__name__}: {error}")

    def _task(self, claim: Claim, folder: str) -> Task:
        recipe = self.job.recipe
        return Task(
            prompt=claim.prompt,
            payload=claim.payload,
            cwd=folder,
            env=self._mark(claim),
            timers=recipe.timers,
            session_id=claim.session_id,
            follow_up=claim.follow_up,
            output_schema=None if claim.purpose is Purpose.POST else recipe.output_schema,
            may_ask=claim.purpose is Purpose.TEST,
        )

    def _mark(self, claim: Claim) -> dict[str, str]:
        """What tells the programs of an attempt from others, in their environment."""
        return {ATTEMPT_MARK: attempt_mark(self._store_uuid, claim.attempt_id)}


def _ended_with_us(outcome: Outcome, cancel: Cancel) -> bool:
    return outcome.failure not in TIMEOUTS and ended_with_us(outcome.signal, outcome.exit_code, cancel)


def concluded(claim: Claim, ended: Ended, job: Job) -> Finished:
    """What becomes of the unit whose attempt ended like this, wherever it ran."""
    return conclude(
        *(claim, ended.outcome, job, random.random()),
        for_good=ended.for_good,
        judged=ended.judged,
        alone=ended.alone,
    )


def conclude(
    claim: Claim,
    outcome: Outcome,
    job: Job,
    jitter: float,
    *,
    for_good: bool = False,
    judged: Judged = NOT_JUDGED,
    alone: bool = False,
) -> Finished:
    """What becomes of a unit whose attempt ended like this.

    `jitter` in 0..1 spreads the backoff; `for_good` rules another attempt out; `judged` is what the checks
    made of a good outcome; `alone` says that a lost node ran nothing else.

    The cause of a failure is its error and the last tool call, that of a doubt what was found and the same
    call, unless the agent's words are all that was found, that of denials which tools and programs they were.
    """
    end = Finished(claim, outcome, AttemptStatus.COMPLETED, UnitStatus.COMPLETED, ended_at=time.time())
    if outcome.ok and outcome.denials:
        denied = ", ".join(dict.fromkeys(f"{d.tool} {d.detail}".strip() for d in outcome.denials))
        blocked = outcome.model_copy(update={"error": outcome.error or f"permission denied: {denied}"})
        gists = ", ".join(sorted(set(map(gist, outcome.denials))))
        cause = fingerprint(FailureKind.PERMISSION, outcome.error or gists, item=claim.payload)
        return replace(end, outcome=blocked, verdict=Verdict.BLOCKED, fingerprint=cause)
    if outcome.ok and outcome.failure is FailureKind.INTERRUPTED:
        end = replace(end, status=AttemptStatus.INTERRUPTED, unit_status=UnitStatus.PENDING)
        return replace(end, failures=claim.failures, fingerprint=claim.fingerprint)
    if outcome.ok and judged.doubt is not None:
        tool = "" if judged.doubt.is_said else outcome.last_tool
        cause = fingerprint(FailureKind.BAD_OUTPUT, judged.doubt.cause, tool, claim.payload)
        return replace(end, verdict=Verdict.SUSPECT, fingerprint=cause, hold=judged.hold)
    if outcome.ok:
        return replace(end, verdict=Verdict.OK, sameness=judged.sameness)
    kind = outcome.failure or FailureKind.AGENT_ERROR
    failures = claim.failures + 1
    mark = fingerprint(kind, outcome.error, outcome.last_tool, claim.payload)
    repeated = claim.failures > 0 and mark == claim.fingerprint and names_cause(outcome.error)
    decision = _decision(claim, kind, failures, job, jitter, repeated, alone)
    if for_good:
        decision = GiveUp("a person ended it")
    match decision:
        case RetryIn(seconds, spends):
            unit, not_before = UnitStatus.PENDING, end.ended_at + seconds if seconds else None
            spent = failures if spends else claim.failures
        case GiveUp(reason):
            unit, not_before, spent = UnitStatus.FAILED, None, failures
            if kind is FailureKind.NODE_LOST:
                outcome = outcome.model_copy(update={"error": f"{reason}; the last time, {outcome.error}"})
                mark = fingerprint(kind, reason)
        case WaitForGate() | HoldJob():
            unit, not_before, spent = UnitStatus.PENDING, None, claim.failures
    if kind in NEVER_BEGAN and outcome.usage.cost_usd is None:
        outcome = outcome.model_copy(update={"usage": Usage(cost_usd=0.0)})
    lost = kind is FailureKind.NODE_LOST and unit is UnitStatus.PENDING
    interrupted = lost or kind is FailureKind.INTERRUPTED
    return replace(
        end,
        outcome=outcome,
        status=AttemptStatus.INTERRUPTED if interrupted else AttemptStatus.FAILED,
        unit_status=unit,
        failures=spent,
        not_before=not_before,
        fingerprint=claim.fingerprint if interrupted else mark,
    )


def hold_reason(end: Finished) -> str | None:
    """Why the whole job must be held after this end, or None."""
    kind = end.outcome.failure
    if end.claim.purpose is Purpose.TEST:
        return None
    if end.outcome.ok or kind is None:
        return end.hold
    decision = decide(kind, 1, 0)
    return f"{decision.reason}: {end.outcome.error}" if isinstance(decision, HoldJob) else None


def _decision(
    claim: Claim, kind: FailureKind, failures: int, job: Job, jitter: float, repeated: bool, alone: bool
) -> Decision:
    """What failed in a test or pilot has failed, so that a person sees it at once. What was ended, or found
    the account at its limit or not logged in, has tested nothing: its unit goes back.
    """
    if claim.purpose in TRIALS and POLICIES[kind] not in (Policy.AGAIN, Policy.GATE):
        return GiveUp("it was a trial")
    base_s = job.recipe.timers.backoff_s
    losses = claim.losses + 1 if kind is FailureKind.NODE_LOST else 0
    return decide(
        *(kind, failures, job.max_retries),
        repeated=repeated,
        losses=losses,
        alone=alone,
        jitter=jitter,
        base_s=base_s,
    )
