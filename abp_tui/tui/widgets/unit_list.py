"""The unit list: any number of rows, drawn and read only where one looks."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from textual import work
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.visual import Visual
from textual.worker import Worker, WorkerState

from abp_tui.domain.model import EventKind, UnitLine
from abp_tui.domain.status import UnitStatus
from abp_tui.feed import RunningUnit
from abp_tui.tui.named_keys import key
from abp_tui.tui.widgets.columns import Cell, Column, header, lay_out, row
from abp_tui.tui.widgets.conversation import tool_words
from abp_tui.tui.widgets.figures import clock, money, since, took
from abp_tui.tui.widgets.glyphs import BOLD, DIM, TRIED, UNIT_MARKS, unit_state
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import fit, one_line
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

SHOW_FOUND_S = 0.25
AT_ONCE = 4  # pages that are read


class UnitList(LineList):
    """The units of a job: all, or those in one state, or those that hold a text."""

    class Searched(Message):
        """More of the units were searched for a text."""

    def __init__(self, rows: UnitRows, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows = rows
        self._at_work: Mapping[int, RunningUnit] = {}
        self._wanted: set[int] = set()
        self._reading = False
        self._meanwhile: list[UnitLine] | None = None  # what changed since those to be shown are being read
        self._selection = 0
        self._chosen = ("", "")
        self.searched = 1.0

    @property
    def line_count(self) -> int:
        """How many units are shown."""
        return len(self.rows)

    @property
    def seq(self) -> int | None:
        """The number of the unit under the cursor."""
        return self.rows.seq_at(self.cursor) if self.cursor < self.line_count else None

    @property
    def unit(self) -> UnitLine | None:
        """The unit under the cursor, if it has been read."""
        return self.rows.get(self.cursor) if self.cursor < self.line_count else None

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
        """Have what comes into view read at once, and what the next key may bring there."""
        super().show_line(index)
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        for near in (top - height, top, top + height - 1, top + 2 * height):
            at = max(0, min(near, self.line_count - 1))
            if at < self.line_count and self.rows.get(at) is None:
                self._want(at // PAGE)

    def set_total(self, items: int, *, synthesis: bool) -> None:
        """The job has this many items, and perhaps a step over their results."""
        if (items, synthesis) != (self.rows.items, self.rows.synthesis):
            self.rows.items, self.rows.synthesis = items, synthesis
            self.measure()
            self._want(max(0, self.line_count - 1) // PAGE)  # the end is one key away

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
            if self.rows.state and not (self.rows.text and self._meanwhile is not None):
                self._select(self.rows.state, self.rows.text, chosen=False)
            return
        for line in changed:
            index = self.rows.change(line)
            if index is not None:
                self.redraw(index)
        if self._meanwhile is not None:
            self._meanwhile += changed
        self._sort_in(changed)

    def filter(self, state: str) -> None:
        """Show only units in a state, or all; of them those that hold the text that is searched for."""
        self._select(state, self._chosen[1])

    def search(self, text: str) -> None:
        """Show only units that hold a text, or all; of them those in the state that is filtered for."""
        self._select(self._chosen[0], text)

    def nothing(self) -> str:
        """Why the list is empty, and which key shows more."""
        if self.rows.text:
            sought = fit(one_line(self.rows.text), 16).rstrip()
            return f"nothing holds {sought}" + (
                " so far" if self.searched < 1 else f": {key('screen.back')} ends the search"
            )
        if self.rows.state:
            none = f"no unit is {UNIT_MARKS[self.rows.state].word} now"
            return f"{none}: {key('progress.filter')} shows the next state"
        return ""

    def render_line(self, y: int) -> Strip:
        """A unit; of none, the words why."""
        words = self.nothing() if y == 1 and not self.line_count else ""
        if not words or self.line_width <= 0:
            return super().render_line(y)
        line = Content.styled(" " * self.EDGE + words, DIM).truncate(self.line_width, ellipsis=True)
        return Visual.to_strips(self, line, self.line_width, 1, self.visual_style, pad=True)[0]

    def go_to(self, seq: int) -> None:
        """Put the cursor on a unit."""
        self.cursor = self.rows.index_of(seq)

    def _redraw_seq(self, seq: int) -> None:
        index = self.rows.index_of(seq)
        if index < self.line_count and self.rows.seq_at(index) == seq:
            self.redraw(index)

    def _cells(self, unit: UnitLine, marked: bool) -> dict[str, Cell]:
        state = unit_state(unit)
        tried = unit.status is UnitStatus.PENDING and unit.attempts > 0
        mark, running = TRIED if tried else UNIT_MARKS[state], self._at_work.get(unit.seq)
        time = took(unit.duration_s)
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
            self._reading, self._meanwhile, self.searched = False, None, 1.0
            self.screen.post_message(event)

    def _want(self, page: int) -> None:
        self._wanted.add(page)
        if not self._reading:
            self._reading = True
            self.call_later(self._start_reading)

    def _start_reading(self) -> None:
        """Read those pages that are nearest to what is seen; others were scrolled past."""
        here = self.scroll_offset.y // PAGE
        nearest = sorted(self._wanted, key=lambda page: abs(page - here))
        self._wanted.clear()
        self._read(nearest[:AT_ONCE])

    @work(thread=True, group="rows", exit_on_error=False)
    def _read(self, pages: list[int]) -> None:
        lines = [line for page in pages for line in self.rows.read_page(page)]
        self.app.call_from_thread(self._have_read, lines)

    def _have_read(self, lines: list[UnitLine]) -> None:
        self._reading = False
        self.rows.keep(lines)
        top, height = self.scroll_offset.y, self.size.height
        if any(top <= self.rows.index_of(line.seq) < top + height for line in lines):
            self.refresh()
        if self._wanted:
            self._want(self._wanted.pop())

    def _select(self, state: str, text: str, *, chosen: bool = True) -> None:
        """Find out which units to show; one that is not `chosen` by a person is that of now, read anew."""
        self._meanwhile = []
        self._selection += 1
        if chosen:
            self._chosen, self.searched = (state, text), 0.0
        self._read_seqs(self._selection, state, text, chosen)

    @work(thread=True, group="seqs", exclusive=True, exit_on_error=False)
    def _read_seqs(self, selection: int, state: str, text: str, chosen: bool) -> None:
        if not text:
            seqs = self.rows.read_seqs(state)
            self.app.call_from_thread(self._have_selected, selection, state, text, seqs, 1.0)
            return
        found: array[int] = array("q")
        shown_at = time.monotonic()
        for more, share in self.rows.search(state, text):
            if selection != self._selection:
                return  # another one is wanted by now
            found += more
            if chosen and share < 1 and time.monotonic() - shown_at > SHOW_FOUND_S:
                self.app.call_from_thread(self._have_selected, selection, state, text, found[:], share)
                shown_at = time.monotonic()
        self.app.call_from_thread(self._have_selected, selection, state, text, found, 1.0)

    def _have_selected(
        self, selection: int, state: str, text: str, seqs: array[int] | None, share: float
    ) -> None:
        if selection != self._selection or not self.is_attached:
            return
        here = self.seq
        self.searched = share
        self.rows.show(state, text, seqs)
        self._stand_on(here)
        self._sort_in(self._meanwhile or ())
        if share >= 1:
            self._meanwhile = None
        self.post_message(self.Searched())

    def _sort_in(self, changed: Sequence[UnitLine]) -> None:
        """Let units that changed join or leave those shown, the cursor staying on its own."""
        here = self.seq
        if [line for line in changed if self.rows.sort_in(line)]:
            self._stand_on(here)

    def _stand_on(self, seq: int | None) -> None:
        """Put the cursor on a unit, or on the next one shown, among rows that are others now."""
        self.cursor = self.rows.index_of(seq) if seq is not None else 0
        self.measure()
        self.call_after_refresh(lambda: self.show_line(self.cursor))  # once the list has its new length


def said(running: RunningUnit) -> str:
    """The last thing an agent said or did, on one line, behind the machine where that is another one."""
    where = f"{one_line(running.host)}  " if running.host else ""
    last = running.last
    if last is None:
        return where
    body = tool_words(last.body) if last.kind is EventKind.TOOL_CALL else last.body
    return where + one_line(f"{last.title}  {body}" if last.title else body)
