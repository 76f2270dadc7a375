"""What an executor has been given to do: the whole job, one unit as a test, or some as a pilot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from abp_tui.domain.model import Job
from abp_tui.domain.status import JobStatus, Purpose, UnitStatus
from abp_tui.execution.runners import Runners
from abp_tui.execution.synthesis import Synthesis
from abp_tui.store.claims import Claim
from abp_tui.store.journal import Journal
from abp_tui.words import counted

Held = Callable[[], str | None]
"""Why nothing more may be claimed at this moment, or None."""


class Assignment(Protocol):
    """Where claims come from, and when the work is over."""

    @property
    def is_test(self) -> bool:
        """Whether it is one unit that a person wants to know of now, whatever the gate says."""

    @property
    def takes_edits(self) -> bool:
        """Whether a version of the recipe that is saved meanwhile is for the units from then on."""

    def claim(self, limit: int) -> list[Claim]:
        """Take up to `limit` units, within a transaction of the journal."""

    def taken(self, claims: Sequence[Claim]) -> None:
        """The transaction of these claims has been committed."""

    def advance(self, held: Held) -> bool:
        """Where one stage of the work is over, prepare the next; says whether there is more to claim now.

        Asked when nothing is in flight.
        """

    def settled(self, held: Held) -> JobStatus | None:
        """The state the job has now been given if the work is over, else None. Asked as `advance` is."""


class WholeJob:
    """Every waiting unit, then the synthesis step if there is one, until none waits or the job is held."""

    is_test = False
    takes_edits = True

    def __init__(
        self,
        journal: Journal,
        runners: Runners,
        job: Job,
        synthesis: Synthesis | None,
    ) -> None:
        self._journal = journal
        self._runners = runners
        self._waived = job.waived_at is not None
        self._synthesis = synthesis
        self._synthesis_due = False

    def claim(self, limit: int) -> list[Claim]:
        """Take up to `limit` units, those whose backoff is over first."""
        version, go_on = self._runners.version, self._runners.go_on
        claims = self._journal.claim(limit, Purpose.RUN, version, self._runners.render, go_on)
        if claims or self._synthesis is None or not self._synthesis_due:
            return claims
        step = self._synthesis
        claim = self._journal.claim_unit(step.seq, Purpose.POST, version, step.render, go_on)
        return [claim] if claim else []

    def taken(self, claims: Sequence[Claim]) -> None:
        """A synthesis that was claimed is not due any more."""
        if any(claim.purpose is Purpose.POST for claim in claims):
            self._synthesis_due = False

    def advance(self, held: Held) -> bool:
        """Once all items have ended, write down their results for the synthesis step; True if it is due."""
        step = self._synthesis
        if step is None or self._synthesis_due or held() is not None or not self._journal.is_due(step.seq):
            return False
        if self._wants_synthesis(self._journal.counters()):
            self._synthesis_due = step.results_written()
        return self._synthesis_due

    def settled(self, held: Held) -> JobStatus | None:
        """PAUSED if held, else COMPLETED or FAILED once every unit has ended."""
        if self._verdict(held()) is None:
            return None
        with self._journal.transaction(durable=True):
            hold = held()  # again: a person may have said otherwise in between
            status = self._verdict(hold)
            if status is not None:
                reason = hold if status is JobStatus.PAUSED else None
                said = f"paused: {reason}" if reason else status.lower()
                self._journal.settle(status, said, reason)
        return status

    def _verdict(self, hold: str | None) -> JobStatus | None:
        counters = self._journal.counters()
        if counters["processing"]:
            return None  # ended in its slot, but not yet recorded
        if counters["pending"]:
            return JobStatus.PAUSED if hold is not None else None
        if self._synthesis is None or not self._wants_synthesis(counters):
            return JobStatus.FAILED if counters["failed"] else JobStatus.COMPLETED
        match self._journal.unit_status(self._synthesis.seq):
            case UnitStatus.COMPLETED:
                return JobStatus.COMPLETED
            case UnitStatus.FAILED:
                return JobStatus.FAILED
            case UnitStatus.PENDING if hold is not None:
                return JobStatus.PAUSED
        return None

    def _wants_synthesis(self, counters: Mapping[str, int]) -> bool:
        """Whether every item has ended, and well, or a person has waived the failures."""
        left = counters["pending"] + counters["processing"]
        return not left and (not counters["failed"] or self._waived)


class OneAlone(WholeJob):
    """One unit of a job that has been run before, until it has ended; the others stay as they are."""

    def __init__(self, journal: Journal, runners: Runners, job: Job, seq: int) -> None:
        super().__init__(journal, runners, job, None)
        self._seq = seq
        self._synthesis_waits = job.synthesis is UnitStatus.PENDING

    def claim(self, limit: int) -> list[Claim]:
        """Take the unit whenever it waits."""
        if not limit or not self._journal.is_due(self._seq):
            return []
        version, go_on = self._runners.version, self._runners.go_on
        claim = self._journal.claim_unit(self._seq, Purpose.RUN, version, self._runners.render, go_on)
        return [claim] if claim else []

    def settled(self, held: Held) -> JobStatus | None:
        """As of a whole job; PAUSED once the unit has ended and something else waits."""
        if not self._ended():
            return super().settled(held)
        return super().settled(lambda: held() or f"unit {self._seq} was run alone: look at it")

    def _verdict(self, hold: str | None) -> JobStatus | None:
        if self._synthesis_waits and self._ended() and hold is not None:
            return JobStatus.PAUSED
        return super()._verdict(hold)

    def _ended(self) -> bool:
        return self._journal.unit_status(self._seq) in (UnitStatus.COMPLETED, UnitStatus.FAILED)


class OneTest:
    """One unit, once. The job is left TESTING, for a person to review; CREATED where the test was stopped."""

    is_test = True
    takes_edits = False

    def __init__(self, journal: Journal, runners: Runners, seq: int) -> None:
        self._journal = journal
        self._runners = runners
        self._seq = seq
        self._claimed = False

    def claim(self, limit: int) -> list[Claim]:
        """Take the unit, the first time."""
        if not limit or self._claimed:
            return []
        claim = self._journal.claim_unit(self._seq, Purpose.TEST, self._runners.version, self._runners.render)
        return [claim] if claim else []

    def taken(self, claims: Sequence[Claim]) -> None:
        """The unit is taken once only."""
        self._claimed = self._claimed or bool(claims)

    def advance(self, held: Held) -> bool:
        """A test has one stage."""
        return False

    def settled(self, held: Held) -> JobStatus | None:
        """TESTING once the unit has ended, CREATED where it was kept from that."""
        if self._journal.counters()["processing"]:
            return None
        ended = self._journal.unit_status(self._seq) is not UnitStatus.PENDING
        if not ended and not self._claimed and held() is None:
            return None  # not begun
        status = JobStatus.TESTING if ended else JobStatus.CREATED
        with self._journal.transaction(durable=True):
            why = held() or self._journal.unit_error(self._seq) or "stopped"
            if ended:
                self._journal.return_to_pilot()
            self._journal.settle(status, "the test has ended" if ended else f"no test: {why}")
        return status


class SomeUnits:
    """The units of a pilot, once each. The job stays TESTING, for a person to review, also where the pilot
    was stopped: what has ended by then has been tried.
    """

    is_test = False
    takes_edits = False

    def __init__(self, journal: Journal, runners: Runners, seqs: Sequence[int]) -> None:
        self._journal = journal
        self._runners = runners
        self._seqs = seqs

    def claim(self, limit: int) -> list[Claim]:
        """Take up to `limit` of those that wait; one that found no way through its gate waits again."""
        version, render = self._runners.version, self._runners.render
        return self._journal.claim_among(self._seqs, limit, Purpose.PILOT, version, render)

    def taken(self, claims: Sequence[Claim]) -> None:
        """What was taken does not wait any more, which is all there is to remember."""

    def advance(self, held: Held) -> bool:
        """A pilot has one stage."""
        return False

    def settled(self, held: Held) -> JobStatus | None:
        """TESTING once no unit of the pilot waits, or it is held."""
        if self._journal.counters()["processing"] or (self._waiting() and held() is None):
            return None
        with self._journal.transaction(durable=True):
            why, waiting = held(), self._waiting()
            if waiting and why is None:
                return None  # a person has thought better of it
            left = f"; not run: {counted(waiting, 'unit')}" if waiting else ""
            said = f"the pilot was ended: {why}{left}" if waiting else "the pilot has ended"
            self._journal.settle(JobStatus.TESTING, said)
        return JobStatus.TESTING

    def _waiting(self) -> int:
        return self._journal.waiting_among(self._seqs)
