"""What happened to a job, in words."""

from __future__ import annotations

from textual import work
from textual.app import ComposeResult
from textual.content import Content

from abp_tui.domain.model import LogEntry
from abp_tui.feed import Snapshot
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.widgets.glyphs import BAD, DIM, WARN
from abp_tui.tui.widgets.text import clean, wrap
from abp_tui.tui.widgets.wrapped import WrappedView

STYLES = {"error": BAD, "warning": WARN}
HEAD = 20


class LogView(WrappedView[LogEntry]):
    """Log lines, the newest at the end."""

    def build(self, block: LogEntry, width: int) -> list[Content]:
        """Time, and the message with a hanging indent."""
        unit = f"unit {block.seq}: " if block.seq is not None else ""
        first, *more = wrap(clean(unit + block.message), max(10, width - HEAD))
        time = f"{block.at.astimezone():%m-%d %H:%M:%S}".ljust(HEAD)
        style = STYLES.get(block.level, "")
        head = Content.assemble((time, DIM), (first, style))
        return [head, *(Content.assemble(" " * HEAD, (line, style)) for line in more)]


class LogScreen(AbpScreen):
    """Follows the log of a job."""

    SCOPES = ("lists", "screen", "app")
    AUTO_FOCUS = "LogView"
    DEFAULT_CSS = """
    LogScreen LogView { height: 1fr; padding: 1 2 0 2; }
    """

    def body(self) -> ComposeResult:
        """The lines."""
        yield LogView()

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return (self.job.name if self.job else "", "log")

    def take(self, snapshot: Snapshot) -> None:
        """Read what has come since."""
        blocks = self.query_one(LogView).blocks
        self._read(blocks[-1].id if blocks else 0)

    @work(thread=True, group="log", exclusive=True, exit_on_error=False)
    def _read(self, last_id: int) -> None:
        entries = self.abp.repository.logs.after(self.job_id or 0, last_id)
        self.show_from_thread(self._show, last_id, entries)

    def _show(self, last_id: int, entries: list[LogEntry]) -> None:
        view = self.query_one(LogView)
        if last_id == (view.blocks[-1].id if view.blocks else 0):
            view.append(entries)
