"""What happened to a job, in words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from abp_tui.domain.model import LogEntry
from abp_tui.feed import Snapshot
from abp_tui.tui.commands import bindings
from abp_tui.tui.named_keys import key
from abp_tui.tui.screens.attempt import write_new
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.copying import copy
from abp_tui.tui.widgets.glyphs import BAD, DIM, WARN
from abp_tui.tui.widgets.text import clean, wrap
from abp_tui.tui.widgets.wrapped import WrappedView

STYLES = {"error": BAD, "warning": WARN}
HEAD = 20


class LogView(WrappedView[LogEntry]):
    """Log lines, the newest at the end."""

    def build(self, block: LogEntry, width: int) -> list[Content]:
        """Time, and the message with a hanging indent."""
        first, *more = wrap(clean(_words(block)), max(10, width - HEAD))
        time = f"{block.at.astimezone():%m-%d %H:%M:%S}".ljust(HEAD)
        style = STYLES.get(block.level, "")
        head = Content.assemble((time, DIM), (first, style))
        return [head, *(Content.assemble(" " * HEAD, (line, style)) for line in more)]


class LogScreen(AbpScreen):
    """Follows the log of a job."""

    BINDINGS = bindings("log")
    SCOPES = ("log", "lists", "screen", "app")
    AUTO_FOCUS = "LogView"
    DEFAULT_CSS = """
    LogScreen {
        LogView { height: 1fr; padding: 1 2 0 2; }
        #empty { display: none; padding: 3 4; color: $foreground 70%; height: 1fr; }
        &.-empty #empty { display: block; }
        &.-empty LogView { height: 0; padding: 0; }
    }
    """

    def body(self) -> ComposeResult:
        """The lines, or that there are none."""
        yield LogView()
        yield Static(
            f"Nothing has happened to this job yet.\n\n"
            f"{key('screen.back')} goes back to its units: {key('progress.test')} there tests one.",
            id="empty",
            markup=False,
        )

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return (self.job.name if self.job else "", "log")

    def take(self, snapshot: Snapshot) -> None:
        """Read what has come since."""
        blocks = self.query_one(LogView).blocks
        self._read(blocks[-1].id if blocks else 0)

    def action_copy(self) -> None:
        """Copy the lines."""
        copy(self, _text(self.query_one(LogView).blocks), "log.save")

    def action_save(self) -> None:
        """Write all lines to a file in the folder abp was started in."""
        if not self.query_one(LogView).blocks:
            self.tell("there is nothing to save yet")
            return
        name = f"{self.job.name if self.job else 'job'}-log"

        def write() -> Path:
            return write_new(Path.cwd(), name, ".txt", _text(self.abp.repository.logs.all(self.job_id or 0)))

        self.act(write, lambda path: self.tell(f"saved as {path}"))

    @work(thread=True, group="log", exclusive=True, exit_on_error=False)
    def _read(self, last_id: int) -> None:
        entries = self.abp.repository.logs.after(self.job_id or 0, last_id)
        self.show_from_thread(self._show, last_id, entries)

    def _show(self, last_id: int, entries: list[LogEntry]) -> None:
        view = self.query_one(LogView)
        if last_id == (view.blocks[-1].id if view.blocks else 0):
            view.append(entries)
        self.set_class(not view.blocks, "-empty")
        if entries:  # a page of them: there may be more
            self._read(view.blocks[-1].id)


def _words(entry: LogEntry) -> str:
    """What happened, and to which unit."""
    return f"unit {entry.seq}: {entry.message}" if entry.seq is not None else entry.message


def _text(entries: Iterable[LogEntry]) -> str:
    """Lines to read elsewhere: with the day in full, and in a word what a colour says here."""
    lines = (f"{e.at.astimezone():%Y-%m-%d %H:%M:%S} {e.level:<7} {_words(e)}\n" for e in entries)
    return "".join(lines)
