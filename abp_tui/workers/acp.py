"""Any agent of the Agent Client Protocol as a worker: its program from options, its leave from rules."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Event, EventKind, Outcome, Timers, Usage
from abp_tui.errors import WorkerUnavailable
from abp_tui.workers.acp_rules import Rule, rules_for
from abp_tui.workers.agent import STDERR_LIMIT, account_of, error_line
from abp_tui.workers.base import (
    NESTING_MARKS,
    SKIPS_CHECKS,
    UNCHECKED_MODES,
    Probe,
    Sink,
    Task,
    Worker,
    WorkerOptions,
    skipped_by,
)
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.claude_failure import reset_told
from abp_tui.workers.loose import mapping, whole
from abp_tui.workers.output import Output
from abp_tui.workers.process import ASK_FIRST, run_program
from abp_tui.workers.process_end import ProcessEnd, StartFailure
from abp_tui.workers.spawn import environment
from abp_tui.workers.variables import Variables, filled

if TYPE_CHECKING:
    from acp import PromptResponse

    from abp_tui.workers.acp_talk import Talk


_STOPS = {
    "max_tokens": (FailureKind.BAD_OUTPUT, "the answer was cut off: the model's limit of tokens is reached"),
    "max_turn_requests": (FailureKind.AGENT_ERROR, "the agent's limit of requests in one turn is reached"),
    "refusal": (FailureKind.AGENT_ERROR, "the agent refused to go on"),
    "cancelled": (FailureKind.AGENT_ERROR, "the agent broke its turn off, and nobody had asked it to"),
}


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Rules = Annotated[tuple[Rule, ...], BeforeValidator(_one_or_many)]


class AcpOptions(WorkerOptions):
    """Which agent is run, and what it is given leave to do. Never what an item says."""

    argv: tuple[str, ...] = Field(
        min_length=1, description="The agent's program and its arguments: gemini --acp."
    )
    env: Variables = Field(
        default_factory=dict,
        description="Added to the program's environment; ${NAME} takes a variable of that.",
    )
    mode: str | None = Field(
        default=None,
        description="The agent's session mode; none: its `default`, which asks, or its own choice.",
    )
    auth_method: str | None = Field(
        default=None, description="How to log in, for agents that must be told: gemini-api-key."
    )
    allow: Rules = Field(
        default=(),
        description="Leave that is given, by kind of tool and what it is about: edit, execute(git *).",
    )
    deny: Rules = Field(default=(), description="Leave that is never given, in the same form.")
    ask_s: float = Field(
        default=1800.0,
        ge=0,
        le=7 * 24 * 3600,
        description="Seconds that a test waits for a person's answer; 0 for as long as it takes.",
    )

    @field_validator("argv")
    @classmethod
    def _has_a_program(cls, argv: tuple[str, ...]) -> tuple[str, ...]:
        if not argv[0] or any("\0" in argument for argument in argv):
            raise ValueError("the program's name is empty, or an argument holds a NUL")
        return argv


class AcpWorker(Worker[AcpOptions]):
    """Runs an agent's program, one process and one session per attempt, and talks to it over its pipes."""

    name = "acp"
    title = "Any agent of the Agent Client Protocol"
    Options = AcpOptions
    resumes = True
    rules_option = "allow"
    default_timers: ClassVar[Timers] = Timers(grace_s=2)  # it has answered: some never leave by themselves

    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """Have the agent take one turn on the task, and end it."""
        from abp_tui.workers.acp_leave import Policy  # the SDK takes half a second to load
        from abp_tui.workers.acp_talk import Talk

        options = self.options
        policy = Policy(options.allow, options.deny, task.may_ask, options.ask_s)
        talk = Talk(task, policy, sink, mode=options.mode, login=options.auth_method)
        complaints = Output(sink, STDERR_LIMIT)
        try:
            with talk:
                end = run_program(
                    options.argv,
                    cwd=task.cwd,
                    env=environment(self._environment(task)),
                    stdin=talk.inlet,
                    timers=task.timers,
                    cancel=cancel,
                    on_stdout=talk.hear,
                    on_stderr=complaints.stderr,
                    on_start=sink.process,
                    ending=ASK_FIRST,
                )
        except StartFailure as failure:
            return failure.outcome()
        complaints.close()
        outcome = _outcome(talk, end)
        stop = talk.answer.stop_reason if talk.answer else ""
        sink.event(Event(kind=EventKind.RESULT, title=stop, body=outcome.error, is_error=not outcome.ok))
        return outcome

    def _environment(self, task: Task) -> Mapping[str, str]:
        """Ours, that of the options and the task's, less the markers of an agent around us."""
        own = {name: value for name, value in os.environ.items() if name not in NESTING_MARKS}
        return {**own, **filled(self.options.env), **task.env}

    def account(self) -> str:
        """A hash of the program and of what in its environment names or proves who somebody is."""
        own = {**os.environ, **self._given()}
        telling = sorted(f"{name}={value}" for name, value in own.items() if _TELLS_WHO.search(name))
        return account_of([self.options.argv[0], *telling])

    def _given(self) -> Mapping[str, str]:
        """The options' variables, as they stand where what they refer to is not set: then nothing runs."""
        try:
            return filled(self.options.env)
        except WorkerUnavailable:
            return self.options.env

    def rules_for(self, denials: Sequence[Denial], own: Sequence[str]) -> tuple[str, ...]:
        """By kind of tool and what it is about."""
        return tuple(dict.fromkeys(rules_for(denials, own)))

    def permissions(self) -> list[str]:
        """What the agent may do, the widest first."""
        options = self.options
        said = [f"{SKIPS_CHECKS}, by {why}"] if (why := self._unchecked()) else []
        said += [f"is run as {' '.join(options.argv)}, in mode {options.mode}"] if options.mode else []
        said.append("reads and searches; leave for anything else is denied unless a rule gives it")
        if options.allow:
            said.append("is given leave for: " + ", ".join(options.allow))
        if options.deny:
            said.append("is never given leave for: " + ", ".join(options.deny))
        return [*said, "what it does without asking is up to the agent and its mode"]

    def _unchecked(self) -> str:
        """What lets the agent do anything without being asked; empty where nothing does."""
        options = self.options
        if options.mode in UNCHECKED_MODES:
            return f"its mode {options.mode}"
        everything = next((rule for rule in options.allow if re.fullmatch(r"\*(\(\*+\))?", rule)), None)
        return f"the rule {everything}" if everything else skipped_by(options.argv)

    def require(self) -> None:
        """Raise `WorkerUnavailable` where the program is not there."""
        self._find_program()

    def _find_program(self) -> str:
        program = self.options.argv[0]
        if "/" in program and not Path(program).is_absolute():
            return program  # found from the job's folder, once that is known
        found = shutil.which(program, path=filled(self.options.env).get("PATH"))
        if found is None:
            hint = "npm install -g @agentclientprotocol/claude-agent-acp, or @google/gemini-cli, …"
            raise WorkerUnavailable(f"there is no program {program!r} to run", hint)
        return found

    def probe(self) -> Probe:
        """Whether the program is there. What it can do shows when it is talked to."""
        try:
            return Probe(True, self._find_program())
        except WorkerUnavailable as error:
            return Probe(False, error.message, hint=error.hint)


_TELLS_WHO = re.compile(
    r"(API_KEY|(AUTH|OAUTH|ACCESS)_TOKEN|BASE_URL|CONFIG_DIR|CREDENTIALS|PROJECT)$|^HOME$"
)


def _outcome(talk: Talk, end: ProcessEnd) -> Outcome:
    """How the turn ended. The agent's answer decides; what becomes of its program afterwards does not."""
    facts: dict[str, Any] = {
        "output": talk.output,
        "usage": _usage(talk.answer, talk.cost_usd),
        "session_id": talk.session_id,
        "exit_code": end.exit_code,
        "signal": None if end.killed_after_result else end.signal,
        "denials": talk.denials,
        "last_tool": talk.last_tool,
    }
    stop = talk.answer.stop_reason if talk.answer else None
    if stop == "end_turn":
        return Outcome(ok=True, **facts)
    if interrupted := end.interruption():
        return Outcome.failed(*interrupted, **facts)
    if stop is not None:
        return Outcome.failed(*_STOPS[stop], **facts)
    if talk.problem is not None:
        if talk.problem.kind is FailureKind.USAGE_LIMIT:
            facts["resets_at"] = reset_told(talk.problem.words, datetime.now(UTC))
        return Outcome.failed(talk.problem.kind, error_line(talk.problem.words), **facts)
    return Outcome.failed(*_ended_early(talk.stage, end), **facts)


def _ended_early(stage: str, end: ProcessEnd) -> tuple[FailureKind, str]:
    """A program that ended, or closed its output, before it answered."""
    from abp_tui.workers.acp_failure import classify

    words = f"it ended before it answered {stage}, {end.describe()}"
    if end.killed_after_result:
        words = (
            f"it closed its output before it answered {stage}: {end.last_stderr_line or 'it said nothing'}"
        )
    kind = classify(end.last_stderr_line)
    if kind is FailureKind.AGENT_ERROR and stage == "initialize" and end.exit_code is not None:
        kind = FailureKind.REFUSED_TO_START
    if kind is FailureKind.AGENT_ERROR and not end.killed_after_result:
        kind = end.kind()
    return kind, error_line(words)


def _usage(answer: PromptResponse | None, cost_usd: float | None) -> Usage:
    """Cost and tokens (cached ones included) of a turn, as far as the agent tells them."""
    if answer is not None and (used := answer.usage) is not None:
        cached = (used.cached_read_tokens or 0) + (used.cached_write_tokens or 0)
        return Usage(
            cost_usd=cost_usd, input_tokens=used.input_tokens + cached, output_tokens=used.output_tokens
        )
    meta = answer.field_meta if answer is not None and answer.field_meta else {}
    counts = mapping(mapping(meta, "quota"), "token_count")
    return Usage(
        cost_usd=cost_usd,
        input_tokens=whole(counts, "input_tokens"),
        output_tokens=whole(counts, "output_tokens"),
    )
