"""The least that agents must be allowed: rules made of what they were denied, approved one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from abp_tui.domain.model import Denial, Recipe
from abp_tui.errors import InvalidInput
from abp_tui.verbs.base import Ref
from abp_tui.verbs.editing import Editing
from abp_tui.words import counted
from abp_tui.workers.base import make_worker
from abp_tui.workers.rules import own_names, short_values


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
        """The smallest set of rules that would have let pass what has not ended well so far.

        Those that the job has already are left out. Nothing where its worker has no rules.
        """
        job = self.repository.jobs.find(job_id)
        worker = self._worker or make_worker(job.worker, job.recipe.worker_options)
        has, wanted = worker.rules(), dict[str, _Wanted]()
        for payload, seq, denials in self.repository.attempts.denied(job.id, job.recipe.version):
            own = own_names(payload)
            for denial in denials:
                narrow = worker.rules_for((denial,), own)
                wide = worker.rules_for((denial,), (*own, *short_values(payload)))
                if len(wide) < len(narrow):  # two of them are one rule: it is wider than what it is made of
                    wide = narrow
                for rule, folded in zip(narrow, wide, strict=True):
                    if rule not in has and folded not in has:
                        wanted.setdefault(folded, _Wanted()).add(rule, seq, denial)
        found = [proposal for folded, each in wanted.items() for proposal in each.proposals(folded)]
        return tuple(sorted((p for p in found if p.rule not in has), key=lambda proposal: -proposal.units))

    def permit(self, job_id: Ref, rules: Sequence[str], *, based_on: int | None = None) -> Recipe:
        """Allow this, beside what is allowed already, in a new version of the recipe.

        Raises `InvalidInput` where the job's worker has no rules, and `EditConflict` where somebody else has
        saved an edit since these were read.
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
        return self.edit_recipe(job.id, worker_options={option: allowed}, based_on=old.version)


class _Wanted:
    """Rules that are one where what their items hold gives way, with the units that wanted them."""

    def __init__(self) -> None:
        self._units: dict[str, set[int]] = {}
        self._denied: dict[str, str] = {}

    def add(self, rule: str, seq: int, denial: Denial) -> None:
        """A unit wanted this."""
        self._units.setdefault(rule, set()).add(seq)
        self._denied.setdefault(rule, f"{denial.tool} {denial.detail}".strip())

    def proposals(self, folded: str) -> Iterator[Proposal]:
        """The folded rule, where several units tell that it is what they have in common; else each rule."""
        units = set[int]().union(*self._units.values())
        if len(self._units) > 1 and len(units) > 1:
            rule = _narrowed(folded, self._units)
            yield Proposal(rule, len(units), next(iter(self._denied.values())))
        else:
            yield from (Proposal(rule, len(seqs), self._denied[rule]) for rule, seqs in self._units.items())


def _narrowed(folded: str, rules: Iterable[str]) -> str:
    """The folded rule with what is the same in all of these rules in place of its `*`."""
    pieces = folded.split("*")
    form = re.compile("(.*)".join(map(re.escape, pieces)), re.DOTALL)
    found = [match.groups() for rule in rules if (match := form.fullmatch(rule))]
    same = [texts[0] if len(set(texts)) == 1 else "*" for texts in zip(*found, strict=True)]
    return "".join(chain.from_iterable(zip_longest(pieces, same, fillvalue="")))
