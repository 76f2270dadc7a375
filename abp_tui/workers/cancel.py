"""Asking a running attempt to end: a flag that can be waited for beside pipes."""

from __future__ import annotations

import os
import threading


class Cancel:
    """Set once, with a reason; wakes whoever selects on `fileno()`.

    Use it as a context manager or call `close()`: it owns a pipe, made when it is first waited for.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: tuple[int, int] | None = None
        self.reason: str | None = None
        self.for_good = False
        self.urgent = False

    @property
    def requested(self) -> bool:
        """Whether the attempt should end."""
        return self.reason is not None

    def request(self, reason: str = "stopped", *, for_good: bool = False) -> None:
        """Ask the attempt to end, `for_good` if it is not to be tried again. Only the first counts."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason, self.for_good = reason, for_good
            if self._pipe:
                os.write(self._pipe[1], b"x")

    def hurry(self) -> None:
        """Ask whoever is ending the attempt to be done with it now."""
        self.urgent = True

    def fileno(self) -> int:
        """A descriptor that becomes readable, and stays so, once the attempt should end."""
        with self._lock:
            if self._pipe is None:
                self._pipe = os.pipe()
                if self.reason is not None:
                    os.write(self._pipe[1], b"x")
            return self._pipe[0]

    def close(self) -> None:
        """Give the descriptors back; later requests still set the flag."""
        with self._lock:
            pipe, self._pipe = self._pipe, None
        for end in pipe or ():
            os.close(end)

    def __enter__(self) -> Cancel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
