"""What a run of Codex tells while it happens, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, Outcome
from abp_tui.workers.agent import COMPLAINT_LENGTH, STDERR_LIMIT, error_line
from abp_tui.workers.base import Sink
from abp_tui.workers.codex_failure import classify, limit_resets_at
from abp_tui.workers.codex_session import usage_since
from abp_tui.workers.codex_stream import CodexStream
from abp_tui.workers.lines import LineSplitter
from abp_tui.workers.loose import Json
from abp_tui.workers.output import Output
from abp_tui.workers.process_end import ProcessEnd


class Listener:
    """Takes what the agent prints, and tells the sink of events, stderr and the session."""

    def __init__(self, sink: Sink) -> None:
        self.stream = CodexStream()
        self._sink = sink
        self._told: str | None = None
        self._other = Output(sink, STDERR_LIMIT)
        self._complaints = LineSplitter()

    def stdout(self, data: bytes) -> bool:
        """Tell of the events in `data`; True while a result stands."""
        self._tell(self.stream.feed(data))
        return self.stream.done

    def stderr(self, data: bytes) -> None:
        """Tell of what the agent complains of."""
        self._other.stderr(data)
        self._heed(self._complaints.feed(data))

    def close(self) -> None:
        """Tell of last lines that have no end."""
        self._tell(self.stream.close())
        self._other.close()
        self._heed(self._complaints.close())

    def _heed(self, lines: list[str]) -> None:
        for line in lines:
            if event := self.stream.complaint(line):
                self._sink.event(event)

    def _tell(self, events: list[Event]) -> None:
        if self.stream.thread_id and self.stream.thread_id != self._told:
            self._told = self.stream.thread_id
            self._sink.session(self._told)
        for event in events:
            self._sink.event(event)


def outcome_of(
    stream: CodexStream,
    end: ProcessEnd,
    session_id: str | None = None,
    before: Json | None = None,
) -> Outcome:
    """How a run ended. Success needs all signs to agree: the turn's end, being the last, and the exit code.

    `before` is what the session had consumed earlier, None where that is unknown.
    """
    facts: dict[str, Any] = {
        "output": stream.last_text,
        "usage": usage_since(stream.usage, before),
        "session_id": stream.thread_id or session_id,
        "exit_code": end.exit_code,
        "signal": end.signal,
        "denials": stream.denials,
        "last_tool": stream.last_tool,
    }
    if stream.completed and (end.exit_code == 0 or end.killed_after_result):
        return Outcome(ok=True, **facts)
    if interrupted := end.interruption():
        return Outcome.failed(*interrupted, **facts)
    complaint = _complaint(stream, end)
    kind = classify(complaint)
    if kind is FailureKind.AGENT_ERROR and not stream.error:
        kind = end.kind()
    if kind is FailureKind.USAGE_LIMIT:
        facts["resets_at"] = limit_resets_at(complaint, datetime.now(UTC))
    return Outcome.failed(kind, error_line(complaint), **facts)


def _complaint(stream: CodexStream, end: ProcessEnd) -> str:
    """What a failed run says of itself. What the agent answered is no complaint."""
    if stream.error:
        return stream.error[:COMPLAINT_LENGTH]
    said = [line.strip() for line in end.stderr.splitlines()]
    return next((line for line in said if line.lower().startswith("error:")), "") or end.describe()
