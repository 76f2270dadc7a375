"""Repairing what ended badly, cause by cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from abp_tui.domain.model import Cause, Job, WorkUnit
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.errors import IllegalTransition, InvalidInput, NotFound
from abp_tui.plugins import suggest
from abp_tui.settling import is_run
from abp_tui.verbs.accepting import Accepting
from abp_tui.verbs.base import Ref
from abp_tui.verbs.steering import Steering
from abp_tui.views import view_job


@dataclass(frozen=True, slots=True)
class Tried:
    """The unit of a cause that ran before the others, and how many of those are `left`."""

    unit: WorkUnit
    left: int

    def lets_others_run(self, agreed: bool) -> bool:
        """Whether the others run now where a person has agreed beforehand: only if this one is good."""
        return agreed and self.unit.is_good and self.left > 0


class Repair(Steering, Accepting):
    """See the causes; run the units of one again, all of them or one first, or accept them as they are."""

    def causes(self, job_id: Ref) -> list[Cause]:
        """Why units of the job have failed or are in doubt, the most frequent cause first."""
        job = self.repository.jobs.find(job_id)
        return self.repository.causes.of(job.id)

    def causes_run_again(self, job_id: Ref) -> list[Cause]:
        """What the units that wait or run now were put back for, the most frequent cause first."""
        return self.repository.causes.run_again(self.repository.jobs.find(job_id).id)

    def cause(self, job_id: Ref, fingerprint: str) -> Cause:
        """The cause with this id, or the only one whose id begins so.

        Raises `NotFound` where no unit is left of it, and `InvalidInput` where several begin so.
        """
        job, causes = self.repository.jobs.find(job_id), self.causes(job_id)
        same = [cause for cause in causes if cause.fingerprint == fingerprint]
        found = same or [c for c in causes if fingerprint and c.fingerprint.startswith(fingerprint)]
        if len({cause.fingerprint for cause in found}) > 1:
            hint = ", ".join(dict.fromkeys(cause.fingerprint for cause in found))
            raise InvalidInput(f"several causes begin with {fingerprint!r}", hint)
        if found:
            return found[0]
        known = [cause.fingerprint for cause in causes]
        hint = suggest(fingerprint, known, lead="its causes are") if known else f"`abp show {job.name}`"
        gone = "they may have been run again since"
        raise NotFound(f"no unit of job {job.name} has ended for cause {fingerprint!r}: {gone}", hint)

    def retry_cause(self, job_id: Ref, fingerprint: str, *, nudge: str | None = None) -> Job:
        """Run the units again that ended for one cause, and no others; `nudge` as in `retry`.

        Raises `NotFound` where none is left, as after someone else's retry.
        """
        cause = self.cause(job_id, fingerprint).fingerprint
        return self._run_again(job_id, lambda job: self._units_of(job, cause), nudge)[0]

    def try_first(self, job_id: Ref, fingerprint: str, *, nudge: str | None = None) -> tuple[Job, int]:
        """Run one unit of a cause again, before all of them; returns the job and the unit's number.

        Where the job does not run, nothing else of it runs meanwhile.
        """
        job = self.repository.jobs.find(job_id)
        if job.status in (JobStatus.CREATED, JobStatus.TESTING):
            raise IllegalTransition(f"job {job.name} is {job.status}", "test it: `abp test`")
        cause = self.cause(job.id, fingerprint).fingerprint
        job, seqs = self._run_again(job.id, lambda job: self._units_of(job, cause)[:1], nudge, alone=True)
        return job, seqs[0]

    def tried(self, job: Job, seq: int, cause: str) -> Tried | None:
        """How the unit of `try_first` has ended, or its job without it; None as long as that is not known."""
        runs = is_run(view_job(self.repository.jobs.get(job.id)))  # first: the unit ends before its job
        unit = self.repository.units.get(job.id, seq)
        ended = unit.status in (UnitStatus.COMPLETED, UnitStatus.FAILED)
        goes_on = is_run(view_job(now := self.repository.jobs.get(job.id)))
        if runs and not (ended and (now.counters.pending or not goes_on)):
            return None
        return Tried(unit, len(self.repository.causes.seqs(job.id, cause)))

    def accept_cause(self, job_id: Ref, fingerprint: str) -> Job:
        """Accept, as `accept` does, all units that are in doubt for one cause.

        Raises `NotFound` where none is left, and `IllegalTransition` where they have failed.
        """
        job = self.repository.jobs.find(job_id)
        cause = self.cause(job.id, fingerprint).fingerprint
        return self.accept(job.id, self._units_of(job, cause))

    def _units_of(self, job: Job, cause: str) -> Sequence[int]:
        """The units that have ended for a cause; raises `NotFound` where none is left by now."""
        if seqs := sorted(self.repository.causes.seqs(job.id, cause)):
            return seqs
        hint = f"see what is left: `abp failures {job.name}`"
        raise NotFound(f"the units of cause {cause} have just been run again by someone else", hint)
