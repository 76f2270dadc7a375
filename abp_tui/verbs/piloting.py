"""Piloting: running a sample before the rest, marking what came of it, and what it says of the rest."""

from __future__ import annotations

import random
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from abp_tui.domain.model import Job
from abp_tui.domain.pilot import Decision, Pilot, Tried, decide, paid_words
from abp_tui.domain.pool import Trial, standing
from abp_tui.domain.quote import PilotReview, Quote, make_quote, rest_of
from abp_tui.domain.sample import MAX_SEED, SIZE, Sample
from abp_tui.domain.status import JobStatus, Mark
from abp_tui.errors import IllegalTransition, InvalidInput, NotFound
from abp_tui.execution.lease import lease_lives
from abp_tui.verbs.accepting import Accepting
from abp_tui.verbs.base import Ref, next_step
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.execution.loop import Callbacks

UNITS = 10
MOST_UNITS = 10_000
QUOTE = "quote"
IN_DOUBT = "a person was in doubt about it in the pilot"


class Piloting(Accepting):
    """Run a sample, mark it, and have the rest reckoned from it."""

    def pilot(
        self,
        job_id: Ref,
        count: int | None = None,
        by: str | None = None,
        seed: int | None = None,
        callbacks: Callbacks | None = None,
        *,
        whole: bool = False,
    ) -> PilotReview:
        """Run a sample of what waits in this process, and return all that a person judges it by.

        `by` is `size`, `type` or a field of the items; `seed` repeats a choice. Ten by size are chosen where
        nothing is said; but after an edit the units of the pilot before it, see `repeats`. The job is one
        whose test waits for review, and it stays so. A sample of all that waits needs `whole`.
        """
        from abp_tui.execution.executor import JobExecutor  # as all that runs units: when it is needed

        job, pilot = self._prepare_pilot(job_id, count, by, seed, whole)
        JobExecutor(self.repository, job.id, self._worker, callbacks).run_pilot(pilot.id)
        return self._review(self.repository.jobs.get(job.id), pilot.id)

    def launch_pilot(
        self,
        job_id: Ref,
        count: int | None = None,
        by: str | None = None,
        seed: int | None = None,
        *,
        whole: bool = False,
    ) -> Job:
        """Run a sample as `pilot` does, but in a detached process: follow it in the store.

        Raises `IllegalTransition` where somebody else has begun something with the job in the meantime.
        """
        from abp_tui.execution.launch import launch_executor

        job, pilot = self._prepare_pilot(job_id, count, by, seed, whole)
        job = launch_executor(self.repository, job, pilot_id=pilot.id)
        if job.pilot_id != pilot.id:
            raise IllegalTransition(f"somebody else runs job {job.name} by now", f"see `abp show {job.name}`")
        return job

    def repeats(self, job_id: Ref) -> Sample | None:
        """The sample that the next pilot runs again where nothing else is said, so that versions compare.

        It is that of the last pilot, as far as it waits, once the recipe has been edited; else None.
        """
        job = self.repository.jobs.find(job_id)
        pilots = self.repository.pilots.all(job.id)
        if not pilots or self._still_holds(job, pilots[-1].recipe_version):
            return None
        sample = pilots[-1].sample
        waiting = self.repository.units.waiting(job.id, sample.seqs)
        return sample.among(waiting) if waiting else None

    def decision(self, job_id: Ref) -> Decision:
        """What an approval makes of the units that were piloted."""
        return decide(self._tried(self.repository.jobs.find(job_id)))

    def given_up(self, job_id: Ref) -> str:
        """What a rejection gives up of its pilots, in words; empty where nothing."""
        job = self.repository.jobs.find(job_id)
        return _given_up(self._tried(job)) if job.status is JobStatus.TESTING else ""

    def given_up_by_test(self, job_id: Ref, seq: int | None = None) -> str:
        """What a test, of unit `seq` if one is named, gives up of a pilot, in words; empty where nothing.

        That is what was made with another version of the recipe, and the result of that unit itself.
        """
        job = self.repository.jobs.find(job_id)
        if job.status not in (JobStatus.TESTING, JobStatus.CREATED):
            return ""
        stays, kept = self._stays(job, seq), self.decision(job.id).kept
        return _given_up([unit for unit in self._tried(job) if unit.seq in kept and unit.seq not in stays])

    def pilots(self, job_id: Ref) -> list[Pilot]:
        """All pilots of a job, oldest first."""
        return self.repository.pilots.all(self.repository.jobs.find(job_id).id)

    def pilot_review(self, job_id: Ref, pilot_id: int | None = None) -> PilotReview:
        """The pilot that a job is at, or was approved with, or an earlier one; raises `NotFound`."""
        job = self.repository.jobs.find(job_id)
        if job.pilot_id is None:
            hint = f"`abp pilot {job.name}`" if job.status is JobStatus.TESTING else next_step(job)
            raise NotFound(f"job {job.name} has no pilot", hint)
        return self._review(job, pilot_id or job.pilot_id)

    def quote(self, job_id: Ref) -> Quote:
        """What the rest of a job may cost and take, by its pilot; raises `NotFound` where it has none."""
        return self.pilot_review(job_id).quote

    def offered_budget(self, job_id: Ref) -> float | None:
        """The upper end of the pilot's quote in USD, where a job has no budget of its own; else None."""
        job = self.repository.jobs.find(job_id)
        unlimited = job.status is JobStatus.TESTING and job.budget_usd is None
        return self.quote(job.id).budget_usd if unlimited and job.pilot_id is not None else None

    def mark(self, job_id: Ref, seq: int, mark: Mark | None) -> Tried:
        """Keep what a person thinks of a unit of the pilot, or with None take that back; returns it marked.

        An approval keeps what passed, also where its checks doubt it, keeps what is doubtful as suspect, and
        runs again what failed. What is not marked counts as it ended.
        """
        job = self.repository.jobs.find(job_id)
        if job.status is not JobStatus.TESTING or job.pilot_id is None:
            raise IllegalTransition(f"job {job.name} has no pilot to be marked", next_step(job))
        unit = next((unit for unit in self._tried(job) if unit.seq == seq), None)
        if unit is None:
            raise NotFound(f"unit {seq} of job {job.name} is in no pilot", f"see `abp quote {job.name}`")
        if not unit.ended or unit.attempt_id is None:
            raise IllegalTransition(f"unit {seq} of job {job.name} has not ended", "wait for it")
        self.repository.pilots.mark(unit.attempt_id, mark)
        return unit.model_copy(update={"mark": mark})

    def _prepare_pilot(
        self, job_id: Ref, count: int | None, by: str | None, seed: int | None, whole: bool
    ) -> tuple[Job, Pilot]:
        """The job, its test reviewed by nobody yet, and the sample drawn for it."""
        if count is not None and not 1 <= count <= MOST_UNITS:
            raise InvalidInput(f"a pilot of {count} units", f"run between 1 and {MOST_UNITS:,}")
        if seed is not None and not 0 <= seed <= MAX_SEED:
            raise InvalidInput(f"the seed is {seed}", f"it is between 0 and {MAX_SEED}")
        job = self._ready(job_id)
        if job.status is not JobStatus.TESTING:
            raise IllegalTransition(f"job {job.name} is {job.status}: no test waits for you", next_step(job))
        if lease_lives(job):
            what = "test" if job.pilot_id is None else "pilot"
            hint = f"wait for it, or end it with `abp stop {job.name}`"
            raise IllegalTransition(f"a {what} of job {job.name} runs already", hint)
        self._refuse_after_a_broken_test(job)
        self._require_person(job, "a pilot", f"abp pilot {job.ref}")
        self._recover(job)
        self._refuse_where_edited(job)
        self._require_worker(job)
        sample = self._sample(job, count, by, seed)
        if not sample.seqs:
            raise NotFound(f"no unit of job {job.name} waits", "see `abp units`")
        if sample.is_everything and not whole:
            all_of_it = f"a pilot of {sample.asked:,} would be the whole job {job.name}"
            waits = f"{counted(sample.waiting, 'unit')} {'waits' if sample.waiting == 1 else 'wait'}"
            raise InvalidInput(f"{all_of_it}: {waits}", "run fewer with -n, or all of them with --all")
        if whole and not sample.is_everything:
            hint = f"a pilot has {MOST_UNITS:,} at most"
            raise InvalidInput(f"{sample.waiting:,} units of job {job.name} wait: too many for a pilot", hint)
        return job, self.repository.pilots.add(job, sample)

    def _sample(self, job: Job, count: int | None, by: str | None, seed: int | None) -> Sample:
        again = self.repeats(job.id) if seed is None else None
        if again is not None and count in (None, again.asked) and by in (None, again.by):
            return again
        seed = random.SystemRandom().randint(0, MAX_SEED) if seed is None else seed
        return self.repository.pilots.draw(job.id, by or SIZE, count or UNITS, seed)

    def _refuse_after_a_broken_test(self, job: Job) -> None:
        if job.lease is not None and job.pilot_id is None:
            raise IllegalTransition(
                f"the test of job {job.name} broke off", f"test again: `abp test {job.name}`"
            )

    def _refuse_where_edited(self, job: Job) -> None:
        """Raise `IllegalTransition` where what was tried was tried with something else than would run now."""
        last = self.repository.attempts.latest_test(job.id)
        versions = {last.recipe_version} if last is not None else set()
        if job.pilot_id is not None:
            versions.add(self.repository.pilots.get(job.pilot_id).recipe_version)
        if not all(self._still_holds(job, version) for version in versions):
            hint = f"`abp reject {job.name}`, then `abp test {job.name}`"
            raise IllegalTransition(f"the prompt of job {job.name} was edited after its test", hint)

    def _still_holds(self, job: Job, version: int) -> bool:
        """Whether a test with this version of the recipe says what the newest one will do."""
        current = job.recipe
        return version == current.version or current.works_like(self.repository.recipes.get(job.id, version))

    def _review(self, job: Job, pilot_id: int) -> PilotReview:
        trials = self._trials(job)
        shown = next((trial for trial in trials if trial.pilot.id == pilot_id), None)
        if shown is None:
            raise NotFound(f"job {job.name} has no pilot {pilot_id}", f"see `abp quote {job.name}`")
        together = [shown] if shown.was_rejected else [t for t in trials if t is shown or t.stands]
        holds, rest = self._still_holds(job, shown.pilot.recipe_version), rest_of(job, standing(trials))
        return PilotReview(
            pilot=shown.pilot, units=shown.units, quote=make_quote(job, shown, together, rest, holds=holds)
        )

    def _trials(self, job: Job) -> list[Trial]:
        """All pilots of a job with their units, oldest first."""
        pilots = self.repository.pilots
        return [Trial(pilot=pilot, units=tuple(pilots.units(pilot))) for pilot in pilots.all(job.id)]

    def _tried(self, job: Job) -> list[Tried]:
        """What all pilots of this review have tried, and still stands."""
        return standing(self._trials(job))

    def _budget(self, job: Job, budget: float | str) -> float:
        """The budget in USD that a person means; raises `InvalidInput`."""
        if budget != QUOTE:
            return self._above_spent(job, float(budget))
        quote = self.quote(job.id)
        if quote.no_quote:
            raise InvalidInput(f"there is no quote for job {job.name}: {quote.no_quote}", "name a sum in USD")
        if quote.budget_usd is None:
            why = "cost is not known" if quote.cost_usd is None else "units cost nothing"
            why = why if quote.rest else "nothing is left to run"
            raise InvalidInput(f"job {job.name} needs no budget by its quote: {why}", "leave it out")
        return quote.budget_usd

    def _decide_on_tried(self, job: Job) -> None:
        """Keep the good results of test and pilot; what failed, or is marked so, waits again."""
        decision = self.decision(job.id)
        failed = self.repository.units.seqs_in(job.id, "failed")
        self.repository.units.put_back(job.id, sorted({*failed, *decision.again}))
        self.repository.units.doubt(job.id, decision.doubted, IN_DOUBT)
        if decision.accepted:
            self.accept(job.id, decision.accepted)
        if decision.words:
            self.repository.logs.add(job.id, decision.words)

    def _stays(self, job: Job, seq: int | None) -> frozenset[int]:
        """The tried units whose results are paid for and stay where unit `seq` is tested next.

        Those that an approval would keep, made with what would run now.
        """
        decision = self.decision(job.id)
        good = {*self.repository.units.seqs_in(job.id, "completed"), *decision.kept}
        asked_for = good - {*decision.again, seq}
        return frozenset(done for done in asked_for if self._still_holds(job, self._made_by(job, done)))

    def _made_by(self, job: Job, seq: int) -> int:
        return self.repository.attempts.of_unit(job.id, seq)[-1].recipe_version

    def _put_tried_back(self, job: Job, keep: Container[int] = ()) -> None:
        """Make all other units of test and pilot wait again: nothing else of a job under test has ended."""
        states = ("completed", "suspect", "failed")
        tried = [seq for state in states for seq in self.repository.units.seqs_in(job.id, state)]
        self.repository.units.put_back(job.id, [seq for seq in tried if seq not in keep])


def _given_up(tried: Sequence[Tried]) -> str:
    paid = paid_words(tried)
    return f"{paid} count no more: these units run again, their attempts stay on record" if paid else ""
