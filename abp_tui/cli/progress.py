"""How far a long work is, on one line of a terminal's stderr; nothing where that is no terminal."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from abp_tui.cli.common import say
from abp_tui.cli.text import cut
from abp_tui.errors import AbpError

CELLS = 30
GAP_S = 0.1
PATIENCE_S = 0.3  # what is over by then needs no bar


class Line:
    """One line on stderr that is written anew."""

    def __init__(self) -> None:
        self.shown = sys.stderr is not None and sys.stderr.isatty()

    def write(self, text: str) -> None:
        """Show this instead of what was there."""
        if self.shown:
            columns = shutil.get_terminal_size().columns
            say(f"\r\x1b[2K{cut(text, columns - 1)}", nl=False)

    def clear(self) -> None:
        """Make room for what is said next."""
        if self.shown:
            say("\r\x1b[2K", nl=False)


class Bar:
    """A bar of what is done of `total`, or where nobody knows that, a count. Gone when the work is over."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what = what
        self._total = total
        self._line = Line()
        self._next = time.monotonic() + PATIENCE_S
        self._drawn = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._line.clear()

    def show(self, done: int) -> None:
        """So much is done; drawn a few times a second."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + GAP_S
        self._drawn = True
        self._line.write(self._words(done))

    @contextmanager
    def following(self, count: Callable[[], int]) -> Iterator[None]:
        """Meanwhile show what `count` says, a few times a second, from a thread of its own."""
        if not self._line.shown:
            yield
            return
        over = threading.Event()

        def follow() -> None:
            while not over.wait(2 * GAP_S):
                with suppress(AbpError):
                    self.show(count())

        thread = threading.Thread(target=follow, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _words(self, done: int) -> str:
        if not self._total:
            return f"{done:,} {self._what}"
        part = min(1.0, done / self._total)
        filled = round(part * CELLS)
        bar = "#" * filled + "-" * (CELLS - filled)
        return f"[{bar}] {100 * part:3.0f} %  {done:,} of {self._total:,} {self._what}"
