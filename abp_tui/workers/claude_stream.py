"""The stream of `claude --output-format stream-json`: every message as an event, and the facts it adds up to.

Tolerant by intent: key order, events before `init`, missing fields and unknown types differ between versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from abp_tui.domain.model import Denial, Event, EventKind, Usage
from abp_tui.workers.lines import JsonLines, Line

TYPES = frozenset({"system", "assistant", "user", "result", "rate_limit_event", "stream_event"})
_SILENT = frozenset({"status", "ui_invalidate", "hook_started", "hook_progress", "hook_response"})

Json = Mapping[str, Any]


class ClaudeStream:
    """One run's output: feed it bytes, get events; the last result and what led to it are kept.

    `done` tells whether the result has arrived and nothing has been said after it.
    """

    def __init__(self) -> None:
        self._lines = JsonLines(TYPES)
        self._tools: dict[str, str] = {}
        self._denied: dict[str, Denial] = {}
        self._spent: list[Usage] = []
        self.session_id: str | None = None
        self.result: Json | None = None
        self.done = False
        self.api_error: Json = {}
        self.limit: Json = {}
        self.last_tool = ""
        self.last_text = ""
        self.noise = ""

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        return [event for line in self._lines.feed(data) for event in self._line(line)]

    def close(self) -> list[Event]:
        """The event of a last line without a newline."""
        return [event for line in self._lines.close() for event in self._line(line)]

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The tool calls that were not let through, each once."""
        return tuple(self._denied.values())

    @property
    def usage(self) -> Usage:
        """What this run consumed: the results' increments where they are told, else the last total."""
        return _sum_up(self._spent)

    def _line(self, line: Line) -> Iterator[Event]:
        if not line.objects:
            self.noise = line.text.strip()[:500]
            yield Event(kind=EventKind.NOTICE, title="output", body=line.text)
        for message in line.objects:
            raw = line.text if len(line.objects) == 1 else json.dumps(message, ensure_ascii=False)
            for n, event in enumerate(self._message(message)):
                yield event if n else event.model_copy(update={"raw": raw})

    def _message(self, message: Json) -> Iterator[Event]:
        if session := _str(message, "session_id"):
            self.session_id = session
        match message.get("type"):
            case "assistant":
                yield from self._assistant(message)
            case "user":
                yield from self._user(message)
            case "system":
                yield from self._system(message)
            case "rate_limit_event":
                yield self._rate_limit(_dict(message, "rate_limit_info"))
            case "result":
                yield self._result(message)
            case "stream_event":
                return  # pieces of a message that follows whole
            case other:
                yield Event(kind=EventKind.NOTICE, title=str(other or "message"))

    def _assistant(self, message: Json) -> Iterator[Event]:
        self.done = False
        inner = _dict(message, "message")
        failed = bool(message.get("error")) or inner.get("model") == "<synthetic>"
        self.api_error = message if failed else {}
        for block in _blocks(inner):
            yield self._block(block, failed)

    def _block(self, block: Json, failed: bool) -> Event:
        match block.get("type"):
            case "text":
                self.last_text = _str(block, "text")
                return Event(kind=EventKind.TEXT, body=self.last_text, is_error=failed)
            case "thinking":
                return Event(kind=EventKind.THINKING, body=_str(block, "thinking"))
            case "redacted_thinking":
                return Event(kind=EventKind.THINKING, body="(not shown)")
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                return self._tool_call(block)
            case other:
                return Event(kind=EventKind.NOTICE, title=str(other or "message"), body=_as_text(block))

    def _tool_call(self, block: Json) -> Event:
        name, ref = _str(block, "name"), _str(block, "id")
        self.last_tool = self._tools[ref] = name
        body = json.dumps(block.get("input", {}), ensure_ascii=False)
        return Event(kind=EventKind.TOOL_CALL, title=name, ref=ref, body=body)

    def _user(self, message: Json) -> Iterator[Event]:
        if message.get("isReplay"):
            return  # our own prompt
        self.done = False
        for block in _blocks(_dict(message, "message")):
            if block.get("type") == "tool_result":
                yield self._tool_result(block)
            else:
                yield Event(kind=EventKind.NOTICE, title="user", body=_as_text(block))
        if diff := _diff(message.get("tool_use_result")):
            yield diff

    def _tool_result(self, block: Json) -> Event:
        ref = _str(block, "tool_use_id")
        return Event(
            kind=EventKind.TOOL_RESULT,
            title=self._tools.get(ref, ""),
            ref=ref,
            body=_as_text(block.get("content")),
            is_error=bool(block.get("is_error")),
        )

    def _system(self, message: Json) -> Iterator[Event]:
        match message.get("subtype"):
            case "init":
                yield Event(kind=EventKind.NOTICE, title="init", body=_describe_init(message))
            case "api_retry":
                yield Event(
                    kind=EventKind.RETRY, title=_str(message, "error"), body=_describe_retry(message)
                )
            case "permission_denied":
                yield self._denied_call(message)
            case subtype if subtype not in _SILENT:
                yield Event(
                    kind=EventKind.NOTICE, title=str(subtype or "system"), body=_str(message, "message")
                )

    def _denied_call(self, message: Json) -> Event:
        tool, ref, body = _str(message, "tool_name"), _str(message, "tool_use_id"), _str(message, "message")
        self._denied.setdefault(ref, Denial(tool=tool, detail=body))
        return Event(kind=EventKind.DENIED, title=tool, ref=ref, body=body)

    def _rate_limit(self, info: Json) -> Event:
        self.limit = info
        return Event(kind=EventKind.LIMIT, title=_str(info, "status"), body=_describe_limit(info))

    def _result(self, message: Json) -> Event:
        self.result, self.done = message, True
        self._spent.append(_usage(message))
        for n, denial in enumerate(_list(message, "permission_denials")):
            detail = _describe_input(denial.get("tool_input"))
            ref = _str(denial, "tool_use_id") or f"#{n}"
            self._denied[ref] = Denial(tool=_str(denial, "tool_name"), detail=detail)
        return Event(
            kind=EventKind.RESULT,
            title=_str(message, "subtype"),
            body=_str(message, "result") or "\n".join(str(error) for error in message.get("errors") or ()),
            is_error=bool(message.get("is_error")),
        )


class _Total(Usage):
    """A usage that counts from the start of the session or process, not from the last result."""


def _usage(result: Json) -> Usage:
    """What a result says was consumed. Newer versions give a resumed session's total, and the increment."""
    models = result.get("model_usage_since_last_result")
    turns = _int(result, "num_turns")
    if isinstance(models, dict):
        each = [model for model in models.values() if isinstance(model, dict)]
        return Usage(
            cost_usd=sum(_number(model, "costUSD") or 0.0 for model in each),
            input_tokens=sum(_tokens(model, "inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens") for model in each),
            output_tokens=sum(_tokens(model, "outputTokens") for model in each),
            turns=turns,
        )
    usage = _dict(result, "usage")
    return _Total(
        cost_usd=_number(result, "total_cost_usd"),
        input_tokens=_tokens(usage, "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
        output_tokens=_tokens(usage, "output_tokens"),
        turns=turns,
    )
