"""What a worker is: one protocol for every agent, and the registry that finds workers by name."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from abp_tui.domain.model import Denial, Event, Outcome, Timers
from abp_tui.errors import InvalidInput
from abp_tui.plugins import Registry, explain
from abp_tui.workers.cancel import Cancel

ENTRY_POINTS = "abp_tui.workers"

NESTING_MARKS = frozenset({"CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT"})
"""Variables by which an agent knows that another one started it, and refuses to run."""


@dataclass(frozen=True, slots=True)
class Task:
    """Everything one attempt is run with. It is data alone, so that it can travel to another machine.

    `env` is added to the environment of the agent's program and carries the mark of the attempt.
    `session_id` is a session of the agent to go on with, None for a new one; `follow_up` is what to say in it
    instead of the whole prompt, which it has heard. Where it turns out to be gone, `prompt` says it all.
    `may_ask` says that a person is there to answer `Sink.ask`.
    """

    prompt: str
    payload: Mapping[str, Any]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    timers: Timers = field(default_factory=Timers)
    session_id: str | None = None
    follow_up: str | None = None
    output_schema: Mapping[str, Any] | None = None
    may_ask: bool = False

    @property
    def words(self) -> str:
        """What to say to the agent: the follow-up where its session goes on, else the whole prompt."""
        return self.prompt if self.session_id is None or self.follow_up is None else self.follow_up


class Sink(Protocol):
    """Where a worker tells what happens while it happens. Thread-safe; only `ask` blocks for long."""

    def event(self, event: Event) -> None:
        """One message of the conversation."""

    def batch(self, events: Sequence[Event]) -> None:
        """Several messages that came at once, in order."""

    def session(self, session_id: str) -> None:
        """The agent's session, as soon as it is known."""

    def process(self, pid: int) -> None:
        """The program's process, as soon as it runs; it leads a process group of its own."""

    def ask(self, text: str, options: Sequence[str], over: Cancel, timeout_s: float = 0) -> str | None:
        """Ask a person to choose one of the options, and wait for that.

        None where nobody chose within `timeout_s` seconds (0: however long), or before `over` was requested.
        """


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a worker on this machine: can it run, which version, what to do if not."""

    available: bool
    detail: str
    version: str | None = None
    hint: str = ""


class WorkerOptions(BaseModel):
    """Base of each worker's options; its JSON schema makes forms, flags and documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid")


OptionsT = TypeVar("OptionsT", bound=WorkerOptions)


class Worker(ABC, Generic[OptionsT]):
    """Runs one rendered prompt on one agent. Built from its name and options alone, on any machine.

    One instance serves many threads at a time: it holds no state of an attempt. `default_timers` are those
    of a recipe whose person has set none.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Options: ClassVar[type[WorkerOptions]] = WorkerOptions
    default_timers: ClassVar[Timers] = Timers()
    harmless: ClassVar[frozenset[str]] = frozenset()
    """Options that let the agent do no more than it may without them, whatever they are set to."""
    resumes: ClassVar[bool] = False
    """Whether it can go on with the session of an earlier attempt, by `Task.session_id`."""
    tells: ClassVar[bool] = True
    """Whether its output is the words of an agent, which may tell that it has not done what it was to do."""

    rules_option: ClassVar[str | None] = None
    """The option that holds the rules by which its agents are allowed more; None where it has none."""

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    @abstractmethod
    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """Run the task to its end and say how it ended; failures are outcomes, not exceptions."""

    @abstractmethod
    def probe(self) -> Probe:
        """Whether this worker can run here."""

    def trial(self, api: str, home: str) -> tuple[Sequence[str], Mapping[str, str]] | None:
        """The command line of a start that can't cost anything, and its variables beside PATH and HOME.

        It knows no login, keeps its settings in `home`, and asks only `api`, where nobody answers. None where
        there is no such start.
        """
        return None

    def takes_schema(self, schema: Mapping[str, Any]) -> bool:
        """Whether it tells the agent of this `Task.output_schema` by itself; else the prompt does."""
        return False

    def check(self, fields: Sequence[str]) -> None:
        """Raise `InvalidInput` where the options can't work for items with these payload fields."""

    def require(self) -> None:
        """Raise `WorkerUnavailable` where what this worker runs is not on this machine; starts nothing."""

    def account(self) -> str:
        """What its options and the environment say of whose limits it runs under, told apart by a hash.

        Workers of one name with the same account share one gate. Never the credentials themselves.
        """
        return ""

    def permissions(self) -> list[str]:
        """What the agent may do, in plain words, for the person who approves. Warnings begin in CAPITALS."""
        return []

    def reserved(self) -> list[str]:
        """What a person must allow where a program asks for this worker: the options that may widen it."""
        given = self.options.model_dump(mode="json", exclude_defaults=True)
        return [
            f"runs {self.name} with {name} {json.dumps(value, ensure_ascii=False)}"
            for name, value in given.items()
            if self.may_widen(name)
        ]

    def may_widen(self, option: str) -> bool:
        """Whether the agent may do more for this option, as it is set, than without it."""
        return option not in self.harmless

    def rules(self) -> tuple[str, ...]:
        """The rules by which its agents are allowed more than by default."""
        return tuple(getattr(self.options, self.rules_option)) if self.rules_option else ()

    def rules_for(self, denials: Sequence[Denial], own: Sequence[str]) -> tuple[str, ...]:
        """The fewest and narrowest rules that would have let this pass, for an item and others like it.

        The item's `own` names give way to those of the others, which may make two rules one.
        """
        return ()

    def cost_at(self, event: Event) -> float | None:
        """What an attempt has cost up to this event of it, in USD; None where the event does not tell."""
        return None


SKIPS_CHECKS = "SKIPS ALL PERMISSION CHECKS"
UNCHECKED_MODES = ("bypassPermissions", "yolo")  # of several agents' programs
_SKIPPING = re.compile(
    r"(?<![\w-])(?:--(?:yolo|dangerously-[\w-]+)"
    rf"|--(?:permission|approval)-mode[\s=]+(?:{'|'.join(UNCHECKED_MODES)}))(?![\w-])"
)


def skipped_by(argv: Sequence[str]) -> str:
    """The argument by which an agent's program asks for no leave; empty where none is known to."""
    found = _SKIPPING.search(" ".join(argv))
    return found[0] if found else ""


def is_warning(words: str) -> bool:
    """Whether a worker says it in capitals: something that a person must not overlook."""
    first = words.split(" ", 1)[0]
    return len(first) > 1 and first.isupper()


def runs_any_program(name: str) -> bool:
    """Whether a job's own options name the program of this worker; raises `NotFound`."""
    argv = registry.get(name).Options.model_fields.get("argv")
    return argv is not None and argv.is_required()


def _builtin() -> dict[str, str]:
    return {
        "acp": "abp_tui.workers.acp:AcpWorker",
        "claude": "abp_tui.workers.claude_cli:ClaudeCliWorker",
        "codex": "abp_tui.workers.codex:CodexWorker",
        "command": "abp_tui.workers.command:CommandWorker",
        "llm": "abp_tui.workers.llm:LlmWorker",
        "sample": "abp_tui.workers.sample:SampleWorker",
    }


registry: Registry[type[Worker[Any]]] = Registry("worker", ENTRY_POINTS, _builtin())


def make_worker(name: str, options: Mapping[str, Any]) -> Worker[Any]:
    """Build the worker called `name`; raises `NotFound` or `InvalidInput`."""
    kind = registry.get(name)
    try:
        return kind(kind.Options.model_validate(dict(options)))
    except ValidationError as error:
        known = ", ".join(kind.Options.model_fields) or "none"
        raise InvalidInput(f"worker {name}: {explain(error)}", f"its options: {known}") from None
