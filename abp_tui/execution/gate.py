"""One executor's side of its gate: what of its ends closes and opens it, and what may start meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.gate import after_attempt, got_through, may_probe, needs_person, probing
from abp_tui.domain.model import MAX_WORKERS, Gate, Job
from abp_tui.domain.status import GateState, UnitStatus
from abp_tui.liveness import Liveness, Witness
from abp_tui.store.claims import Claim, Finished
from abp_tui.store.journal import Journal
from abp_tui.workers.base import Worker

LOGIN_WINDOW_S = 60.0


def gate_scope(worker: Worker[Any]) -> str:
    """The name of the gate that a worker's agents must pass: all those of its name and account share it."""
    return f"{worker.name}:{worker.account()}"


class Logins:
    """Tells a login error that says nothing of the account from one of a burst. `worked` says whether
    something has ever succeeded.
    """

    def __init__(self, worked: bool) -> None:
        self._worked = worked
        self._last: tuple[int, float] | None = None

    def succeeded(self) -> None:
        """An attempt has succeeded: its account works."""
        self._worked = True

    def alone(self, seq: int, at: float) -> bool:
        """Take note of a login error of unit `seq` at `at` seconds; whether it stands among successes.

        Another unit's within a minute, or any with no success since the last one, makes a burst.
        """
        other = self._last is not None and self._last[0] != seq and at - self._last[1] <= LOGIN_WINDOW_S
        alone = self._worked and not other
        self._last, self._worked = (seq, at), False
        return alone


class Ramp:
    """Few slots once the gate has opened, twice as many with each round that gets through, then all."""

    def __init__(self) -> None:
        self._slots: int | None = None
        self._begins: int | None = None

    def begin(self, slots: int) -> None:
        """Start with so many, beside what runs since before it was closed."""
        self._begins = slots

    def grow(self) -> None:
        """An attempt got through: one more slot, and its own again."""
        if self._slots is not None:
            self._slots = self._slots + 1 if self._slots < MAX_WORKERS else None

    def room(self, in_flight: int) -> int | None:
        """How many more attempts may start beside the `in_flight` ones; None for any number."""
        if self._begins is not None:
            self._slots, self._begins = in_flight + self._begins, None
        return None if self._slots is None else max(0, self._slots - in_flight)


class Gatekeeper:
    """Knows the gate as it was last looked at. A test is let through whatever its state: a person wants to
    know now, and it is one unit. Where nobody else tries a closed gate, the test does.
    """

    def __init__(self, job: Job, journal: Journal, scope: str, *, for_test: bool) -> None:
        self._journal = journal
        self._gate = Gate(scope=scope)
        self._for_test = for_test
        self._logins = Logins(worked=job.counters.completed > 0)
        self._alone: dict[int, int] = {}  # attempts with a login error that closes nothing, and their units
        self._ramp = Ramp()
        self._witness = Witness()

    def look(self) -> None:
        """See what has become of the gate."""
        before, self._gate = self._gate, self._journal.gates.get(self._gate.scope)
        if before.state is not GateState.OPEN and self._gate.state is GateState.OPEN:
            self._ramp.begin(1)

    def hold(self) -> str | None:
        """Why the job must be held until a person resumes it, or None."""
        return self._gate.reason if needs_person(self._gate) and not self._for_test else None

    def room(self, in_flight: int) -> int | None:
        """How many attempts may start now beside the `in_flight` ones; None for any number."""
        if self._gate.state is GateState.OPEN:
            return self._ramp.room(in_flight)
        if self._for_test:
            return None
        return 1 if self._may_try() else 0

    def consider(self, end: Finished) -> Finished:
        """Take note of an end, and say what becomes of its unit: not every login error is the account's.

        One among successes is tried again, at no cost, once others have had time to show how the account
        is; a unit that meets it again among their successes has failed.
        """
        if got_through(end.outcome):
            self._ramp.grow()
        if end.outcome.ok:
            self._logins.succeeded()
        if not self._stands_alone(end):
            return end
        again = end.claim.seq in self._alone.values()
        self._alone[end.claim.attempt_id] = end.claim.seq
        if again:
            return replace(end, unit_status=UnitStatus.FAILED, failures=end.failures + 1)
        return replace(end, not_before=end.ended_at + LOGIN_WINDOW_S)

    def _stands_alone(self, end: Finished) -> bool:
        if end.outcome.failure is not FailureKind.LOGIN or end.unit_status is not UnitStatus.PENDING:
            return False
        alone = self._logins.alone(end.claim.seq, end.ended_at)
        return alone and self._gate.probe_attempt != end.claim.attempt_id

    # Within a transaction of the journal that has looked

    def record(self, finished: Iterable[Finished]) -> None:
        """Close or open the gate as these ends want it."""
        for end in finished:
            if end.claim.attempt_id not in self._alone:
                after = after_attempt(self._gate, end.claim.attempt_id, end.outcome, datetime.now(UTC))
                self._become(after)

    def entered(self, claims: Sequence[Claim]) -> None:
        """These claims have been let through; where the gate is not open, the first one tries it."""
        if claims and self._gate.state is not GateState.OPEN and self._may_try():
            self._become(probing(self._gate, claims[0].attempt_id), claims[0].seq)

    def _become(self, after: Gate, seq: int | None = None) -> None:
        if after == self._gate:
            return
        swapped = self._journal.gates.swap(self._gate, after)
        assert swapped, "it was looked at within this transaction"
        self._gate = after
        self._journal.log(_words(after), level="warning", seq=seq)
        if after.state is GateState.OPEN:
            self._ramp.begin(2)  # the probe was the first

    def _may_try(self) -> bool:
        if self._gate.state is GateState.PROBING:
            return self._probe_is_dead()
        return self._for_test or may_probe(self._gate, datetime.now(UTC))

    def _probe_is_dead(self) -> bool:
        """Whether nobody runs the probe any more. One whose end was recorded has settled the gate with it."""
        if self._gate.probe_attempt is None:
            return True
        lease = self._journal.gates.prober(self._gate.probe_attempt)
        return lease is None or self._witness.judge(lease) is Liveness.DEAD


def _words(gate: Gate) -> str:
    """What the job's log says of a change."""
    if gate.state is GateState.OPEN:
        return "the account works again: units start, few at first"
    if gate.state is GateState.PROBING:
        return f"{gate.reason}: this unit tries whether it is over"
    if gate.until is None:
        return f"{gate.reason}: no unit starts until a person resumes"
    return f"{gate.reason}: no unit starts before {gate.until.astimezone():%Y-%m-%d %H:%M:%S}"
