"""The conversation of an attempt: who said or did what, and when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from textual.content import Content

from abp_tui.domain.change import FILE, FOLDER, is_recorded_change
from abp_tui.domain.model import Event, EventKind
from abp_tui.tui.widgets.diff import diff_lines
from abp_tui.tui.widgets.figures import clock, count, since, span
from abp_tui.tui.widgets.folding import FoldingView, fold_sign
from abp_tui.tui.widgets.glyphs import BAD, DIM, GOOD, LIMIT, PRIMARY, TOOL, WARN
from abp_tui.tui.widgets.text import clean, fit, one_line, wrap

LABEL = 11
MOST_CHARACTERS = 50_000
FOLDED = {EventKind.PROMPT: 1, EventKind.TOOL_RESULT: 2, EventKind.THINKING: 3, EventKind.RESULT: 1}
TELLING = ("command", "file_path", "path", "url", "pattern", "query")  # what says most of a call, by its name
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


@dataclass(frozen=True, slots=True)
class Turn:
    """One event; a tool's call together with what came of it."""

    event: Event
    result: Event | None = None
    diff: Event | None = None


class Conversation(FoldingView[Turn]):
    """Events as they come. Long ones are folded until they are asked for."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._forget()

    def _forget(self) -> None:
        self._began: datetime | None = None
        self._events: list[Event] = []
        self._calls: dict[str, int] = {}
        self._answered: set[str] = set()
        self._last = -1
        self._said = ""
        self._heard = False
        self.nothing = ""

    @property
    def line_count(self) -> int:
        """How many lines it makes; one more where it is said that there is nothing."""
        return len(self._lines) + int(bool(self.nothing) and not self._heard)

    def line(self, index: int, width: int) -> Content:
        """One line."""
        return self._lines[index] if index < len(self._lines) else Content.styled(self.nothing, DIM)

    def if_silent(self, words: str) -> None:
        """Say this below the prompt, until there is anything else."""
        if words != self.nothing:
            self.nothing = words
            self.measure()

    def clear(self) -> None:
        """Start with another attempt."""
        self._forget()
        super().clear()

    def add(self, events: Sequence[Event]) -> list[Event]:
        """Put events at the end; returns those that were not there already."""
        last = (self._events[-1].id or 0) if self._events else 0
        new = [event for event in events if (event.id or 0) > last]
        if new:
            self._events += new
            self._began = self._began or new[0].at
            self._heard = self._heard or any(event.kind is not EventKind.PROMPT for event in new)
            self._take(new)
        return new

    @property
    def transcript(self) -> str:
        """Every event whole: its time, its kind, its text."""
        return "\n\n".join(_whole(event) for event in self._events)

    def build_as(self, block: Turn, width: int, *, whole: bool) -> list[Content]:
        """Time, label, and the text with a hanging indent."""
        event = block.event
        room = max(10, width - 7 - LABEL)
        if event.kind is EventKind.TOOL_CALL:
            lines = call_lines(block, room, whole=whole)
        else:
            style = BAD if event.is_error else _LABELS[event.kind][2]
            wrapped = wrap(clean(_text(event)[:MOST_CHARACTERS]).strip("\n"), room)
            shown = wrapped if whole else _fold(event.kind, wrapped, room)
            lines = [Content.styled(line, style) for line in shown]
        head = Content.assemble((f"{self._time(event):>5}  ", DIM), _label(event, whole=whole), lines[0])
        indent = " " * (7 + LABEL)
        return [head, *(Content.assemble(indent, line) for line in lines[1:])]

    def _take(self, events: Sequence[Event]) -> None:
        """Show new events: what came of a call stands with the call."""
        known = len(self._blocks)
        fresh: list[Turn] = []
        changed: dict[int, Turn] = {}
        for event in events:
            index = self._call_of(event)
            if index is None:
                if event.kind is EventKind.TOOL_CALL and event.ref:
                    self._calls[event.ref] = known + len(fresh)
                if not is_recorded_change(event):
                    fresh.append(Turn(self._unless_said(event)))
            elif index >= known:
                fresh[index - known] = _with(fresh[index - known], event)
            else:
                changed[index] = _with(changed.get(index, self._blocks[index]), event)
        self.append(fresh)
        for index, turn in changed.items():
            self.replace(index, turn)

    def _unless_said(self, event: Event) -> Event:
        """A result without its text, where the agent has just said the same."""
        if event.kind is EventKind.TEXT:
            self._said = event.body.strip()
        repeats = event.kind is EventKind.RESULT and event.body and event.body.strip() == self._said
        return event.model_copy(update={"body": ""}) if repeats else event

    def _call_of(self, event: Event) -> int | None:
        """The call that an event is the outcome of; a change without a reference is of the last call."""
        index, self._last = None, -1 if event.kind is not EventKind.DIFF else self._last
        if event.kind is EventKind.TOOL_RESULT and event.ref not in self._answered:
            index = self._calls.get(event.ref)
            self._answered.add(event.ref)
        elif event.kind is EventKind.DIFF and event.ref not in (FILE, FOLDER):
            index = self._calls.get(event.ref, self._last if self._last >= 0 else None)
        self._last = -1 if index is None else index
        return index

    def _time(self, event: Event) -> str:
        if event.kind is EventKind.TOOL_RESULT or not (self._began and event.at):
            return ""
        return clock(since(self._began, event.at))


def call_lines(turn: Turn, room: int, *, whole: bool) -> list[Content]:
    """What a tool was called with and, unfolded, what it gave; of an error always the first line."""
    words, result = tool_words(turn.event.body, in_short=not whole), turn.result
    if len(turn.event.title) > LABEL - 3:
        words = f"{turn.event.title}: {words}"
    if whole:
        texts = [(words, "")] + ([(result.body, BAD if result.is_error else DIM)] if result else [])
        lines = [
            Content.styled(line, style)
            for text, style in texts
            for line in wrap(clean(text[:MOST_CHARACTERS]).strip("\n"), room)
        ]
        return [*lines, *(diff_lines(turn.diff.body[:MOST_CHARACTERS], room) if turn.diff else ())]
    note = "  ".join(_facts(turn))
    said = fit(one_line(words), max(4, room - len(note) - 3)).rstrip()
    lines = [Content.assemble(said, (f"   {note}" if note else "", DIM))]
    if result is not None and result.is_error:
        lines.append(Content.styled(fit(one_line(result.body) or "it failed", room).rstrip(), BAD))
    return lines


def _facts(turn: Turn) -> list[str]:
    """What is said of an outcome that is folded away: how much, and how long it took."""
    call, result = turn.event, turn.result
    facts = []
    if turn.diff is not None:
        lines = turn.diff.body.split("\n")
        counts = {sign: sum(line.startswith(sign) for line in lines) for sign in "+-"}
        facts.append(" ".join(f"{sign}{number:,}" for sign, number in counts.items() if number))
    elif result is not None and result.body and not result.is_error:
        facts.append(count(result.body.strip("\n").count("\n") + 1, "line"))
    if result is not None and result.at and call.at and (took := since(call.at, result.at)) >= 0.1:
        facts.append(span(took))
    return [fact for fact in facts if fact]


def _with(turn: Turn, event: Event) -> Turn:
    if event.kind is not EventKind.DIFF:
        return replace(turn, result=event)
    before = f"{turn.diff.body}\n" if turn.diff else ""
    return replace(turn, diff=event.model_copy(update={"body": before + event.body}))


def _label(event: Event, *, whole: bool) -> tuple[str, str]:
    label, style, _ = _LABELS[event.kind]
    if event.kind is EventKind.TOOL_CALL:
        label = f"{fold_sign(whole=whole)} {one_line(event.title, LABEL - 3)}"
    if event.ref == FOLDER:
        label = "files"
    if event.is_error:
        label, style = label or "error", BAD
    return fit(label, LABEL), style


def _text(event: Event) -> str:
    """The event's text, after its title where that is not the label already."""
    named = event.kind in (EventKind.TOOL_RESULT, EventKind.PROMPT, EventKind.TEXT)
    title = "" if named or not event.title else f"{event.title}:" if event.body else event.title
    return " ".join(part for part in (title, event.body) if part)


def _fold(kind: EventKind, lines: list[str], room: int) -> list[str]:
    most = FOLDED.get(kind, FOLDED_ELSE)
    if len(lines) <= most:
        return lines
    left = len(lines) - most
    note = f"  {fold_sign(whole=False)} {count(left, 'more line')}"
    rest = one_line(" ".join(lines[most - 1 : most + 2]))
    return [*lines[: most - 1], fit(rest, max(4, room - len(note))).rstrip() + note]


def tool_words(body: str, *, in_short: bool = False) -> str:
    """What a tool is called with, in words where it is JSON: the one value, or a line for each.

    `in_short` only the value that says most, if there is one.
    """
    try:
        arguments = json.loads(body)
    except ValueError:
        return body
    if not isinstance(arguments, dict):
        return body
    values = {name: _value(value) for name, value in arguments.items()}
    telling = next((values[name] for name in TELLING if values.get(name)), "") if in_short else ""
    if telling or len(values) == 1:
        return telling or next(iter(values.values()))
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _whole(event: Event) -> str:
    head = [f"{event.at:%H:%M:%S}" if event.at else "", str(event.kind), event.title]
    return " ".join(part for part in head if part) + (f"\n{event.body}" if event.body else "")
