"""A JSON document read as a stream of events: finding an array in it, and the values of that array."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TextIO

import ijson

from abp_tui.plugins import suggest

Event = tuple[str, Any]
Events = Iterator[Event]

BLOCK = 1 << 16
KEYS_SHOWN = 20
_KINDS = {"start_map": "an object", "start_array": "an array", "null": "null", "string": "a string"}


class Source:
    """A text file as the bytes that the parser wants: UTF-8 without a mark.

    From `careful_from` on it gives one byte at a time: then the parser stops exactly where the mistake is.
    """

    def __init__(self, file: TextIO, careful_from: int | None = None) -> None:
        self._file = file
        self._careful_from = careful_from
        self._block = b""
        self._at = 0
        self.given = self.before = 0
        self.line = 1
        self.ended = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes, none at the end; a size of 0 only asks for the type."""
        if size == 0:
            return b""
        if self._at == len(self._block):
            self._block, self._at = self._file.read(BLOCK).encode("utf-8", "replace"), 0
        many = BLOCK * 4 if self._careful_from is None else max(1, self._careful_from - self.given)
        piece = self._block[self._at : self._at + many]
        self._at += len(piece)
        self.before, self.given = self.given, self.given + len(piece)
        self.ended = not piece
        self.line += piece.count(b"\n")
        return piece


def events(source: Source) -> Events:
    """What the parser sees, one event after the other; raises `ijson.JSONError`."""
    return iter(ijson.basic_parse(source, buf_size=BLOCK))


def find_array(stream: Events, path: tuple[str, ...]) -> tuple[str, str] | None:
    """Go to the array at `path`, in the document that begins now; None once its values are next.

    Where the path leads nowhere, or to something else, what is there instead is said in words, with a hint.
    """
    event, at = next(stream), "the document"
    for n, step in enumerate(path):
        found = _enter(stream, event, step)
        if isinstance(found, str):
            return f"{at} is {_words(event)} and has no {step!r}", found
        event, at = found, repr(".".join(path[: n + 1]))
    if event[0] == "start_array":
        return None
    inside = f"{_keys_in(stream)}" if event[0] == "start_map" else ""
    return f"{at} is {_words(event)}, not an array", inside


def elements(stream: Events) -> Iterator[Any]:
    """The values of the array that has begun; after the last, the rest of the document is read too."""
    for event in stream:
        if event[0] == "end_array":
            break
        yield value_of(stream, event)
    for _ in stream:
        pass


def value_of(stream: Events, event: Event) -> Any:
    """The whole value that begins with `event`; numbers are floats where they are no integers."""
    kind, value = event
    if kind == "start_map":
        members = {}
        for kind, value in stream:
            if kind == "end_map":
                break
            members[value] = value_of(stream, next(stream))
        return members
    if kind == "start_array":
        elements = []
        for event in stream:
            if event[0] == "end_array":
                break
            elements.append(value_of(stream, event))
        return elements
    return _number(value) if type(value) is Decimal else value


def _number(value: Decimal) -> float | str:
    """As a float; where that would be infinite, its digits."""
    number = float(value)
    return number if math.isfinite(number) else str(value)


def _enter(stream: Events, event: Event, step: str) -> Event | str:
    """The beginning of the member `step` of what begins with `event`; a hint where there is none."""
    if event[0] == "start_map":
        return _member(stream, step)
    if event[0] == "start_array" and step.isdecimal():
        return _element(stream, int(step))
    return "an array takes a number, counted from 0" if event[0] == "start_array" else ""


def _member(stream: Events, name: str) -> Event | str:
    keys: list[str] = []
    for kind, value in stream:
        if kind == "end_map":
            break
        event = next(stream)
        if value == name:
            return event
        if len(keys) < KEYS_SHOWN:
            keys.append(value)
        _skip(stream, event)
    return suggest(name, keys, "its keys are") if keys else "it is empty"


def _element(stream: Events, index: int) -> Event | str:
    count = 0
    for event in stream:
        if event[0] == "end_array":
            break
        if count == index:
            return event
        _skip(stream, event)
        count += 1
    return f"it has {count} elements, counted from 0"


def _skip(stream: Events, event: Event) -> None:
    """Go to the end of the value that begins with `event`."""
    depth = 0
    while True:
        depth += (event[0] in ("start_map", "start_array")) - (event[0] in ("end_map", "end_array"))
        if depth == 0:
            return
        event = next(stream)


def _words(event: Event) -> str:
    kind, value = event
    return _KINDS.get(kind) or f"the {kind} {value}"


def _keys_in(stream: Events) -> str:
    """The keys of the object that has begun, those that hold arrays first of all."""
    keys: list[str] = []
    arrays: list[str] = []
    for kind, value in stream:
        if kind == "end_map" or len(keys) == KEYS_SHOWN:
            break
        event = next(stream)
        (arrays if event[0] == "start_array" else keys).append(value)
        _skip(stream, event)
    if arrays:
        return f"arrays in it: {', '.join(arrays)}"
    return f"its keys are {', '.join(keys)}" if keys else "it is empty"
