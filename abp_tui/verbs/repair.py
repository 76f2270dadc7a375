"""Repairing what ended badly, cause by cause."""

from __future__ import annotations

from collections.abc import Sequence

from abp_tui.account import account_name
from abp_tui.domain.model import Cause, Job, WorkUnit
from abp_tui.domain.status import JobStatus
from abp_tui.errors import IllegalTransition, InvalidInput, NotFound
from abp_tui.plugins import suggest
from abp_tui.verbs.base import Ref
from abp_tui.verbs.steering import Steering
from abp_tui.words import counted

LOGGED = 20  # numbers of units in a line of the log


class Repair(Steering):
    """See the causes; run the units of one again, all of them or one first, or accept them as they are."""

    def causes(self, job_id: Ref) -> list[Cause]:
        """Why units of the job have failed or are in doubt, the most frequent cause first."""
        job = self.repository.jobs.find(job_id)
        return self.repository.causes.of(job.id)

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

    def accept(self, job_id: Ref, seqs: Sequence[int]) -> Job:
        """Count suspect units as good from now on: a person has looked at them, and finds them so.

        What was found against them stays on them. Raises `IllegalTransition`, with nothing changed, for a
        unit that is not suspect, and `PersonNeeded` where a program asks.
        """
        job = self.repository.jobs.find(job_id)
        self._require_person(job, "accepting units", f"abp accept {job.ref}")
        seqs = sorted(set(seqs))
        if not seqs:
            raise InvalidInput("no unit is named", f"`abp units {job.name} --status suspect` lists them")
        with self.repository.transaction():
            for seq in seqs:
                _require_suspect(job, self.repository.units.get(job.id, seq))
            found = self.repository.units.get(job.id, seqs[0]).error
            who = account_name()
            self.repository.units.accept(job.id, seqs, who)
            self.repository.logs.add(job.id, f"{who} accepted {_named(seqs)}: {found}", seq=_only(seqs))
        return self.repository.jobs.get(job.id)

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


def _require_suspect(job: Job, unit: WorkUnit) -> None:
    if not unit.is_in_doubt:
        state = unit.status if unit.verdict is None else f"{unit.status}, {unit.verdict}"
        hint = f"`abp units {job.name} --status suspect` lists those that can be"
        raise IllegalTransition(
            f"unit {unit.seq} of job {job.name} is {state}: only a suspect one is accepted", hint
        )


def _named(seqs: Sequence[int]) -> str:
    if len(seqs) == 1:
        return f"unit {seqs[0]}"
    more = f" and {len(seqs) - LOGGED:,} more" if len(seqs) > LOGGED else ""
    return f"{counted(len(seqs), 'unit')} ({', '.join(map(str, seqs[:LOGGED]))}{more})"


def _only(seqs: Sequence[int]) -> int | None:
    return seqs[0] if len(seqs) == 1 else None
