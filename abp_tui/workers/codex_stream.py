"""The stream of `codex exec --json`: every message as an event, and the facts it adds up to.

Tolerant by intent: unknown messages and items become notices, and an item may come without its start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from abp_tui.domain.model import Denial, Event, EventKind
from abp_tui.workers.loose import Json, as_text, mapping, objects, text, whole
from abp_tui.workers.message_stream import MessageStream

TYPES = frozenset(
    {
        "thread.started",
        "turn.started",
        "turn.completed",
        "turn.failed",
        "item.started",
        "item.updated",
        "item.completed",
        "error",
    }
)
_TOOLS = {"command_execution": "shell", "file_change": "edit", "web_search": "web_search"}
_TOOL_ITEMS = frozenset({*_TOOLS, "mcp_tool_call", "collab_tool_call"})
_RETRY = re.compile(r"reconnecting\b", re.I)
_REFUSED = re.compile(r"\berror=(.*\b(?:rejected|blocked by)\b.*)")


class CodexStream(MessageStream):
    """One run's output: feed it bytes, get events; the thread, the answer and the end are kept.

    `done` tells whether the turn has ended, `completed` whether it ended well, and `error` what failed.
    """

    def __init__(self) -> None:
        super().__init__(TYPES)
        self._started: set[str] = set()
        self._denied: list[Denial] = []
        self.thread_id: str | None = None
        self.done = False
        self.completed = False
        self.error = ""
        self.usage: Json = {}
        self.last_text = ""
        self.last_tool = ""

    def complaint(self, line: str) -> Event | None:
        """The event of a line on stderr that tells of a refused change: no message says so."""
        found = _REFUSED.search(line)
        if found is None:
            return None
        self._denied.append(Denial(tool="edit", detail=found[1]))
        return Event(kind=EventKind.DENIED, title="edit", body=found[1])

    @property
    def denials(self) -> tuple[Denial, ...]:
        """What the sandbox or a rule did not let through."""
        return tuple(self._denied)

    def _message(self, message: Json) -> Iterator[Event]:
        match message.get("type"):
            case "thread.started":
                self.thread_id = text(message, "thread_id") or self.thread_id
                yield Event(kind=EventKind.NOTICE, title="init", body=f"thread {self.thread_id}")
            case "turn.started":
                self.done = self.completed = False
            case "turn.completed":
                yield self._completed(message)
            case "turn.failed":
                yield self._failed(message)
            case "error":
                yield self._error(text(message, "message"))
            case "item.started" | "item.updated" | "item.completed" as kind:
                yield from self._item(mapping(message, "item"), over=kind == "item.completed")
            case other:
                yield Event(kind=EventKind.NOTICE, title=str(other or "message"), body=as_text(message))

    def _completed(self, message: Json) -> Event:
        self.done = self.completed = True
        self.usage = mapping(message, "usage")
        return Event(kind=EventKind.RESULT, title="completed")

    def _failed(self, message: Json) -> Event:
        self.done, self.completed = True, False
        self.error = text(mapping(message, "error"), "message") or self.error or "the turn failed"
        return Event(kind=EventKind.RESULT, title="failed", body=self.error, is_error=True)

    def _error(self, said: str) -> Event:
        if _RETRY.match(said):
            return Event(kind=EventKind.RETRY, body=said)
        self.error = said
        return Event(kind=EventKind.NOTICE, title="error", body=said, is_error=True)

    def _item(self, item: Json, over: bool) -> Iterator[Event]:
        kind = text(item, "type")
        if kind in _TOOL_ITEMS:
            yield from self._tool(item, over)
        elif kind == "todo_list":
            yield Event(kind=EventKind.NOTICE, title="plan", body=_plan(item))
        elif over:
            yield self._said(kind, item)

    def _said(self, kind: str, item: Json) -> Event:
        if kind == "agent_message":
            self.last_text = text(item, "text")
            return Event(kind=EventKind.TEXT, body=self.last_text)
        if kind == "reasoning":
            return Event(kind=EventKind.THINKING, body=text(item, "text") or "(not shown)")
        if kind == "error":
            return Event(kind=EventKind.NOTICE, title="warning", body=text(item, "message"))
        return Event(kind=EventKind.NOTICE, title=kind or "item", body=as_text(item))

    def _tool(self, item: Json, over: bool) -> Iterator[Event]:
        name, ref = _tool_name(item), text(item, "id")
        if ref not in self._started:
            self._started.add(ref)
            self.last_tool = name
            yield Event(kind=EventKind.TOOL_CALL, title=name, ref=ref, body=_asked(item))
        if not over:
            return
        status = text(item, "status")
        if status == "declined":
            self._denied.append(Denial(tool=name, detail=_asked(item)))
            yield Event(kind=EventKind.DENIED, title=name, ref=ref, body=_asked(item))
        failed = status in ("failed", "declined")
        yield Event(kind=EventKind.TOOL_RESULT, title=name, ref=ref, body=_given(item), is_error=failed)


def _tool_name(item: Json) -> str:
    kind = text(item, "type")
    if kind == "mcp_tool_call":
        return f"{text(item, 'server')}.{text(item, 'tool')}"
    return _TOOLS.get(kind) or text(item, "tool") or kind


def _asked(item: Json) -> str:
    """What a tool was asked for, in one text."""
    if changes := objects(item, "changes"):
        return "\n".join(f"{text(change, 'kind')} {text(change, 'path')}" for change in changes)
    for key in ("command", "query", "prompt"):
        if said := text(item, key):
            return said
    return as_text(item.get("arguments"))


def _given(item: Json) -> str:
    """What a tool gave back."""
    output = text(item, "aggregated_output")
    if (code := whole(item, "exit_code")) or output:
        return f"{output.rstrip()}\nexit code {code}".lstrip() if code else output
    error = text(mapping(item, "error"), "message")
    return error or as_text(mapping(item, "result").get("content")) or text(item, "status")


def _plan(item: Json) -> str:
    steps = objects(item, "items")
    return "\n".join(f"[{'x' if step.get('completed') else ' '}] {text(step, 'text')}" for step in steps)
