"""What an agent of the Agent Client Protocol tells while it works, as events and the facts they add up to.

Read loosely from the messages as they come: what a newer agent adds or leaves out never breaks it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from abp_tui.domain.model import Event, EventKind
from abp_tui.workers.acp_tools import ToolCall
from abp_tui.workers.lines import LINE_CAP
from abp_tui.workers.loose import Json, as_text, mapping, number, objects, text

PIECE = 2000  # characters of a message after which its whole lines are told already

_CHUNKS = {"agent_message_chunk": EventKind.TEXT, "agent_thought_chunk": EventKind.THINKING}
_OF_NO_INTEREST = frozenset(
    {"user_message_chunk", "available_commands_update", "config_option_update", "session_info_update"}
)
_PLAN_SIGNS = {"completed": "x", "in_progress": ">"}


class Updates:
    """One session's updates: feed them as they come, get events. `last_text` is the newest message."""

    def __init__(self) -> None:
        self._kind: EventKind | None = None
        self._message_id = ""
        self._untold = ""
        self._message = ""
        self._calls: dict[str, ToolCall] = {}
        self.last_text = ""
        self.last_tool = ""
        self.cost_usd: float | None = None

    def feed(self, update: Json) -> Iterator[Event]:
        """The events that an update completes."""
        kind = text(update, "sessionUpdate")
        if kind in _CHUNKS:
            yield from self._chunk(_CHUNKS[kind], update)
        elif kind in ("tool_call", "tool_call_update"):
            yield from self.flush()
            yield from self._tool(update)
        elif kind == "usage_update":
            self._usage(mapping(update, "cost"))
        elif kind not in _OF_NO_INTEREST:
            yield from self.flush()
            yield _notice(kind, update)

    def flush(self) -> Iterator[Event]:
        """The event of a message that has ended."""
        if self._kind is not None and self._untold:
            yield Event(kind=self._kind, body=self._untold)
        if self._kind is EventKind.TEXT and self._message.strip():
            self.last_text = self._message
        self._kind, self._untold, self._message = None, "", ""

    def close(self) -> Iterator[Event]:
        """The events of whatever has not ended when the turn does."""
        yield from self.flush()
        for call in self._calls.values():
            yield from call.close()

    def call(self, update: Json) -> ToolCall:
        """The tool call that an update, or a request for leave, is about, with what that tells of it."""
        ref = text(update, "toolCallId")
        call = self._calls.setdefault(ref, ToolCall(ref))
        call.learn(update)
        self.last_tool = call.name
        return call

    def _tool(self, update: Json) -> Iterator[Event]:
        call = self.call(update)
        yield from call.tell(update)

    def _chunk(self, kind: EventKind, update: Json) -> Iterator[Event]:
        words, message_id = as_text(update.get("content")), text(update, "messageId")
        if _is_informational(update):
            yield Event(kind=EventKind.NOTICE, title="agent", body=words)
            return
        if (kind, message_id) != (self._kind, self._message_id):
            yield from self.flush()
        self._kind, self._message_id = kind, message_id
        self._untold += words
        self._message += words[: LINE_CAP - len(self._message)]
        if len(self._untold) >= PIECE and "\n" in self._untold:
            whole, _, self._untold = self._untold.rpartition("\n")
            yield Event(kind=kind, body=whole)

    def _usage(self, cost: Json) -> None:
        if text(cost, "currency") in ("", "USD") and (amount := number(cost, "amount")) is not None:
            self.cost_usd = amount


def _is_informational(update: Json) -> bool:
    """Whether a message comes from the agent's program, not from its model."""
    return any(
        isinstance(meta, dict) and meta.get("kind") == "informational"
        for meta in mapping(update, "_meta").values()
    )


def _notice(kind: str, update: Json) -> Event:
    if kind == "plan":
        lines = [
            f"[{_PLAN_SIGNS.get(text(entry, 'status'), ' ')}] {text(entry, 'content')}"
            for entry in objects(update, "entries")
        ]
        return Event(kind=EventKind.NOTICE, title="plan", body="\n".join(lines))
    if kind == "current_mode_update":
        return Event(kind=EventKind.NOTICE, title="mode", body=text(update, "currentModeId"))
    return Event(kind=EventKind.NOTICE, title=kind or "update", body=json.dumps(update, ensure_ascii=False))
