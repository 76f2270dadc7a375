"""What a plain program prints: kept up to a limit, and told to the sink line by line while it comes."""

from __future__ import annotations

import re

from pydantic import TypeAdapter
from pydantic_core import from_json

from abp_tui.domain.model import Event, EventKind
from abp_tui.workers.base import Sink
from abp_tui.workers.lines import LineSplitter


def to_bytes(text: str) -> bytes:
    """Text as UTF-8; bytes of file names that are no UTF-8 come out as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


_EVENTS = TypeAdapter(list[Event])  # many at once take half the time that each by itself would
_TYPE_FIRST = re.compile(r'\{"type": ?"(\w+)"')  # where it nearly always stands: no need to read the rest


class Output:
    """Takes stdout and stderr of one run. Whole lines become an event per read, or per line if `by_line`.

    By line, the events are the output, and the last of them its result; it is not kept as a whole, too.
    """

    def __init__(self, sink: Sink, limit: int, *, by_line: bool = False) -> None:
        self._sink = sink
        self._limit = limit
        self._by_line = by_line
        self._kept = bytearray()
        self._last = ""
        self._seen = {EventKind.TEXT: 0, EventKind.STDERR: 0}
        self._lines = {kind: LineSplitter(limit) for kind in self._seen}

    def stdout(self, data: bytes) -> None:
        """Keep what is within the limit, and tell of it."""
        if not self._by_line:
            self._kept += data[: self._limit - len(self._kept)]
        self._tell(EventKind.TEXT, data)

    def stderr(self, data: bytes) -> None:
        """Tell of it."""
        self._tell(EventKind.STDERR, data)

    def close(self) -> None:
        """Tell of last lines that have no end."""
        for kind, lines in self._lines.items():
            self._emit(kind, lines.close())

    def text(self) -> str:
        """What was kept, with a mark where it was cut; by line, the last one."""
        text = self._last if self._by_line else self._kept.decode("utf-8", "replace")
        seen = self._seen[EventKind.TEXT]
        if seen <= self._limit:
            return text
        return f"{text}\n[cut: {self._limit:,} of {seen:,} bytes kept]"

    def _tell(self, kind: EventKind, data: bytes) -> None:
        room = self._limit - self._seen[kind]
        self._seen[kind] += len(data)
        if room > 0:
            self._emit(kind, self._lines[kind].feed(data[:room]))

    def _emit(self, kind: EventKind, lines: list[str]) -> None:
        if not lines:
            return
        if not self._by_line or kind is EventKind.STDERR:
            self._sink.event(Event(kind=kind, body="\n".join(lines)))
            return
        values = [{"kind": kind, "body": line, "title": _type_of(line)} for line in lines]
        self._sink.batch(_EVENTS.validate_python(values))
        self._last = lines[-1]


def _type_of(line: str) -> str:
    """The "type" that a JSON object names; nothing for any other line."""
    if first := _TYPE_FIRST.match(line):
        return first[1]
    try:
        value = from_json(line)
    except ValueError:
        return ""
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""
