"""What the tests of workers share: a sink that remembers, programs in Python, waiting for a condition."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from abp_tui.domain.model import Event, EventKind, Timers
from abp_tui.workers.cancel import Cancel

OFF = Timers(first_event_s=0, idle_s=0, total_s=0, grace_s=0)
STANDINS = Path(__file__).parent.parent / "standins"
ALL_TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
TRANSCRIPTS = ALL_TRANSCRIPTS / "claude"


@dataclass
class Recorder:
    """A sink that keeps all it is told, in order."""

    told: list[object] = field(default_factory=list)
    worker: object = None
    answer: Callable[[str, Sequence[str], Cancel], str | None] | None = None
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def batch(self, events: Sequence[Event]) -> None:
        for event in events:
            self.event(event)

    def event(self, event: Event) -> None:
        self.told.append(event)

    def session(self, session_id: str) -> None:
        self.told.append(("session", session_id))

    def process(self, pid: int) -> None:
        self.told.append(("process", pid))

    def ask(self, text: str, options: Sequence[str], over: Cancel, timeout_s: float = 0) -> str | None:
        self.asked.append((text, tuple(options)))
        assert self.answer is not None, "nobody is there to be asked"
        return self.answer(text, options, over)

    @property
    def events(self) -> list[Event]:
        return [told for told in list(self.told) if isinstance(told, Event)]

    @property
    def sessions(self) -> list[str]:
        return [told[1] for told in self.told if isinstance(told, tuple) and told[0] == "session"]

    @property
    def pids(self) -> list[int]:
        return [told[1] for told in list(self.told) if isinstance(told, tuple) and told[0] == "process"]

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]


def python(code: str, *arguments: str) -> list[str]:
    """The command line of a small Python program."""
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until the condition holds; fail after the bound."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


@contextmanager
def running(work: Callable[[], None]) -> Iterator[threading.Thread]:
    """Do some work beside the test, and see it end."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield thread
    thread.join(15)
    assert not thread.is_alive(), "the work did not end"
