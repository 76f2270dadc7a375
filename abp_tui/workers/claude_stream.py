"""The stream of `claude --output-format stream-json`: every message as an event, and the facts it adds up to.

Tolerant by intent: key order, events before `init`, missing fields and unknown types differ between versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from abp_tui.domain.model import Denial, Event, EventKind, Usage
from abp_tui.workers import claude_words as words
from abp_tui.workers.claude_usage import figures_of, usage_of
from abp_tui.workers.loose import Json, as_text, mapping, objects, text
from abp_tui.workers.message_stream import MessageStream

TYPES = frozenset({"system", "assistant", "user", "result", "rate_limit_event", "stream_event"})
LINE_CAP = 64 * 1024 * 1024  # bytes: a result holds the whole answer
_TOOL_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
_OF_NO_INTEREST = frozenset({"status", "ui_invalidate", "hook_started", "hook_progress", "hook_response"})


class ClaudeStream(MessageStream):
    """One run's output: feed it bytes, get events; its results and what led to them are kept.

    `done` tells whether a result has arrived and nothing has been said after it. `resumed` says that the
    run goes on with an earlier session.
    """

    def __init__(self, *, resumed: bool = False) -> None:
        self._resumed = resumed
        super().__init__(TYPES, LINE_CAP)
        self._tools: dict[str, str] = {}
        self._denied: dict[str, Denial] = {}
        self.results: list[Json] = []
        self.done = False
        self.session_id: str | None = None
        self.api_error: Json = {}
        self.limit: Json = {}
        self.last_tool = ""
        self.last_text = ""

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The tool calls that were not let through, each once."""
        return tuple(self._denied.values())

    @property
    def usage(self) -> Usage:
        """What this run consumed, as far as it has told."""
        return usage_of(self.results, resumed=self._resumed)

    def _message(self, message: Json) -> Iterator[Event]:
        self.session_id = text(message, "session_id") or self.session_id
        match message.get("type"):
            case "assistant":
                yield from self._assistant(message)
            case "user":
                yield from self._user(message)
            case "system":
                yield from self._system(message)
            case "rate_limit_event":
                self.limit = mapping(message, "rate_limit_info")
                yield Event(
                    kind=EventKind.LIMIT, title=text(self.limit, "status"), body=words.limit(self.limit)
                )
            case "result":
                yield self._result(message)
            case "stream_event":
                return  # a piece of a message that also comes whole
            case other:
                yield Event(kind=EventKind.NOTICE, title=str(other or "message"), body=as_text(message))

    def _assistant(self, message: Json) -> Iterator[Event]:
        self.done = False
        inner = mapping(message, "message")
        failed = bool(message.get("error")) or inner.get("model") == "<synthetic>"
        self.api_error = message if failed else {}
        for block in objects(inner, "content"):
            yield self._block(block, failed)

    def _block(self, block: Json, failed: bool) -> Event:
        kind = block.get("type")
        if kind == "text":
            self.last_text = self.last_text if failed else text(block, "text")
            return Event(kind=EventKind.TEXT, body=text(block, "text"), is_error=failed)
        if kind in ("thinking", "redacted_thinking"):
            return Event(kind=EventKind.THINKING, body=text(block, "thinking") or "(not shown)")
        if isinstance(kind, str) and kind in _TOOL_CALLS:
            return self._tool_call(block)
        return Event(kind=EventKind.NOTICE, title=str(kind or "message"), body=as_text(block))

    def _tool_call(self, block: Json) -> Event:
        name, ref = text(block, "name"), text(block, "id")
        self.last_tool = self._tools[ref] = name
        body = json.dumps(block.get("input", {}), ensure_ascii=False)
        return Event(kind=EventKind.TOOL_CALL, title=name, ref=ref, body=body)

    def _user(self, message: Json) -> Iterator[Event]:
        if message.get("isReplay"):
            return  # our own prompt
        for block in objects(mapping(message, "message"), "content"):
            if block.get("type") == "tool_result":
                yield self._tool_result(block)
            else:
                yield Event(kind=EventKind.NOTICE, title="user", body=as_text(block))
        if change := words.diff(message.get("tool_use_result")):
            yield change

    def _tool_result(self, block: Json) -> Event:
        ref = text(block, "tool_use_id")
        return Event(
            kind=EventKind.TOOL_RESULT,
            title=self._tools.get(ref, ""),
            ref=ref,
            body=as_text(block.get("content")),
            is_error=bool(block.get("is_error")),
        )

    def _system(self, message: Json) -> Iterator[Event]:
        subtype = text(message, "subtype")
        if subtype == "init":
            yield Event(kind=EventKind.NOTICE, title="init", body=words.init(message))
        elif subtype == "api_retry":
            yield Event(kind=EventKind.RETRY, title=text(message, "error"), body=words.retry(message))
        elif subtype == "permission_denied":
            yield self._permission_denied(message)
        elif subtype not in _OF_NO_INTEREST:
            yield Event(kind=EventKind.NOTICE, title=subtype or "system", body=text(message, "message"))

    def _permission_denied(self, message: Json) -> Event:
        tool, ref, why = (text(message, key) for key in ("tool_name", "tool_use_id", "message"))
        self._denied.setdefault(ref, Denial(tool=tool, detail=why))
        return Event(kind=EventKind.DENIED, title=tool, ref=ref, body=why)

    def _result(self, message: Json) -> Event:
        self.results[-1:] = [figures_of(result) for result in self.results[-1:]]  # its answer counts no more
        self.results.append(message)
        self.done = True
        for n, denial in enumerate(objects(message, "permission_denials")):
            ref = text(denial, "tool_use_id") or f"#{n}"
            detail = words.tool_input(denial.get("tool_input"))
            self._denied[ref] = Denial(tool=text(denial, "tool_name"), detail=detail)
        return Event(
            kind=EventKind.RESULT,
            title=text(message, "subtype"),
            body=words.errors(message),
            is_error=bool(message.get("is_error")),
        )
