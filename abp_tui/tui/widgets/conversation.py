"""The conversation of an attempt: who said or did what, and when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from abp_tui.domain.model import Event, EventKind
from abp_tui.terminal import speaks_utf8
from abp_tui.tui.widgets.figures import clock, since
from abp_tui.tui.widgets.glyphs import BAD, DIM, GOOD, LIMIT, PRIMARY, TOOL, WARN
from abp_tui.tui.widgets.text import clean, fit, one_line, wrap
from abp_tui.tui.widgets.wrapped import WrappedView
from abp_tui.words import counted

LABEL = 11
MOST_CHARACTERS = 50_000
FOLDED = {EventKind.PROMPT: 1, EventKind.TOOL_CALL: 1, EventKind.TOOL_RESULT: 2, EventKind.THINKING: 3}
FOLDED_ELSE = 12

_LABELS: dict[EventKind, tuple[str, str, str]] = {
    EventKind.PROMPT: ("prompt", LIMIT, ""),
    EventKind.TEXT: ("agent", PRIMARY, ""),
    EventKind.THINKING: ("thinking", DIM, DIM),
    EventKind.TOOL_CALL: ("", TOOL, ""),
    EventKind.TOOL_RESULT: ("", DIM, DIM),
    EventKind.DIFF: ("diff", TOOL, ""),
    EventKind.RETRY: ("retry", WARN, WARN),
    EventKind.LIMIT: ("limit", LIMIT, LIMIT),
    EventKind.DENIED: ("denied", BAD, BAD),
    EventKind.NOTICE: ("notice", DIM, DIM),
    EventKind.STDERR: ("stderr", WARN, DIM),
    EventKind.RESULT: ("result", GOOD, ""),
}


class Conversation(WrappedView[Event]):
    """Events as they come. Long ones are folded until they are asked for."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._began: datetime | None = None
        self._last_id = 0
        self.unfolded = False

    def clear(self) -> None:
        """Start with another attempt."""
        self._began, self._last_id = None, 0
        super().clear()

    def add(self, events: Sequence[Event]) -> None:
        """Put events at the end; those that are there already are left out."""
        new = [event for event in events if (event.id or 0) > self._last_id]
        if new:
            self._last_id = new[-1].id or self._last_id
            self._began = self._began or new[0].at
            self.append(new)

    def unfold(self) -> None:
        """Show long events whole, or fold them again."""
        self.unfolded = not self.unfolded
        self.rebuild()

    @property
    def transcript(self) -> str:
        """Every event whole: its time, its kind, its text."""
        return "\n\n".join(_whole(event) for event in self.blocks)

    def build(self, block: Event, width: int) -> list[Content]:
        """Time, label, and the text with a hanging indent."""
        label, label_style, style = self._look(block)
        room = width - 7 - LABEL
        body = tool_words(block.body) if block.kind is EventKind.TOOL_CALL else block.body
        texts = [part for part in (self._title(block), body) if part]
        lines = wrap(clean(" ".join(texts)[:MOST_CHARACTERS]).strip("\n"), max(10, room))
        shown = lines if self.unfolded else self._fold(block.kind, lines, room)
        time = clock(since(self._began, block.at)) if self._began and block.at else ""
        if block.kind is EventKind.TOOL_RESULT:
            time = ""
        head = Content.assemble((f"{time:>5}  ", DIM), (fit(label, LABEL), label_style), (shown[0], style))
        indent = " " * (7 + LABEL)
        return [head, *(Content.assemble(indent, (line, style)) for line in shown[1:])]

    def _look(self, event: Event) -> tuple[str, str, str]:
        label, label_style, style = _LABELS[event.kind]
        if event.kind is EventKind.TOOL_CALL:
            arrow = "▸ " if speaks_utf8() else "> "
            label = arrow + one_line(event.title, LABEL - 3)
        if event.is_error:
            return label or "error", BAD, BAD
        return label, label_style, style

    def _title(self, event: Event) -> str:
        """The event's title, where it is not the label already."""
        named = event.kind in (EventKind.TOOL_CALL, EventKind.TOOL_RESULT, EventKind.PROMPT, EventKind.TEXT)
        if event.kind is EventKind.TOOL_CALL and len(event.title) > LABEL - 3:
            return f"{event.title}:"
        return "" if named or not event.title else f"{event.title}:" if event.body else event.title

    def _fold(self, kind: EventKind, lines: list[str], room: int) -> list[str]:
        most = FOLDED.get(kind, FOLDED_ELSE)
        if len(lines) <= most:
            return lines
        arrow = "▸" if speaks_utf8() else ">"
        left = len(lines) - most
        note = f"  {arrow} {counted(left, 'more line')}"
        rest = one_line(" ".join(lines[most - 1 : most + 2]))
        return [*lines[: most - 1], fit(rest, max(4, room - len(note))).rstrip() + note]


def tool_words(body: str) -> str:
    """What a tool is called with, in words where it is JSON: the one value, or `name: value` for several."""
    try:
        arguments = json.loads(body)
    except ValueError:
        return body
    if not isinstance(arguments, dict):
        return body
    values = {
        name: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for name, v in arguments.items()
    }
    if len(values) == 1:
        return next(iter(values.values()))
    return "  ".join(f"{name}: {value}" for name, value in values.items())


def _whole(event: Event) -> str:
    head = [f"{event.at:%H:%M:%S}" if event.at else "", str(event.kind), event.title]
    return " ".join(part for part in head if part) + (f"\n{event.body}" if event.body else "")
