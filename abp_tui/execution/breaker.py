"""Many failures in a row hold the job, rather than burn the items that are left."""

from __future__ import annotations

from abp_tui.domain.failure import POLICIES, FailureKind, Policy
from abp_tui.domain.status import Purpose, UnitStatus, Verdict
from abp_tui.store.claims import Finished
from abp_tui.words import counted


class Breaker:
    """Watches the ends of a job's attempts. `limit` different units that failed with no success between
    them are too many; 0 means that no number is.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failed: set[int] = set()

    def reason(self, end: Finished) -> str | None:
        """Take note of an end; why the job must be held because of it, or None."""
        if end.verdict is Verdict.OK:
            self._failed.clear()
        elif _counts(end):
            self._failed.add(end.claim.seq)
            if self._limit and len(self._failed) >= self._limit:
                have = "has" if len(self._failed) == 1 else "have"
                units = f"{counted(len(self._failed), 'unit')} in a row {have} failed"
                limit = f"its max_failures_in_row is {self._limit}, 0 is no limit"
                return f"{units} ({limit}), the last with: {end.outcome.error}"
        return None


def _counts(end: Finished) -> bool:
    """An agent that was kept from its work failed, too; one that was ended by us or by a person did not.

    What passes by itself counts only where the retries did not outlast it: a service that is busy for a
    moment fails all agents that happen to run. So does a limit of their account, which the gate is for.
    """
    kind = end.outcome.failure
    outside = kind in (FailureKind.TRANSIENT, FailureKind.NODE_LOST) or (
        kind is not None and POLICIES[kind] is Policy.GATE
    )
    passes = outside and end.unit_status is UnitStatus.PENDING
    return end.claim.purpose is not Purpose.TEST and kind is not FailureKind.INTERRUPTED and not passes
