"""Models of the `llm` library as a worker, and so those of its plugins: one child process per attempt."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from typing import Any, ClassVar

from pydantic import Field

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Outcome, Usage
from abp_tui.errors import WorkerUnavailable
from abp_tui.workers.agent import STDERR_LIMIT, account_of, error_line, run_agent
from abp_tui.workers.base import Probe, Sink, Task, Worker, WorkerOptions
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.lines import JsonLines
from abp_tui.workers.loose import Json, as_text, text, whole
from abp_tui.workers.output import Output
from abp_tui.workers.process import TERMINATE, Ending
from abp_tui.workers.process_end import ProcessEnd, StartFailure
from abp_tui.workers.spawn import environment
from abp_tui.workers.value import Value

LIBRARY = "llm"
CHILD = (sys.executable, "-P", "-m", "abp_tui.workers.llm_child")  # -P: no module out of the job's folder

_LOGIN = frozenset({401, 402})
_PASSES = frozenset({408, 409, 425, 429, *range(500, 600)})
_HINTS = ("connect", "timeout", "ratelimit", "overloaded")  # in the names of errors that pass by themselves


class LlmOptions(WorkerOptions):
    """Which model answers, and how."""

    model: Value | None = Field(
        default=None, description="Name or alias of a model that llm knows; none: its default."
    )
    system: str | None = Field(default=None, description="The system prompt.")
    options: Mapping[str, Any] = Field(
        default_factory=dict, description="Options of the model itself, such as temperature."
    )
    key: Value | None = Field(
        default=None, description="The NAME of a key kept by `llm keys`, never a key itself."
    )


class LlmWorker(Worker[LlmOptions]):
    """Asks a model once per item, in a child process: the native code behind some models crashes or hangs."""

    name = "llm"
    title = "LLM library"
    Options = LlmOptions
    harmless = frozenset({"model", "system"})
    ending: ClassVar[Ending] = TERMINATE

    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """Ask the model, and tell of its answer as it comes."""
        listener = _Listener(sink)
        try:
            end = run_agent(
                CHILD,
                task,
                sink,
                cancel,
                listener,
                env=environment({**os.environ, **task.env}),
                stdin=self._request(task),
                ending=self.ending,
            )
        except StartFailure as failure:
            return failure.outcome()
        return _outcome(listener, end)

    def _request(self, task: Task) -> bytes:
        options = self.options
        return json.dumps(
            {
                "model": options.model,
                "prompt": task.prompt,
                "system": options.system,
                "options": dict(options.options),
                "key": options.key,
                "schema": task.output_schema,
            }
        ).encode()

    def require(self) -> None:
        """Raise `WorkerUnavailable` where the library is not installed."""
        if find_spec(LIBRARY) is None:
            raise WorkerUnavailable(
                "the llm library is not installed", "pip install 'abp-tui[llm]', and the plugin of your model"
            )

    def probe(self) -> Probe:
        """Whether the library is here, with which plugins."""
        try:
            self.require()
        except WorkerUnavailable as error:
            return Probe(False, error.message, hint=error.hint)
        plugins = ", ".join(sorted(point.name for point in entry_points(group=LIBRARY)))
        detail = f"plugins: {plugins}" if plugins else "no plugins: the models that come with it"
        return Probe(True, detail, version=version(LIBRARY))

    def account(self) -> str:
        """Told apart by model, by the name of its key, and by the keys that there are."""
        signs = [self.options.model or "", self.options.key or "", os.environ.get("LLM_USER_PATH", "")]
        signs += [os.environ[name] for name in sorted(os.environ) if name.endswith("_API_KEY")]
        return account_of(signs)

    def permissions(self) -> list[str]:
        """It only answers."""
        return ["answers in words: the model has no tools"]


class _Listener:
    """Takes the child's messages: whole lines of the answer become events, its end is kept."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lines = JsonLines(("model", "text", "done", "failed"))
        self._other = Output(sink, STDERR_LIMIT)
        self._pieces: list[str] = []
        self._untold = ""
        self.done: Json | None = None
        self.failed: Json | None = None

    @property
    def answer(self) -> str:
        """All that the model has said."""
        return "".join(self._pieces)

    def stdout(self, data: bytes) -> bool:
        """Take messages; True once the last of them is there."""
        for line in self._lines.feed(data):
            for message in line.objects:
                self._take(message)
        return self.done is not None or self.failed is not None

    def stderr(self, data: bytes) -> None:
        """Tell of what the model's code prints."""
        self._other.stderr(data)

    def close(self) -> None:
        """Tell of last lines that have no end, and of how it ended."""
        self._tell(self._untold)
        self._other.close()
        if self.done is not None:
            self._sink.event(Event(kind=EventKind.RESULT, title="done"))
        if self.failed is not None:
            body = text(self.failed, "error")
            self._sink.event(Event(kind=EventKind.RESULT, title="failed", body=body, is_error=True))

    def _take(self, message: Json) -> None:
        match message.get("type"):
            case "model":
                self._sink.event(
                    Event(kind=EventKind.NOTICE, title="init", body=f"model {text(message, 'model')}")
                )
            case "text":
                self._pieces.append(text(message, "text"))
                whole_lines, newline, self._untold = (self._untold + self._pieces[-1]).rpartition("\n")
                self._tell(whole_lines + newline)
            case "done":
                self.done = message
            case "failed":
                self.failed = message

    def _tell(self, words: str) -> None:
        if words.strip():
            self._sink.event(Event(kind=EventKind.TEXT, body=words.rstrip("\n")))


def _outcome(listener: _Listener, end: ProcessEnd) -> Outcome:
    """How an attempt ended: success is an answer that was ended by the child itself, with exit code 0."""
    facts: dict[str, Any] = {"output": listener.answer, "exit_code": end.exit_code, "signal": end.signal}
    if (done := listener.done) is not None:
        facts["usage"] = Usage(input_tokens=whole(done, "input"), output_tokens=whole(done, "output"))
        if end.exit_code == 0 or end.killed_after_result:
            return Outcome(ok=True, **facts)
    if interrupted := end.interruption():
        return Outcome.failed(*interrupted, **facts)
    if listener.failed is not None:
        said = error_line(text(listener.failed, "error"))
        return Outcome.failed(_kind(listener.failed), said, **facts)
    return Outcome.failed(end.kind(), f"ended without an answer, {end.describe()}", **facts)


def _kind(failed: Json) -> FailureKind:
    """The kind of failure behind an error of the library or of a plugin, whose classes nobody promises."""
    classes = as_text(failed.get("classes"))
    status = whole(failed, "status")
    if "NeedsKeyException" in classes or status in _LOGIN or "insufficient_quota" in text(failed, "error"):
        return FailureKind.LOGIN
    if failed.get("set_up"):
        return FailureKind.REFUSED_TO_START
    if status in _PASSES or (status is None and any(hint in classes.lower() for hint in _HINTS)):
        return FailureKind.TRANSIENT
    return FailureKind.AGENT_ERROR if status is None else FailureKind.PERMANENT
