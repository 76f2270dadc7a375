"""Running an agent that speaks Claude Code's stream format, from its command line to the outcome."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Outcome
from abp_tui.workers import claude_words as words
from abp_tui.workers.agent import COMPLAINT_LENGTH, STDERR_LIMIT, error_line, run_agent
from abp_tui.workers.base import Sink, Task, Worker, WorkerOptions
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.claude_failure import classify, limit_resets_at, refusal
from abp_tui.workers.claude_stream import ClaudeStream
from abp_tui.workers.claude_usage import cost_told
from abp_tui.workers.loose import Json, text
from abp_tui.workers.output import Output, to_bytes
from abp_tui.workers.process import INTERRUPT, Ending
from abp_tui.workers.process_end import ProcessEnd, StartFailure
from abp_tui.workers.spawn import environment

OptionsT = TypeVar("OptionsT", bound=WorkerOptions)

_LOST = re.compile(r"no conversation found with session|session id \S+ is already in use", re.I)


class StreamJsonWorker(Worker[OptionsT]):
    """An agent program with its prompt on stdin and stream-json on stdout."""

    ending: ClassVar[Ending] = INTERRUPT

    @abstractmethod
    def argv(self, task: Task, session_id: str) -> list[str]:
        """The command line; `session_id` is `task.session_id`, or a new one."""

    @abstractmethod
    def environment(self, task: Task) -> Mapping[str, str]:
        """The whole environment of the program."""

    def cost_at(self, event: Event) -> float | None:
        """A result tells it; there may be several in one attempt."""
        return cost_told(event)

    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """Run the agent on the task; its session is told before its first event.

        Where the agent knows nothing of the session, or has it in use, it is run once more in a new one.
        """
        if not task.words.strip():
            return Outcome.failed(FailureKind.BAD_INPUT, "the prompt is empty")
        outcome = self._run(task, sink, cancel)
        if not _session_is_lost(outcome):
            return outcome
        told = f"{outcome.error}; a new session is started"
        sink.event(Event(kind=EventKind.NOTICE, title="abp", body=told))
        return self._run(replace(task, session_id=None), sink, cancel)

    def _run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        session_id = task.session_id or str(uuid4())
        sink.session(session_id)
        listener = _Listener(sink, session_id, resumed=task.session_id is not None)
        try:
            end = run_agent(
                self.argv(task, session_id),
                task,
                sink,
                cancel,
                listener,
                env=environment(self.environment(task)),
                stdin=to_bytes(task.words),
                ending=self.ending,
            )
        except StartFailure as failure:
            return failure.outcome()
        return outcome_of(listener.stream, end, session_id)


def _session_is_lost(outcome: Outcome) -> bool:
    """Whether the agent refused its session before it did anything."""
    return not (outcome.ok or outcome.usage.turns or outcome.output) and bool(_LOST.search(outcome.error))


class _Listener:
    """Takes what the agent prints, and tells the sink of events, stderr and a changed session."""

    def __init__(self, sink: Sink, session_id: str, *, resumed: bool) -> None:
        self.stream = ClaudeStream(resumed=resumed)
        self._sink = sink
        self._session_id = session_id
        self._other = Output(sink, STDERR_LIMIT)

    def stdout(self, data: bytes) -> bool:
        """Tell of the events in `data`; True while a result stands."""
        self._tell(self.stream.feed(data))
        return self.stream.done

    def stderr(self, data: bytes) -> None:
        """Tell of what the agent complains of."""
        self._other.stderr(data)

    def close(self) -> None:
        """Tell of last lines that have no end."""
        self._tell(self.stream.close())
        self._other.close()

    def _tell(self, events: list[Event]) -> None:
        session_id = self.stream.session_id
        if session_id and session_id != self._session_id:
            self._session_id = session_id
            self._sink.session(session_id)
        for event in events:
            self._sink.event(event)


def outcome_of(stream: ClaudeStream, end: ProcessEnd, session_id: str) -> Outcome:
    """How a run ended. Success needs all signs to agree: the last result, its flag, and the exit code."""
    result = stream.results[-1] if stream.done else {}
    facts: dict[str, Any] = {
        "output": stream.last_text,
        "usage": stream.usage,
        "session_id": stream.session_id or session_id,
        "exit_code": end.exit_code,
        "signal": end.signal,
        "denials": stream.denials,
        "last_tool": stream.last_tool,
    }
    if _succeeded(result, end):
        facts["output"] = text(result, "result")
        return Outcome(ok=True, result=result.get("structured_output"), **facts)
    if interrupted := end.interruption():
        return Outcome.failed(*interrupted, **facts)
    complaint = _complaint(result, end)
    if end.exit_code and (hint := refusal(stream, end.stderr)):
        return Outcome.failed(FailureKind.REFUSED_TO_START, f"{error_line(complaint)} ({hint})", **facts)
    kind = classify(stream, complaint)
    if kind is FailureKind.AGENT_ERROR and not result:
        kind = end.kind()
    if kind is FailureKind.USAGE_LIMIT:
        facts["resets_at"] = limit_resets_at(stream, complaint, datetime.now(UTC))
    return Outcome.failed(kind, error_line(complaint), **facts)


def _succeeded(result: Json, end: ProcessEnd) -> bool:
    good = result.get("subtype") == "success" and not result.get("is_error")
    return good and (end.exit_code == 0 or end.killed_after_result)


def _complaint(result: Json, end: ProcessEnd) -> str:
    """What a failed run says of itself. What the agent answered is no complaint."""
    if result.get("is_error") and (said := words.errors(result)):
        return said[:COMPLAINT_LENGTH]
    if result:
        return end.describe()
    return f"ended without a result, {end.describe()}"
