"""Counting as good what the checks doubt, and a person does not."""

from __future__ import annotations

from collections.abc import Sequence

from abp_tui.account import account_name
from abp_tui.domain.model import Job, WorkUnit
from abp_tui.errors import IllegalTransition, InvalidInput
from abp_tui.verbs.base import Ref, Verbs
from abp_tui.words import counted

LOGGED = 20  # numbers of units in a line of the log


class Accepting(Verbs):
    """A person's word above that of the checks."""

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
