"""Units of one job with the same long output: all of them are in doubt, the first one, too."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from abp_tui.domain.check import FAILS
from abp_tui.domain.failure import FailureKind
from abp_tui.domain.fingerprint import fingerprint
from abp_tui.domain.status import Verdict
from abp_tui.domain.tell import Tell
from abp_tui.store.claims import Finished
from abp_tui.store.tally import Tally

_FIRST = (
    "SELECT seq, verdict FROM unit INDEXED BY unit_same WHERE job_id = ? AND sameness = ? AND seq <> ? "
    "AND status = 'COMPLETED' LIMIT 1"
)
_DOUBT = (
    "UPDATE unit SET verdict = 'suspect', error = ?, fingerprint = ?, changed = ? "
    "WHERE job_id = ? AND seq = ? AND verdict = 'ok' AND error IS NULL"  # not what a person has accepted
)
CAUSE = fingerprint(FailureKind.BAD_OUTPUT, FAILS + Tell.SAME)


class Sameness:
    """Looks for it within one transaction of a journal, a look in an index for each output that is long."""

    def __init__(self, connection: sqlite3.Connection, job_id: int, change: int, tally: Tally) -> None:
        self._connection = connection
        self._job_id = job_id
        self._change = change
        self._tally = tally
        self._seen: dict[str, int] = {}

    def judged(self, ends: Sequence[Finished]) -> list[Finished]:
        """The ends, those in doubt whose output another unit has, or another of the ends."""
        twins: dict[int, int] = {}
        for end in ends:
            if end.sameness is not None and end.claim.seq not in twins:
                self._pair(end, twins)
        return [self._doubted(end, twins) for end in ends]

    def _pair(self, end: Finished, twins: dict[int, int]) -> None:
        assert end.sameness is not None
        seq = end.claim.seq
        other = self._seen.setdefault(end.sameness, seq)
        if other != seq:
            twins[seq] = other
            twins.setdefault(other, seq)
            return
        row = self._connection.execute(_FIRST, (self._job_id, end.sameness, seq)).fetchone()
        if row is not None:
            twins[seq] = row[0]
            if row[1] == Verdict.OK:
                self._doubt_recorded(row[0], seq)

    def _doubt_recorded(self, seq: int, twin: int) -> None:
        done = self._connection.execute(_DOUBT, (_words(twin), CAUSE, self._change, self._job_id, seq))
        if done.rowcount:
            self._tally.move(seq, "completed", "suspect")

    def _doubted(self, end: Finished, twins: dict[int, int]) -> Finished:
        twin = twins.get(end.claim.seq)
        if twin is None:
            return end
        outcome = end.outcome.model_copy(update={"error": _words(twin)})
        return replace(end, outcome=outcome, verdict=Verdict.SUSPECT, fingerprint=CAUSE)


def _words(twin: int) -> str:
    return f"{FAILS}its output is the same as that of unit {twin}"
