"""A terminal for a real program: a pty whose every byte is kept with the time at which it came."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.setting import END_S, MadeJob, environment
from tests.waiting import wait_until

SIZE = (140, 40)
QUIET_S = 0.4
CHUNK = 65536
ASKS_FOR_SYNC = b"\x1b[?2026$p"
HAS_SYNC = b"\x1b[?2026;2$y"
PAINT_BEGINS, PAINT_ENDS = b"\x1b[?2026h", b"\x1b[?2026l"


@dataclass(frozen=True, slots=True)
class Sight:
    """What was waited for: when it stood there, in monotonic seconds, and the bytes up to it."""

    at: float
    until: int


class Screen:
    """The program's end of the line, and what came through it."""

    def __init__(self, process: subprocess.Popen[bytes], line: int) -> None:
        self.process = process
        self._line = line
        self._came = bytearray()
        self._times: list[tuple[int, float]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read, name="pty", daemon=True).start()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self.process.pid

    @property
    def length(self) -> int:
        """How many bytes have come."""
        return len(self._came)

    def since(self, start: int) -> bytes:
        """The bytes from there on."""
        with self._changed:
            return bytes(self._came[start:])

    def paints(self, start: int) -> int:
        """How many times the program painted since."""
        return self.since(start).count(PAINT_ENDS)

    def send(self, keys: bytes) -> tuple[int, float]:
        """Type; how many bytes had come by then, and when that was."""
        with self._changed:
            start = len(self._came)
        at = time.monotonic()
        os.write(self._line, keys)
        return start, at

    def see(self, pattern: bytes, start: int = 0, *, whole: bool = True, seconds: float = 60.0) -> Sight:
        """Wait until bytes that match have come, and, if `whole`, the end of the paint they are part of.

        The first paint has no marks: the program has not yet learned that this terminal knows them.
        """
        sought = re.compile(pattern + rb".*?" + re.escape(PAINT_ENDS) if whole else pattern, re.DOTALL)
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (match := sought.search(self._came, start)):
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    end = bytes(self._came[-3000:]).decode(errors="replace")
                    raise AssertionError(f"{pattern!r} was not painted in {seconds} s: {end!r}")
                self._changed.wait(min(left, 0.5))
            return Sight(self._time_of(match.end() - 1), match.end())

    def react(self, keys: bytes, pattern: bytes, seconds: float = 60.0) -> float:
        """Type, wait for what follows from it; the seconds between."""
        start, at = self.send(keys)
        return self.see(pattern, start, seconds=seconds).at - at

    def rest(self, seconds: float = QUIET_S) -> None:
        """Wait until nothing has come for so long."""
        seen, since = self.length, time.monotonic()

        def quiet() -> bool:
            nonlocal seen, since
            if self.length != seen:
                seen, since = self.length, time.monotonic()
            return time.monotonic() - since >= seconds

        wait_until(quiet, 30, "a quiet screen")

    def _time_of(self, position: int) -> float:
        return next(at for end, at in self._times if end > position)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._line, CHUNK)
            except OSError:  # the program has closed its end
                return
            if not data:
                return
            if ASKS_FOR_SYNC in data:
                os.write(self._line, HAS_SYNC)
            with self._changed:
                self._came += data
                self._times.append((len(self._came), time.monotonic()))
                self._changed.notify_all()


@contextmanager
def shown(
    argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None, size: tuple[int, int] = SIZE
) -> Iterator[Screen]:
    """A program in a terminal of its own; ended at the end."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(ours, (size[1], size[0]))
    own = environment(TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8", **(env or {}))
    process = subprocess.Popen(
        argv, cwd=folder, env=own, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        yield Screen(process, ours)
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(ours)


@contextmanager
def abp_shown(made: MadeJob) -> Iterator[Screen]:
    """The program as a person starts it, over this store, once it shows the job."""
    with shown(abp(), made.folder, store(made)) as screen:
        screen.see(made.job.name.encode(), whole=False)
        screen.rest()
        yield screen


def abp() -> list[str]:
    """The command that a person types."""
    return [str(Path(sys.executable).with_name("abp"))]


def store(made: MadeJob) -> dict[str, str]:
    """What has a program look at this store."""
    return {"ABP_STORAGE_PATH": str(made.repository.path)}
