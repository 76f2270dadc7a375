"""What a program is told while it runs: written by any thread, sent by the one that watches the program."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Inlet:
    """A program's standard input that stays open until it is closed from here.

    `on_stop` is called, by the thread that watches the program, where the program is to be asked to end
    before signals say so. Use it as a context manager: it owns a pipe.
    """

    def __init__(self, on_stop: Callable[[], object] = lambda: None) -> None:
        self._on_stop = on_stop
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._holds = 0
        self._held_since = self._held_s = 0.0
        self._pipe: tuple[int, int] | None = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self.closed = False

    def write(self, data: bytes) -> None:
        """Have the program told this; what comes after the close is dropped."""
        with self._lock:
            if not self.closed:
                self._unsent += data
            self._rouse()

    def close(self) -> None:
        """All is said: the program sees the end of its input, and is given the grace time to leave."""
        with self._lock:
            self.closed = True
            self._rouse()

    def take(self) -> tuple[bytes, bool]:
        """What has been written since the last time, and whether that is all; for the watching thread."""
        with self._lock:
            with suppress(BlockingIOError):
                os.read(self.fileno(), 1024)
            data, self._unsent = bytes(self._unsent), bytearray()
            return data, self.closed

    def ask_to_stop(self) -> None:
        """Have whoever writes here ask the program to end."""
        self._on_stop()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """The program waits for us meanwhile, and no timer runs against it. Write to it afterwards."""
        with self._lock:
            self._held_since = self._held_since if self._holds else time.monotonic()
            self._holds += 1
        try:
            yield
        finally:
            with self._lock:
                self._holds -= 1
                if not self._holds:
                    self._held_s += time.monotonic() - self._held_since
                self._rouse()

    @property
    def held(self) -> bool:
        """Whether the program waits for us now."""
        return self._holds > 0

    @property
    def held_s(self) -> float:
        """Seconds that it has waited for us until now, the present wait left out."""
        return self._held_s

    def fileno(self) -> int:
        """A descriptor that is readable while there is something to take, or the inlet was closed."""
        assert self._pipe is not None, "nobody watches a program whose inlet is gone"
        return self._pipe[0]

    def _rouse(self) -> None:
        with suppress(BlockingIOError):  # it is full, and so it is readable
            if self._pipe is not None:
                os.write(self._pipe[1], b"x")

    def __enter__(self) -> Inlet:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            pipe, self._pipe = self._pipe, None
        for end in pipe or ():
            os.close(end)
