"""A pilot: a sample of a job's units, run before the rest so that a person can judge it."""

from __future__ import annotations

from datetime import datetime

from abp_tui.domain.model import Frozen
from abp_tui.domain.sample import Sample
from abp_tui.domain.status import Mark, UnitStatus, Verdict


class Pilot(Frozen):
    """A sample that was drawn for a job, with the version of the recipe that it is run with.

    Its attempts are those made as a pilot of its units behind `after_attempt`, up to `last_attempt` where a
    later pilot has followed.
    """

    id: int
    job_id: int
    recipe_version: int
    sample: Sample
    after_attempt: int
    last_attempt: int | None = None
    created_at: datetime


class Tried(Frozen):
    """A unit of a pilot, as its attempt there ended, whatever has become of the unit since.

    `status` is PENDING where no attempt has come to an end of its own, `note` begins its error or output.
    `standing` says whether the unit still has what came of it.
    """

    seq: int
    key: str
    status: UnitStatus
    attempt_id: int | None = None
    verdict: Verdict | None = None
    mark: Mark | None = None
    cost_usd: float | None = None
    duration_s: float | None = None
    note: str = ""
    standing: bool = False

    @property
    def ended(self) -> bool:
        """Whether it has come to an end."""
        return self.status in (UnitStatus.COMPLETED, UnitStatus.FAILED)

    @property
    def came_to(self) -> Mark | None:
        """What it is worth, by `judged`; None before it has ended."""
        return judged(self.status is UnitStatus.COMPLETED, self.verdict, self.mark) if self.ended else None

    @property
    def failed(self) -> bool:
        """Whether it failed, or a person says that what came of it is no good."""
        return self.came_to is Mark.FAIL

    @property
    def doubtful(self) -> bool:
        """Whether it is in doubt."""
        return self.came_to is Mark.DOUBTFUL


def judged(completed: bool, verdict: Verdict | None, mark: Mark | None) -> Mark:
    """What an attempt that has ended is worth: a person's own mark stands above the verdict of its checks.

    None that failed is good, whatever its mark.
    """
    if not completed:
        return Mark.FAIL
    return mark or (Mark.DOUBTFUL if verdict in (Verdict.SUSPECT, Verdict.BLOCKED) else Mark.PASS)
