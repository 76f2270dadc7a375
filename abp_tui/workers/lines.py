"""Lines and JSON values out of a byte stream that may be cut, torn or broken anywhere; never an exception."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

LINE_CAP = 16 * 1024 * 1024
OPENING = '{"'  # how every object worth finding begins; inside a JSON string the quote would be escaped
# How much of a broken line is read in all, in characters: so many times the line, and never less than this.
SALVAGE_READS = 64
SALVAGE_WORK = 16 * 1024 * 1024

_DECODER = json.JSONDecoder(strict=False)


class LineSplitter:
    """Bytes in, whole lines out. Of a line beyond `cap` bytes the rest is dropped, never a later line."""

    def __init__(self, cap: int = LINE_CAP) -> None:
        self.cap = cap
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes, without their ends."""
        first, *rest = data.split(b"\n")
        self._hold(first)
        if not rest:
            return []
        *whole, last = rest
        lines = [self._take(), *(_text(line[: self.cap]) for line in whole)]
        self._hold(last)
        return lines

    def close(self) -> list[str]:
        """The last line, where the stream ended without a newline."""
        return [self._take()] if self._held else []

    def _hold(self, part: bytes) -> None:
        part = part[: self.cap - self._held]
        if part:
            self._parts.append(part)
            self._held += len(part)

    def _take(self) -> str:
        line = b"".join(self._parts)
        self._parts, self._held = [], 0
        return _text(line)


@dataclass(frozen=True, slots=True)
class Line:
    """A line and the JSON objects in it: one as a rule, none in plain text, several where writes collided."""

    text: str
    objects: list[dict[str, Any]] = field(default_factory=list)


class JsonLines:
    """Bytes in, lines with their JSON objects out, also where one object was written into another.

    Out of a broken line only objects with a "type" among `types` are taken: others are inner parts.
    """

    def __init__(self, types: Container[str] = (), cap: int = LINE_CAP) -> None:
        self._splitter = LineSplitter(cap)
        self._types = types
        self._torn = ""

    def feed(self, data: bytes) -> list[Line]:
        """The lines that `data` completes; empty ones are left out."""
        return [self._parse(line) for line in self._splitter.feed(data) if line.strip()]

    def close(self) -> list[Line]:
        """The last line, where the stream ended without a newline."""
        return [self._parse(line) for line in self._splitter.close() if line.strip()]

    def _parse(self, text: str) -> Line:
        value = _load(text)
        if isinstance(value, dict):
            return Line(text, [value])
        torn, self._torn = self._torn, ""
        whole = _load(torn + text) if torn else None
        if isinstance(whole, dict):
            return Line(torn + text, [whole])
        objects, rest = salvage(text, self._types)
        if rest.lstrip().startswith("{") and len(rest) < LINE_CAP:
            self._torn = rest  # its other half may be the next line
        return Line(text, objects)


def salvage(text: str, types: Container[str]) -> tuple[list[dict[str, Any]], str]:
    """The objects of these types within a broken line, in order, and what is left of the line without them.

    Where the pieces around the found objects make an object again, it is the last of them.
    """
    objects: list[dict[str, Any]] = []
    pieces: list[str] = []
    kept = start = 0
    work = max(SALVAGE_WORK, SALVAGE_READS * len(text))
    while work > 0 and (start := text.find(OPENING, start)) >= 0:
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            work -= getattr(error, "pos", len(text))  # what is read to fail, and to tell the line of it
            start += 1
            continue
        kind = value.get("type")
        if isinstance(kind, str) and kind in types:
            objects.append(value)
            pieces.append(text[kept:start])
            kept = end
        start = end
    rest = "".join([*pieces, text[kept:]])
    outer = _load(rest) if objects else None
    return ([*objects, outer], "") if isinstance(outer, dict) else (objects, rest)


def _load(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace").removeprefix("\ufeff")
