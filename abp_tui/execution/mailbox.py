"""Where the slots leave what has to be written, and the writer picks it up in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from abp_tui.domain.model import Event
from abp_tui.execution.questions import Asked
from abp_tui.store.claims import Started

EVENTS_WAIT_S = 0.05

T = TypeVar("T")
EndT = TypeVar("EndT")


@dataclass(slots=True)
class Mail(Generic[EndT]):
    """What has come since the last collection, each kind in order of arrival.

    `processes` are of this machine, `started` tells of others, and what else is known of a beginning. `notes`
    are for the job's log, as (level, words).
    """

    processes: list[tuple[int, int]] = field(default_factory=list)
    sessions: list[tuple[int, str]] = field(default_factory=list)
    events: list[tuple[int, float, Event]] = field(default_factory=list)
    finished: list[EndT] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        told = self.processes or self.sessions or self.events or self.started or self.notes
        return bool(told or self.finished or self.asked)

    def add(self, more: Mail[EndT], most_chars: int) -> int:
        """Put more behind what is there; returns how many events were dropped to stay within `most_chars`."""
        held = sum(_size(event) for _, _, event in self.events)
        self.processes += more.processes
        self.sessions += more.sessions
        self.finished += more.finished
        self.asked += more.asked
        self.started += more.started
        self.notes += more.notes
        for at, item in enumerate(more.events):
            held += _size(item[2])
            if held > most_chars:
                return len(more.events) - at
            self.events.append(item)
        return 0


def _size(event: Event) -> int:
    return len(event.body) + len(event.raw or "")


class Mailbox(Generic[EndT]):
    """Thread-safe. The end of an attempt is collected at once, events after a short wait for more."""

    def __init__(self) -> None:
        self._ends: deque[EndT] = deque()
        self._events: deque[tuple[int, float, Event]] = deque()
        self._sessions: deque[tuple[int, str]] = deque()
        self._processes: deque[tuple[int, int]] = deque()
        self._asked: deque[Asked] = deque()
        self._started: deque[Started] = deque()
        self._notes: deque[tuple[str, str]] = deque()
        self._any = threading.Event()
        self._urgent = threading.Event()

    def events(self, attempt_id: int, events: Iterable[Event]) -> None:
        """Leave events, stamped with the time of their arrival."""
        at = time.time()
        self._events.extend([(attempt_id, at, event) for event in events])
        if not self._any.is_set():
            self._any.set()

    def session(self, attempt_id: int, session_id: str) -> None:
        """Leave the agent's session of an attempt."""
        self._sessions.append((attempt_id, session_id))
        self._any.set()

    def process(self, attempt_id: int, pid: int) -> None:
        """Leave the process of an attempt."""
        self._processes.append((attempt_id, pid))
        if not self._any.is_set():
            self._any.set()

    def started(self, started: Started) -> None:
        """Leave what is to be kept of the beginning of an attempt."""
        self._started.append(started)
        self._any.set()

    def ask(self, asked: Asked) -> None:
        """Leave a question of an attempt."""
        self._asked.append(asked)
        self.wake()

    def forward(
        self,
        events: Iterable[tuple[int, float, Event]] = (),
        sessions: Iterable[tuple[int, str]] = (),
        started: Iterable[Started] = (),
    ) -> None:
        """Leave what has come from another machine, its events with their time."""
        self._events.extend(events)
        self._sessions.extend(sessions)
        self._started.extend(started)
        self._any.set()

    def note(self, words: str, level: str = "info") -> None:
        """Leave a line for the job's log."""
        self._notes.append((level, words))
        self._any.set()

    def finished(self, end: EndT) -> None:
        """Leave the end of an attempt, after all its events."""
        self._ends.append(end)
        self.wake()

    def wake(self) -> None:
        """Have the writer look up now."""
        if not self._urgent.is_set():
            self._urgent.set()
        if not self._any.is_set():
            self._any.set()

    def collect(self, timeout: float) -> Mail[EndT]:
        """Everything that has come; waits up to `timeout` seconds for something to come."""
        if self._any.wait(timeout):
            self._urgent.wait(EVENTS_WAIT_S)
        self._any.clear()
        self._urgent.clear()
        # The ends first: whatever an attempt left before its end is then certain to be collected with it.
        ends = _drain(self._ends)
        others = (_drain(self._processes), _drain(self._sessions), _drain(self._events))
        return Mail(*others, ends, _drain(self._asked), _drain(self._started), _drain(self._notes))


def _drain(box: deque[T]) -> list[T]:
    return [box.popleft() for _ in range(len(box))]
