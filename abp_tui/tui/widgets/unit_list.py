"""The unit list: any number of rows, drawn and read only where one looks."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from textual import work
from textual.content import Content
from textual.worker import Worker, WorkerState

from abp_tui.domain.model import EventKind, UnitLine
from abp_tui.feed import RunningUnit
from abp_tui.tui.widgets.columns import Cell, Column, header, lay_out, row
from abp_tui.tui.widgets.conversation import tool_words
from abp_tui.tui.widgets.figures import clock, money, since
from abp_tui.tui.widgets.glyphs import BOLD, DIM, UNIT_MARKS, unit_state
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.unit_rows import PAGE, UnitRows

COLUMNS = (
    Column("seq", "#", 6, right=True),
    Column("key", "unit", 20, grow=2, most=44, keep_end=True),
    Column("state", "state", 9),
    Column("try", "try", 3, right=True, drop=2),
    Column("time", "time", 6, right=True, drop=1),
    Column("cost", "cost", 7, right=True, drop=3),
    Column("last", "last", 10, grow=3, drop=4),
)


class UnitList(LineList):
    """The units of a job, all or in one state."""

    def __init__(self, rows: UnitRows, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows = rows
        self._at_work: Mapping[int, RunningUnit] = {}
        self._wanted: set[int] = set()
        self._reading = False
        self._meanwhile: list[UnitLine] | None = None  # what changed since units in a state are being read

    @property
    def line_count(self) -> int:
        """How many units are shown."""
        return len(self.rows)

    @property
    def seq(self) -> int | None:
        """The number of the unit under the cursor."""
        return self.rows.seq_at(self.cursor) if self.cursor < self.line_count else None

    def titles(self) -> Content:
        """The line of column titles."""
        return header(lay_out(COLUMNS, self.line_width))

    def line(self, index: int, width: int) -> Content:
        """A unit, or dots until it has been read."""
        layout = lay_out(COLUMNS, width)
        unit = self.rows.get(index)
        if unit is None:
            self._want(index // PAGE)
            return row(layout, {"seq": (str(self.rows.seq_at(index)), DIM), "key": ("…", DIM)})
        return row(layout, self._cells(unit, index == self.cursor))

    def show_line(self, index: int) -> None:
        """Have what comes into view read at once, not only when the next frame draws it."""
        super().show_line(index)
        top = self.scroll_offset.y
        bottom = min(top + self.scrollable_content_region.height, self.line_count) - 1
        for index in (top, bottom):
            if 0 <= index < self.line_count and self.rows.get(index) is None:
                self._want(index // PAGE)

    def set_total(self, items: int, *, synthesis: bool) -> None:
        """The job has this many items, and perhaps a step over their results."""
        if (items, synthesis) != (self.rows.items, self.rows.synthesis):
            self.rows.items, self.rows.synthesis = items, synthesis
            self.measure()

    def set_running(self, running: Sequence[RunningUnit]) -> None:
        """What the units that run say; also what has to be drawn anew each second."""
        before, self._at_work = self._at_work, {unit.seq: unit for unit in running}
        for seq in {*before, *self._at_work}:
            self._redraw_seq(seq)

    def take(self, changed: Sequence[UnitLine] | None) -> None:
        """Show units as they are now; None: read anew whatever is looked at."""
        if changed is None:
            self.rows.forget()
            self.refresh()
            if self.rows.state:
                self._select()
            return
        for line in changed:
            index = self.rows.change(line)
            if index is not None:
                self.redraw(index)
        if self._meanwhile is not None:
            self._meanwhile += changed
        self._sort_in(changed)

    def filter(self, state: str) -> None:
        """Show only units in a state, or all."""
        self._select(state)

    def go_to(self, seq: int) -> None:
        """Put the cursor on a unit."""
        self.cursor = self.rows.index_of(seq)

    def _redraw_seq(self, seq: int) -> None:
        index = self.rows.index_of(seq)
        if index < self.line_count and self.rows.seq_at(index) == seq:
            self.redraw(index)

    def _cells(self, unit: UnitLine, marked: bool) -> dict[str, Cell]:
        state = unit_state(unit)
        mark, running = UNIT_MARKS[state], self._at_work.get(unit.seq)
        time = clock(unit.duration_s) if unit.duration_s is not None else ""
        note = one_line(unit.note)
        if running is not None:
            time = clock(since(running.started_at, datetime.now(UTC)))
            note = said(running)
        return {
            "seq": (str(unit.seq), DIM),
            "key": (one_line(unit.key), BOLD if marked else ""),
            "state": (str(mark), mark.style),
            "try": (str(unit.attempts or ""), ""),
            "time": (time, ""),
            "cost": (money(unit.cost_usd), ""),
            "last": (note, DIM),
        }

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell the screen what went wrong in one of its threads."""
        if event.state is WorkerState.ERROR:
            self._reading, self._meanwhile = False, None
            self.screen.post_message(event)

    def _want(self, page: int) -> None:
        self._wanted.add(page)
        if not self._reading:
            self._reading = True
            self.call_later(self._start_reading)

    def _start_reading(self) -> None:
        pages = sorted(self._wanted)[-4:]  # what was scrolled past in the meantime is asked for again
        self._wanted.clear()
        self._read(pages)

    @work(thread=True, group="rows", exit_on_error=False)
    def _read(self, pages: list[int]) -> None:
        lines = [line for page in pages for line in self.rows.read_page(page)]
        self.app.call_from_thread(self._have_read, lines)

    def _have_read(self, lines: list[UnitLine]) -> None:
        self._reading = False
        self.rows.keep(lines)
        if lines:
            self.refresh()

    def _select(self, state: str | None = None) -> None:
        wanted = self.rows.state if state is None else state
        self._meanwhile = []
        self._read_seqs(wanted, state is not None)

    @work(thread=True, group="seqs", exclusive=True, exit_on_error=False)
    def _read_seqs(self, state: str, chosen: bool) -> None:
        seqs = self.rows.read_seqs(state)
        self.app.call_from_thread(self._have_selected, state, seqs, chosen)

    def _have_selected(self, state: str, seqs: array[int] | None, chosen: bool) -> None:
        meanwhile, self._meanwhile = self._meanwhile, None
        if not chosen and state != self.rows.state:
            return
        here = self.seq
        self.rows.show(state, seqs)
        self._stand_on(here)
        self._sort_in(meanwhile or ())

    def _sort_in(self, changed: Sequence[UnitLine]) -> None:
        """Let units that changed join or leave those shown, the cursor staying on its own."""
        here = self.seq
        if [line for line in changed if self.rows.sort_in(line)]:
            self._stand_on(here)

    def _stand_on(self, seq: int | None) -> None:
        """Put the cursor on a unit, or on the next one shown, among rows that are others now."""
        self.cursor = self.rows.index_of(seq) if seq is not None else 0
        self.measure()


def said(running: RunningUnit) -> str:
    """The last thing an agent said or did, on one line, behind the machine where that is another one."""
    where = f"{one_line(running.host)}  " if running.host else ""
    last = running.last
    if last is None:
        return where
    body = tool_words(last.body) if last.kind is EventKind.TOOL_CALL else last.body
    return where + one_line(f"{last.title}  {body}" if last.title else body)
