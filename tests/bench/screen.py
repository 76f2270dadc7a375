"""A terminal for a real program: a pty, what stands on its screen, and when each paint of it came."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.grid import Grid
from tests.bench.setting import END_S, MadeJob, environment
from tests.waiting import wait_until

SIZE = (140, 40)
QUIET_S = 0.4
CHUNK = 65536
ASKS_FOR_SYNC = b"\x1b[?2026$p"
HAS_SYNC = b"\x1b[?2026;2$y"
PAINT_BEGINS, PAINT_ENDS = b"\x1b[?2026h", b"\x1b[?2026l"
PATIENCE_S = 60.0

Check = Callable[[str, Callable[[], str]], bool]  # of what a paint has sent, and of all that is on the screen


class Screen:
    """The other end of the program's line: what came through, and what stands there after each paint."""

    def __init__(self, process: subprocess.Popen[bytes], line: int, size: tuple[int, int]) -> None:
        self.process = process
        self.bytes = 0
        self.paints = 0
        self._line = line
        self._grid = Grid(*size)
        self._rest = b""
        self._at = 0.0
        self._painted = threading.Condition(threading.RLock())
        self._checks: list[tuple[Check, list[float]]] = []
        threading.Thread(target=self._read, name="pty", daemon=True).start()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self.process.pid

    @property
    def text(self) -> str:
        """What stands on the screen."""
        with self._painted:
            return self._grid.text

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self._line, keys)

    def see(self, words: str, *, since: float = 0.0) -> float:
        """Seconds since then, on the monotonic clock, until a whole paint has these words on the screen."""
        with self._painted:
            if words in self._grid.text:
                return time.monotonic() - since
            return self._wait(lambda: None, lambda paint, text: words in text(), words) - since

    def react(self, keys: bytes, words: str) -> float:
        """Type, and wait for words that are not there yet; the seconds between."""
        assert words not in self.text, f"{words!r} is there already"
        return self._react(keys, lambda paint, text: words in text(), words)

    def repaint(self, keys: bytes, words: str = "") -> float:
        """Type, and wait for a paint in which these words were sent, or any; the seconds between."""
        return self._react(keys, lambda paint, text: words in paint, words)

    def rest(self, seconds: float = QUIET_S) -> None:
        """Wait until nothing has come for so long."""
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - max(began, self._at) >= seconds, 30, "a quiet screen")

    def _react(self, keys: bytes, check: Check, words: str) -> float:
        began = 0.0

        def act() -> None:
            nonlocal began
            began = time.monotonic()
            os.write(self._line, keys)

        return self._wait(act, check, words) - began

    def _wait(self, act: Callable[[], None], check: Check, words: str) -> float:
        """Act, and wait for a paint that passes; when that was."""
        found: list[float] = []
        with self._painted:
            self._checks.append((check, found))
            act()
            if not self._painted.wait_for(lambda: found or self.process.poll() is not None, PATIENCE_S):
                raise AssertionError(f"{words!r} was not painted in {PATIENCE_S} s: {self._grid.text}")
            self._checks.remove((check, found))
        assert found, f"the program ended: {self._grid.text}"
        return found[0]

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._line, CHUNK)
            except OSError:  # the program has closed its end
                data = b""
            with self._painted:
                if data:
                    self._take(data)
                self._painted.notify_all()
            if not data:
                return

    def _take(self, data: bytes) -> None:
        if ASKS_FOR_SYNC in data:
            os.write(self._line, HAS_SYNC)
        self._at = time.monotonic()
        self.bytes += len(data)
        *paints, self._rest = (self._rest + data).split(PAINT_ENDS)
        self.paints += len(paints)
        if (
            PAINT_BEGINS not in self._rest
        ):  # the program has not learned yet that this terminal knows the marks
            paint, escape, rest = self._rest.rpartition(b"\x1b")
            paints, self._rest = [*paints, paint], escape + rest
        for paint in paints:
            words = paint.decode(errors="replace")
            self._grid.write(words)
            for check, found in self._checks:
                if not found and check(words, lambda: self._grid.text):
                    found.append(self._at)


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
        yield Screen(process, ours, size)
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
        screen.see(made.job.name)
        screen.rest()
        yield screen


def abp() -> list[str]:
    """The command that a person types."""
    return [str(Path(sys.executable).with_name("abp"))]


def store(made: MadeJob) -> dict[str, str]:
    """What has a program look at this store."""
    return {"ABP_STORAGE_PATH": str(made.repository.path)}
