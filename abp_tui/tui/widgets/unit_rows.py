"""The units of a job as rows of a list, read a page at a time and forgotten again."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from abp_tui.domain.model import UnitLine
from abp_tui.store.tally import counted_as
from abp_tui.store.units import Units

PAGE = 100
MOST_KEPT = 4_000


class UnitRows:
    """All units of a job, or those in one state, or that hold a text.

    `read_page`, `read_seqs` and `search` are for threads.
    """

    def __init__(self, units: Units, job_id: int) -> None:
        self._units = units
        self._job_id = job_id
        self._seqs: array[int] | None = None
        self._kept: dict[int, UnitLine] = {}
        self.state = ""
        self.text = ""
        self.items = 0
        self.synthesis = False

    def __len__(self) -> int:
        return self.items + self.synthesis if self._seqs is None else len(self._seqs)

    def seq_at(self, index: int) -> int:
        """The unit's number in a row."""
        return index if self._seqs is None else self._seqs[index]

    def index_of(self, seq: int) -> int:
        """The row of a unit, or of the next one that is shown."""
        return seq if self._seqs is None else bisect_left(self._seqs, seq)

    def get(self, index: int) -> UnitLine | None:
        """The unit in a row, if it has been read."""
        return self._kept.get(self.seq_at(index))

    def show(self, state: str, text: str, seqs: array[int] | None) -> None:
        """Show only the units in a state that hold a text; all where both are empty."""
        self.state, self.text, self._seqs = state, text, seqs

    def read_seqs(self, state: str) -> array[int] | None:
        """The numbers of the units in a state; None for all."""
        return self._units.seqs_in(self._job_id, state) if state else None

    def search(self, state: str, text: str) -> Iterator[tuple[array[int], float]]:
        """The numbers of those in a state that hold a text, as they are found, and the share looked at."""
        return self._units.search(self._job_id, text, state)

    def read_page(self, page: int) -> list[UnitLine]:
        """The units of a page of rows."""
        if self._seqs is None:
            return self._units.lines(self._job_id, page * PAGE, PAGE)
        return self._units.lines_of(self._job_id, self._seqs[page * PAGE : (page + 1) * PAGE])

    def keep(self, lines: Iterable[UnitLine]) -> None:
        """Remember what was read; of too much, only the newest."""
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        self._kept.update((line.seq, line) for line in lines)

    def change(self, line: UnitLine) -> int | None:
        """Take a changed unit in; its row if it is one that was read."""
        if line.seq not in self._kept:
            return None
        self._kept[line.seq] = line
        return self.index_of(line.seq)

    def sort_in(self, line: UnitLine) -> bool:
        """Let a changed unit join or leave those that are shown; says whether it did."""
        if self._seqs is None:
            return False
        index = bisect_left(self._seqs, line.seq)
        there = index < len(self._seqs) and self._seqs[index] == line.seq
        belongs = self._belongs(line) and (there or self._holds(line))
        if belongs and not there:
            self._seqs.insert(index, line.seq)
        elif there and not belongs:
            del self._seqs[index]
        return there != belongs

    def _belongs(self, line: UnitLine) -> bool:
        if not self.state:
            return True
        return line.seq < self.items and counted_as(line.status, line.verdict) == self.state

    def _holds(self, line: UnitLine) -> bool:
        """Whether what is known of a unit holds the text; of what it said that is the beginning."""
        text = self.text.lower()
        return text in line.key.lower() or text in line.note.lower() or text == str(line.seq)

    def forget(self) -> None:
        """Read everything anew when it is next drawn."""
        self._kept.clear()
