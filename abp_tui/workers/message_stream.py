"""What an agent prints as JSON lines, turned into events message by message."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator

from abp_tui.domain.model import Event, EventKind
from abp_tui.workers.lines import LINE_CAP, JsonLines, Line
from abp_tui.workers.loose import Json


class MessageStream(ABC):
    """Bytes in, events out. The first event of a message carries it as it came; other lines are notices."""

    def __init__(self, types: Container[str], cap: int = LINE_CAP) -> None:
        self._lines = JsonLines(types, cap)

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        return [event for line in self._lines.feed(data) for event in self._line(line)]

    def close(self) -> list[Event]:
        """The events of a last line without a newline."""
        return [event for line in self._lines.close() for event in self._line(line)]

    @abstractmethod
    def _message(self, message: Json) -> Iterator[Event]:
        """The events of one message."""

    def _line(self, line: Line) -> Iterator[Event]:
        if not line.objects:
            yield Event(kind=EventKind.NOTICE, title="output", body=line.text)
        for message in line.objects:
            raw = line.text if len(line.objects) == 1 else json.dumps(message, ensure_ascii=False)
            for n, event in enumerate(self._message(message)):
                yield event if n else event.model_copy(update={"raw": raw})
