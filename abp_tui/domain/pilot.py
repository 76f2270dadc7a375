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
    def failed(self) -> bool:
        """Whether it failed, or a person says that what came of it is no good."""
        return self.status is UnitStatus.FAILED or (self.ended and self.mark is Mark.FAIL)

    @property
    def doubtful(self) -> bool:
        """Whether it is in doubt; a person's own mark stands above the verdict."""
        if self.status is not UnitStatus.COMPLETED or self.mark in (Mark.PASS, Mark.FAIL):
            return False
        return self.mark is Mark.DOUBTFUL or self.verdict in (Verdict.SUSPECT, Verdict.BLOCKED)

    @property
    def good(self) -> bool:
        """Whether it has come to an end that neither its checks nor a person doubts."""
        return self.ended and not self.failed and not self.doubtful
