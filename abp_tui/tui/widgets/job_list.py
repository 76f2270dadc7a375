"""The jobs, a row each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from abp_tui.domain.pace import Pace
from abp_tui.domain.status import Phase
from abp_tui.tui.widgets.columns import GAP, Cell, Column, header, lay_out, row
from abp_tui.tui.widgets.figures import bar_of, countdown, money, number, rate, span
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, FAINT, LIMIT, WARN, job_mark
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import fit, one_line
from abp_tui.views import JobView

DONE, FEW = 13, 5  # cells
COLUMNS = (
    Column("name", "job", 13, grow=2, most=36),
    Column("status", "status", 13),
    Column("bar", "", 6, grow=1, most=26, drop=1),
    Column("done", "done", DONE, right=True),
    Column("failed", "fail", FEW, right=True),
    Column("suspect", "doubt", FEW, right=True),  # only where some are
    Column("rate", "rate", 9, right=True, drop=4),
    Column("left", "left", 8, right=True, drop=3),
    Column("cost", "cost", 9, right=True, drop=2),
)
UNCHECKED = " UNCHECKED"  # the panel beside it says what
BETWEEN = ("bar", "done", "failed", "suspect", "rate", "left")


class JobList(LineList):
    """All jobs, or those whose name holds a text."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._all: Sequence[JobView] = ()
        self._shown: list[JobView] = []
        self._paces: dict[str, Pace] = {}
        self._wanted = ""
        self._has_suspects = False

    @property
    def line_count(self) -> int:
        """How many jobs are shown."""
        return len(self._shown)

    @property
    def job(self) -> JobView | None:
        """The job under the cursor."""
        return self._shown[self.cursor] if self.cursor < len(self._shown) else None

    def titles(self) -> Content:
        """The line of column titles."""
        return header(self._layout(self.line_width))

    def take(self, jobs: Sequence[JobView]) -> None:
        """Show the jobs as they are now; the cursor stays on its job, only rows that changed are drawn."""
        self._all, before = jobs, self._shown
        self._shown = [job for job in jobs if self._wanted in job.name.lower()]
        had_suspects, self._has_suspects = self._has_suspects, any(job.suspect_units for job in self._shown)
        ids = [job.id for job in self._shown]
        if had_suspects != self._has_suspects or ids != self.row_keys:
            self.take_rows(ids)
            return
        for index, (old, new) in enumerate(zip(before, self._shown, strict=True)):
            if old != new:
                self.redraw(index)

    def set_pace(self, job_id: str, pace: Pace) -> None:
        """Remember how fast a job goes."""
        if self._paces.get(job_id) != pace:
            self._paces[job_id] = pace
            self.refresh()

    def filter(self, text: str) -> None:
        """Show only jobs whose name holds the text."""
        self._wanted = text.lower()
        self.take(self._all)

    def line(self, index: int, width: int) -> Content:
        """A job."""
        job, marked = self._shown[index], index == self.cursor
        layout = self._layout(width)
        widths = {column.name: cells for column, cells in layout}
        cells = self._cells(job, marked, widths.get("bar", 0))
        if job.warnings:
            name = fit(one_line(job.name), widths["name"] - len(UNCHECKED)).rstrip()
            cells["name"] = (f"{name}{UNCHECKED}", f"bold {BAD}")
        if job.trial is not None:
            then = "look at it" if job.doubts else "approve?"
            came_to = job.doubts or f"{'test' if job.pilot_id is None else 'pilot'} passed"
            return self._with_words(layout, cells, f"italic {WARN}", f"{came_to}: {then}", then)
        if job.phase is Phase.GATED and job.gate:
            done, words = _done(job), job.gate.words(countdown)
            short = words.removeprefix(f"{job.gate.reason}, ")
            return self._with_words(layout, cells, LIMIT, f"{done}, {one_line(words)}", one_line(short))
        return row(layout, cells)

    def _layout(self, width: int) -> list[tuple[Column, int]]:
        return lay_out([c for c in COLUMNS if c.name != "suspect" or self._has_suspects], width)

    def count_down(self) -> None:
        """Draw the jobs that wait for a usage limit anew: a second has passed."""
        for index, job in enumerate(self._shown):
            if job.phase is Phase.GATED:
                self.redraw(index)

    def _with_words(
        self, layout: list[tuple[Column, int]], cells: dict[str, Cell], style: str, words: str, short: str
    ) -> Content:
        """A row with words in place of its figures: they are never cut short by a column."""
        between = [width for column, width in layout if column.name in BETWEEN]
        room = sum(between) + GAP * (len(between) - 1)
        head = [(column, width) for column, width in layout if column.name in ("name", "status")]
        tail = [(column, width) for column, width in layout if column.name == "cost"]
        middle = fit(words if cell_len(words) <= room else short, room)
        parts: list[Content] = [row(head, cells), Content.styled(middle, style)]
        return Content(" " * GAP).join([*parts, *([row(tail, cells)] if tail else [])])

    def _cells(self, job: JobView, marked: bool, bar_width: int) -> dict[str, Cell]:
        mark = job_mark(job)
        pace = self._paces.get(job.id, Pace()) if job.phase is Phase.RUNNING else Pace()
        done, filled = bar(job, bar_width)
        return {
            "name": (one_line(job.name), BOLD if marked else ""),
            "status": (str(mark), mark.style),
            "bar": (filled, mark.style if done else FAINT),
            "done": (_done(job), ""),
            "failed": (
                number(job.failed_units, FEW) if job.ended_units else "",
                BAD if job.failed_units else DIM,
            ),
            "suspect": (number(job.suspect_units, FEW) if job.suspect_units else "", WARN),
            "rate": (rate(pace.per_s), DIM),
            "left": (span(pace.left_s) if pace.left_s else "", DIM),
            "cost": (money(job.cost_usd, at_least=job.cost_is_floor), ""),
        }


def _done(job: JobView) -> str:
    return "/".join(number(units, DONE // 2) for units in (job.completed_units, job.total_units))


def bar(job: JobView, width: int) -> tuple[int, str]:
    """How many cells of a bar are filled, and the bar: thick where done, thin where not."""
    done = width * job.ended_units // job.total_units if job.total_units else 0
    return done, bar_of(done, width)
