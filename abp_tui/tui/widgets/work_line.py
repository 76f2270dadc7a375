"""Long work in a thread: a line that says how far it is, and its end on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from textual.app import App
from textual.content import Content
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget

from abp_tui.tui.widgets.figures import bar_of
from abp_tui.tui.widgets.glyphs import BOLD, DIM, FAINT, PRIMARY
from abp_tui.tui.widgets.text import one_line

T = TypeVar("T")
Told = Callable[[int], None]
DRAW_S = 0.25  # what is over sooner is not seen at all


class Ended(Exception):
    """A person has ended it."""


class WorkLine(Widget):
    """Out of sight while there is no work. One at a time."""

    DEFAULT_CSS = """
    WorkLine { display: none; height: 1; padding: 0 2; text-wrap: nowrap; }
    """
    done: reactive[int] = reactive(0)

    def __init__(self) -> None:
        super().__init__()
        self._what = ""
        self._total = 0
        self._told = 0
        self._ended = threading.Event()
        self._timer: Timer | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether there is work."""
        return self._timer is not None

    def begin(
        self, what: str, total: int, call: Callable[[Told], T], then: Callable[[T | None], None]
    ) -> None:
        """Have `call` do it, which tells how much of `total` is done, then go on with what it returned.

        That is None once a person has ended it: telling raises `Ended` then. Errors of `call` are reported by
        the screen.
        """
        self._what, self._total, self._told = what, total, 0
        self._ended.clear()
        self._timer = self.set_interval(DRAW_S, self._draw)
        self.screen.refresh_bindings()
        self.screen.run_worker(
            partial(self._run, self.app, call, then), thread=True, group="long", exit_on_error=False
        )

    def end(self) -> None:
        """Have it end as soon as it tells something."""
        self._ended.set()

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        self.end()

    def render(self) -> Content:
        """What it is, a bar, how much is done."""
        share = min(1.0, self.done / self._total) if self._total else 0.0
        words = f"{one_line(self._what, 40)}  "
        figures = f"  {share:.0%}  {self.done:,} of {self._total:,}"
        width = max(4, self.content_size.width - len(words) - len(figures))
        full = round(width * share)
        bar = bar_of(full, width)
        return Content.assemble((words, DIM), (bar[:full], PRIMARY), (bar[full:], FAINT), (figures, BOLD))

    def _run(self, app: App[Any], call: Callable[[Told], T], then: Callable[[T | None], None]) -> None:
        result: T | None = None
        try:
            with suppress(Ended):
                result = call(self._tell)
        finally:
            app.call_from_thread(self._over)
        app.call_from_thread(then, result)

    def _tell(self, done: int) -> None:
        if self._ended.is_set():
            raise Ended
        self._told = done

    def _draw(self) -> None:
        self.display, self.done = True, self._told

    def _over(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self.display = False
        if self.is_attached:
            self.screen.refresh_bindings()
