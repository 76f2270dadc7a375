"""A pilot: a sample of a job's units, run before the rest so that a person can judge it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from abp_tui.domain.model import Frozen
from abp_tui.domain.sample import Sample
from abp_tui.domain.status import Mark, UnitStatus, Verdict
from abp_tui.words import counted


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


class Decision(Frozen):
    """What an approval makes of the units that were piloted, by number."""

    kept: tuple[int, ...] = Field(description="Their results stay, those in doubt as suspect.")
    accepted: tuple[int, ...] = Field(description="Of those, in doubt by their checks, but not by a person.")
    doubted: tuple[int, ...] = Field(description="Of those, the ones that a person doubts.")
    again: tuple[int, ...] = Field(description="They failed, or are marked so, and run again.")
    suspect: int = Field(description="How many of those kept are in doubt.")

    @property
    def words(self) -> str:
        """In a sentence; empty where nothing was piloted."""
        parts = [
            f"{counted(len(self.kept), 'result')} of the pilot {'stays' if len(self.kept) == 1 else 'stay'}",
            *[f"{len(self.accepted):,} of them accepted by your mark"] * bool(self.accepted),
            *[f"{self.suspect:,} of them in doubt"] * bool(self.suspect),
            *[f"{counted(len(self.again), 'unit')} {'runs' if len(self.again) == 1 else 'run'} again"]
            * bool(self.again),
        ]
        return ", ".join(parts) if self.kept or self.again else ""


def decide(tried: Sequence[Tried]) -> Decision:
    """What an approval makes of these, as they ended and as a person has marked them."""
    ended = [unit for unit in tried if unit.standing and unit.ended]
    kept = [unit for unit in ended if not unit.failed]
    doubts = (Verdict.SUSPECT, Verdict.BLOCKED)
    return Decision(
        kept=tuple(unit.seq for unit in kept),
        accepted=tuple(unit.seq for unit in kept if unit.mark is Mark.PASS and unit.verdict in doubts),
        doubted=tuple(unit.seq for unit in kept if unit.mark is Mark.DOUBTFUL),
        again=tuple(unit.seq for unit in ended if unit.failed),
        suspect=sum(unit.doubtful for unit in kept),
    )


def paid_words(tried: Sequence[Tried]) -> str:
    """The results that these are, and what was paid for them: `10 results of the pilot, paid with $0.10,`."""
    ended = [unit for unit in tried if unit.standing and unit.ended]
    costs = [unit.cost_usd for unit in ended if unit.cost_usd is not None]
    paid = f", paid with {'' if len(costs) == len(ended) else '≥ '}${sum(costs):.2f}," if costs else ""
    return f"{counted(len(ended), 'result')} of the pilot{paid}" if ended else ""


def judged(completed: bool, verdict: Verdict | None, mark: Mark | None) -> Mark:
    """What an attempt that has ended is worth: a person's own mark stands above the verdict of its checks.

    None that failed is good, whatever its mark.
    """
    if not completed:
        return Mark.FAIL
    return mark or (Mark.DOUBTFUL if verdict in (Verdict.SUSPECT, Verdict.BLOCKED) else Mark.PASS)
