"""A JSON document read as a stream of events: finding an array in it, and the values of that array."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from typing import Any, TextIO

import ijson

from abp_tui.enumerators.base import ITEM_LIMIT
from abp_tui.enumerators.problems import VALUE_LIMIT
from abp_tui.plugins import suggest
from abp_tui.words import counted

Event = tuple[str, Any]
Events = Iterator[Event]

BLOCK = 1 << 16
MAX_BLOCK = 1 << 20
FINE = 1 << 11  # a mistake within a text is found as exactly as this part of it
KEYS_SHOWN = 20
_KINDS = {"start_map": "an object", "start_array": "an array", "null": "null", "string": "a string"}


class TooLarge(Exception):
    """A value is larger than an item may be; `steps` lead to where that was seen, the last one first."""

    def __init__(self, *, values: bool = False) -> None:
        super().__init__()
        self.values = values
        self.steps: list[str | int] = []


class Repeated(Exception):
    """An object has this key twice: JSON lets one of the two values be lost."""


class Source:
    """A text file as the bytes that the parser wants: UTF-8 without a mark.

    The parser goes over a text that has not ended again with each block: those grow with it. From
    `careful_from` on it gives one byte at a time: then the parser stops exactly where the mistake is.
    It raises `TooLarge` where it would give more than an item may have since `mark` was called.
    """

    def __init__(self, file: TextIO, careful_from: int | None = None) -> None:
        self._file = file
        self._careful_from = careful_from
        self._block = b""
        self._at = 0
        self.given = self.before = self._mark = 0
        self.line = 1
        self.ended = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes, none at the end; a size of 0 only asks for the type."""
        if size == 0:
            return b""
        pending = self.given - self._mark
        if pending > ITEM_LIMIT:
            raise TooLarge
        if self._at == len(self._block):
            many = min(max(BLOCK, pending), MAX_BLOCK)
            self._block, self._at = self._file.read(many).encode("utf-8", "replace"), 0
        piece = self._block[self._at : self._at + self._step(pending)]
        self._at += len(piece)
        self.before, self.given = self.given, self.given + len(piece)
        self.ended = not piece
        self.line += piece.count(b"\n")
        return piece

    def _step(self, pending: int) -> int:
        if self._careful_from is None:
            return len(self._block)
        return max(1, pending // FINE, self._careful_from - self.given)

    def mark(self) -> None:
        """A value begins in what was given last, or in what comes next."""
        self._mark = self.given


class Document:
    """One pass through a document: to an array in it, through that, and to the document's end.

    Raises `ijson.JSONError` for what is no JSON, `TooLarge` and `Repeated`.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._events: Events = iter(ijson.basic_parse(source, buf_size=BLOCK))
        self._names: list[str | None] = []  # what has been entered on the way; None for an element
        self._values = 0  # that the present element has so far
        self.position: int | None = None  # of the array's value that is being read

    def find_array(self, path: tuple[str, ...]) -> tuple[str, str] | None:
        """Go to the array at `path`; None once its values are next.

        Where the path leads nowhere, or to something else, what is there instead is said, with a hint.
        """
        event, at = next(self._events), "the document"
        for n, step in enumerate(path):
            found = self._enter(event, step)
            if isinstance(found, str):
                return f"{at} is {_words(event)} and has no {step!r}", found
            self._names.append(step if event[0] == "start_map" else None)
            event, at = found, repr(".".join(path[: n + 1]))
        if event[0] == "start_array":
            return None
        inside = self._keys() if event[0] == "start_map" else ""
        return f"{at} is {_words(event)}, not an array", inside

    def elements(self) -> Iterator[Any]:
        """The values of the array that has begun; after the last, the rest of the document is read too."""
        for position, event in enumerate(self._events):
            if event[0] == "end_array":
                break
            self._source.mark()
            self.position, self._values = position, 0
            yield self._value(event)
        self.position = None
        for name in reversed(self._names):
            self._leave(name)
        self.skim()

    def _value(self, event: Event) -> Any:
        """The whole value that begins with `event`; numbers are floats where they are no integers."""
        self._values += 1
        if self._values > VALUE_LIMIT:
            raise TooLarge(values=True)
        kind, value = event
        step: str | int = "" if kind == "start_map" else 0
        try:
            if kind == "start_map":
                members: dict[str, Any] = {}
                for kind, value in self._events:
                    if kind == "end_map":
                        break
                    if value in members:
                        raise Repeated(value)
                    step = value
                    members[value] = self._value(next(self._events))
                return members
            if kind == "start_array":
                elements: list[Any] = []
                for event in self._events:
                    if event[0] == "end_array":
                        break
                    step = len(elements)
                    elements.append(self._value(event))
                return elements
        except TooLarge as error:
            error.steps.append(step)
            raise
        return number(value) if type(value) is Decimal else value

    def skim(self) -> None:
        """Go to the end of the document and keep nothing."""
        for _ in self._events:
            self._source.mark()

    def _enter(self, event: Event, step: str) -> Event | str:
        """The beginning of the member `step` of what begins with `event`; a hint where there is none."""
        if event[0] == "start_map":
            return self._member(step)
        if event[0] == "start_array" and step.isdecimal():
            return self._element(int(step))
        return "an array takes a number, counted from 0" if event[0] == "start_array" else ""

    def _leave(self, name: str | None) -> None:
        """Go to the end of the object, which must not have another `name`, or of the array."""
        for kind, value in self._events:
            if kind in ("end_map", "end_array"):
                return
            if kind == "map_key" and value == name:
                raise Repeated(value)
            self._skip(next(self._events) if kind == "map_key" else (kind, value))

    def _member(self, name: str) -> Event | str:
        keys: list[str] = []
        for kind, value in self._events:
            if kind == "end_map":
                break
            event = next(self._events)
            if value == name:
                return event
            if len(keys) < KEYS_SHOWN:
                keys.append(value)
            self._skip(event)
        return suggest(name, keys, "its keys are") if keys else "it is empty"

    def _element(self, index: int) -> Event | str:
        at = 0
        for event in self._events:
            if event[0] == "end_array":
                break
            if at == index:
                return event
            self._skip(event)
            at += 1
        return f"it has {counted(at, 'element')}, counted from 0"

    def _keys(self) -> str:
        """The keys of the object that has begun, those that hold arrays first of all."""
        keys: list[str] = []
        arrays: list[str] = []
        for kind, value in self._events:
            if kind == "end_map" or len(keys) == KEYS_SHOWN:
                break
            event = next(self._events)
            (arrays if event[0] == "start_array" else keys).append(value)
            self._skip(event)
        if arrays:
            return f"arrays in it: {', '.join(arrays)}"
        return f"its keys are {', '.join(keys)}" if keys else "it is empty"

    def _skip(self, event: Event) -> None:
        """Go to the end of the value that begins with `event`."""
        depth = 0
        while True:
            self._source.mark()
            depth += (event[0] in ("start_map", "start_array")) - (event[0] in ("end_map", "end_array"))
            if depth == 0:
                return
            event = next(self._events)


def has_many_values(text: str) -> bool:
    """Whether a document has more values than an item may have; nothing of it is kept."""
    count = 0
    for kind, _ in ijson.basic_parse(BytesIO(text.encode("utf-8", "replace")), buf_size=MAX_BLOCK):
        count += kind not in ("map_key", "end_map", "end_array")
        if count > VALUE_LIMIT:
            return True
    return False


def without_repeated(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these members; raises `Repeated` where two have the same key."""
    made = dict(members)
    if len(made) < len(members):
        [(key, _)] = Counter(key for key, _ in members).most_common(1)
        raise Repeated(key)
    return made


def number(value: Decimal | str) -> float | str:
    """As a float; where that would be infinite, its digits."""
    found = float(value)
    return found if math.isfinite(found) else str(Decimal(value))


def _words(event: Event) -> str:
    kind, value = event
    return _KINDS.get(kind) or f"the {kind} {value}"
