"""The least that agents must be allowed: rules made of what they were denied, approved one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from abp_tui.domain.model import Attempt, Job, Recipe
from abp_tui.domain.status import Verdict
from abp_tui.errors import InvalidInput
from abp_tui.verbs.base import Ref
from abp_tui.verbs.editing import Editing
from abp_tui.words import counted
from abp_tui.workers.base import make_worker

LOOKED_AT = 100  # blocked units


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule that would have let pass what `units` units were denied; `denied` is what the first one was."""

    rule: str
    units: int
    denied: str

    @property
    def words(self) -> str:
        """Why it is proposed, in one line."""
        return f"{counted(self.units, 'unit')} wanted it: {self.denied}"


class Permits(Editing):
    """See what was denied, and allow some of it."""

    def proposed_rules(self, job_id: Ref) -> tuple[Proposal, ...]:
        """The smallest set of rules that would have let the test and the blocked units pass.

        Those that the job has already are left out. Nothing where its worker has no rules.
        """
        job = self.repository.jobs.find(job_id)
        worker = self._worker or make_worker(job.worker, job.recipe.worker_options)
        has = worker.rules()
        found: dict[str, Proposal] = {}
        for attempt in self._denied(job):
            assert attempt.outcome is not None, "it was denied something"
            payload = self.repository.units.get(job.id, attempt.seq).payload
            seen = set[str]()
            for denial in attempt.outcome.denials:
                for rule in worker.rules_for((denial,), payload):
                    if rule in has or rule in seen:
                        continue
                    seen.add(rule)
                    denied = f"{denial.tool} {denial.detail}".strip()
                    before = found.get(rule) or Proposal(rule, 0, denied)
                    found[rule] = Proposal(rule, before.units + 1, before.denied)
        return tuple(sorted(found.values(), key=lambda proposal: -proposal.units))

    def permit(self, job_id: Ref, rules: Sequence[str], *, based_on: int | None = None) -> Recipe:
        """Allow this, beside what is allowed already, in a new version of the recipe.

        Raises `InvalidInput` where the job's worker has no rules.
        """
        job = self.repository.jobs.find(job_id)
        worker = self._worker or make_worker(job.worker, job.recipe.worker_options)
        if worker.rules_option is None:
            hint = "its permissions are what its program has"
            raise InvalidInput(f"the worker {job.worker} takes no rules", hint)
        option = worker.rules_option
        old = self.repository.recipes.get(job.id, based_on) if based_on else job.recipe
        allowed = list(
            dict.fromkeys([*old.worker_options.get(option, ()), *(rule.strip() for rule in rules)])
        )
        return self.edit_recipe(job.id, worker_options={option: allowed}, based_on=based_on)

    def _denied(self, job: Job) -> list[Attempt]:
        """The newest test and the last attempts of blocked units, where they were denied something."""
        units = self.repository.units
        seqs = [
            line.seq
            for line in units.lines_in(job.id, "suspect", limit=LOOKED_AT)
            if line.verdict is Verdict.BLOCKED
        ]
        last = [self.repository.attempts.of_unit(job.id, seq)[-1] for seq in seqs]
        test = self.repository.attempts.latest_test(job.id)
        attempts = {attempt.id: attempt for attempt in ([test] if test else []) + last}
        return [a for a in attempts.values() if a.outcome is not None and a.outcome.denials]
