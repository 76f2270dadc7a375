"""Testing one unit, and deciding on what came of it."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

from abp_tui.creation import Plan, check_limits, fill
from abp_tui.domain.model import Job, Question, TestResult
from abp_tui.domain.status import JobStatus, Phase, UnitStatus
from abp_tui.enumerators.base import make_enumerator
from abp_tui.errors import IllegalTransition, InvalidInput, NotFound
from abp_tui.execution.lease import lease_lives
from abp_tui.verbs.base import Ref, next_step
from abp_tui.verbs.piloting import Piloting
from abp_tui.views import view_job

if TYPE_CHECKING:
    from abp_tui.execution.loop import Callbacks


class Testing(Piloting):
    """Test, look at the result, approve, reject."""

    def start_job(
        self, job_id: Ref, approve: bool | None = None, skip_test: bool = False
    ) -> TestResult | Job:
        """Take the next step of a job: test a CREATED one, or approve or reject one that was tested.

        The test runs in this process, to its end, and its whole result is returned. With `skip_test`, or
        where the settings say so, a CREATED job goes straight to RUNNING; then, and after an approval or
        a rejection, the job is returned.
        """
        return self._untested(job_id, approve, skip_test) or self.test(job_id)

    def launch_job(self, job_id: Ref, approve: bool | None = None, skip_test: bool = False) -> Job:
        """Take the next step of a job as `start_job` does, but test in a detached process."""
        return self._untested(job_id, approve, skip_test) or self.launch_test(job_id)

    def _untested(self, job_id: Ref, approve: bool | None, skip_test: bool) -> Job | None:
        """The next step of a job where that is no test, else None. A setting skips no test of a program's."""
        job = self.repository.jobs.find(job_id)
        if job.status is JobStatus.TESTING and approve is not None:
            return self.approve(job.id) if approve else self.reject(job.id)
        if job.status is JobStatus.CREATED and approve is not None:
            self._refuse_held(job)
            raise IllegalTransition(f"job {job.name} has not been tested", "start it without `approve` first")
        by_setting = self.settings.skip_test and self.client is None
        if skip_test or (job.status is JobStatus.CREATED and by_setting):
            return self.skip_test(job.id)
        return None

    def test(self, job_id: Ref, seq: int | None = None, callbacks: Callbacks | None = None) -> TestResult:
        """Run one unit in this process, by default the first that waits, and return all that came of it.

        A test or pilot that waits for review is set aside if another unit is named: what is good stays.
        """
        from abp_tui.execution.executor import JobExecutor  # faces that run nothing themselves start without

        job, seq = self._prepare_test(job_id, seq)
        JobExecutor(self.repository, job.id, self._worker, callbacks).run_test(seq)
        result = self.test_result(job.id)
        assert result is not None, "run_test has recorded an attempt"
        return result

    def launch_test(self, job_id: Ref, seq: int | None = None) -> Job:
        """Run one unit as `test` does, but in a detached process: follow it in the store."""
        from abp_tui.execution.launch import launch_executor

        job, seq = self._prepare_test(job_id, seq)
        return launch_executor(self.repository, job, test_seq=seq)

    def launch_next_test(self, job_id: Ref, after: int) -> Job:
        """Test, as `launch_test` does, the next waiting unit behind seq `after`, or else the first one."""
        job = self.repository.jobs.find(job_id)
        units = self.repository.units
        waiting = units.page(job.id, after=after, limit=1, status=UnitStatus.PENDING)
        unit = waiting[0] if waiting else units.first_pending(job.id)
        if unit is None:
            raise NotFound("no other unit waits", "approve or reject this one")
        return self.launch_test(job.id, unit.seq)

    def test_result(self, job_id: Ref) -> TestResult | None:
        """The newest test of a job, running or ended; None if there was none."""
        job = self.repository.jobs.find(job_id)
        attempt = self.repository.attempts.latest_test(job.id)
        if attempt is None:
            return None
        unit = self.repository.units.get(job.id, attempt.seq)
        events = tuple(self.repository.attempts.events(attempt.id))
        return TestResult(job=job, unit=unit, attempt=attempt, events=events)

    def answer(self, job_id: Ref, choice: str, *, seen: Question | None = None) -> Question:
        """Answer what the agent under test asks, by an option's number or its words; returns it answered.

        `seen` is the question that the person has read. Raises `IllegalTransition` where nothing is asked,
        that is over, or somebody else was quicker.
        """
        job = self.repository.jobs.find(job_id)
        question = seen or job.question
        if question is None or not lease_lives(job):
            raise IllegalTransition(f"job {job.name} asks nothing", next_step(job))
        option = _chosen(question, choice)
        over = job.question is None or job.question.id != question.id
        if over or not self.repository.questions.answer(question.id, option):
            raise IllegalTransition(f"the question of job {job.name} is over", f"see `abp show {job.name}`")
        return question.model_copy(update={"answer": option})

    def approve(self, job_id: Ref, *, budget: float | str | None = None) -> Job:
        """Let the batch run after its test or pilot. What completed there is a result, what failed goes back.

        A person's marks on the units of a pilot stand above that: see `mark`. `budget` is what the job may
        cost in USD, or `quote` for the upper end of the pilot's quote.

        A held job may be tested from then on; where its source was held, its items are looked for now.
        """
        job = self.repository.jobs.find(job_id)
        if job.held:
            return self._allow(job)
        if job.status is not JobStatus.TESTING:
            raise IllegalTransition(
                f"job {job.name} is {job.status}: there is no test to approve", next_step(job)
            )
        self._refuse_while_testing(job, "approved")
        self._refuse_after_a_broken_test(job)
        self._require_person(job, "the batch", f"abp approve {job.ref}")
        self._recover(job)
        self._refuse_where_edited(job)
        budget_usd = None if budget is None else self._budget(job, budget)
        check_limits(None, None, budget_usd)
        with self.repository.transaction():
            self._refuse_where_edited(self.repository.jobs.get(job.id))  # by now, too
            job = self.repository.jobs.move(
                job.id,
                JobStatus.RUNNING,
                expect=JobStatus.TESTING,
                said=self._approved(budget_usd),
                approved_at=time.time(),
            )
            self.repository.jobs.set_limits(job.id, budget_usd=budget_usd)
            self._decide_on_tried(job)
        return self._launch_or_pause(self.repository.jobs.get(job.id))

    def _approved(self, budget_usd: float | None) -> str:
        """What the log says of an approval."""
        by = f" by {self.client.name}" if self.client else ""
        return f"approved{by}" + ("" if budget_usd is None else f", with a budget of ${budget_usd:g}")

    def _allow(self, job: Job) -> Job:
        """A person has read what a program asks for, and lets it run."""
        if self._must_ask:
            self._refuse_held(job)
        plan = self._plan_of(job) if job.ready_at is None else None
        if not self.repository.jobs.hold(job.id, job.held, ()):
            raise IllegalTransition(f"job {job.name} was changed in the meantime", "look at it again")
        try:
            if plan is not None:
                fill(self.repository, job, plan, self._synthesizer)
        except BaseException:
            self.repository.jobs.hold(job.id, (), job.held)
            raise
        self._remember_approval(job)
        return self.repository.jobs.get(job.id)

    def _remember_approval(self, job: Job) -> None:
        what = json.dumps([self.repository.uuid, job.ref, job.client, *job.held], ensure_ascii=False)
        sha256 = hashlib.sha256(what.encode("utf-8", "replace")).hexdigest()
        self.repository.approvals.add("job", sha256, what)
        self.repository.logs.add(job.id, f"a person approved what {job.client} asked for")

    def _plan_of(self, job: Job) -> Plan:
        """The plan of a job whose items are still to be found; the code of its source is approved with it."""
        source = make_enumerator(job.enumerator_type, job.enumerator_config)
        if (wanted := source.approval()) is not None:
            source.approve(wanted.sha256)
        return Plan(
            name=job.name,
            user_intent=job.intent,
            enumerator=source,
            worker=self._build_worker(job.worker, job.recipe.worker_options),
            worker_options=job.recipe.worker_options,
            timers=job.recipe.timers,
            cwd=job.cwd,
            max_workers=job.max_workers,
            max_retries=job.max_retries,
            prompt_template=job.prompt_template or None,
            checks=job.recipe.checks,
            output_schema=job.recipe.output_schema,
            post_processing_prompt=job.post_processing_prompt,
        )

    def reject(self, job_id: Ref) -> Job:
        """Put the tested units back and make the job CREATED again; the next test takes the same unit."""
        job = self.repository.jobs.find(job_id)
        if job.status is not JobStatus.TESTING:
            raise IllegalTransition(
                f"job {job.name} is {job.status}: there is no test to reject", next_step(job)
            )
        self._refuse_while_testing(job, "rejected")
        self._recover(job)
        given_up = self.given_up(job.id)
        said = f"the test was rejected: {given_up}" if given_up else "the test was rejected"
        with self.repository.transaction():
            job = self.repository.jobs.move(job.id, JobStatus.CREATED, expect=JobStatus.TESTING, said=said)
            self._put_tried_back(job)
        return self.repository.jobs.get(job.id)

    def skip_test(self, job_id: Ref) -> Job:
        """Run the whole batch of a CREATED job without a test."""
        job = self._ready(job_id)
        if job.status is not JobStatus.CREATED:
            raise IllegalTransition(f"job {job.name} is {job.status}, not CREATED", next_step(job))
        self._require_person(job, "a start without a test", f"abp start {job.ref} --skip-test")
        self._require_worker(job)
        return self._run(job, "started without a test")

    def _prepare_test(self, job_id: Ref, seq: int | None) -> tuple[Job, int]:
        """The job, CREATED, and the unit to test.

        Of a test or pilot that waits for review the units are put back, but for what is good and paid for.
        """
        job = self._ready(job_id)
        if job.status is JobStatus.TESTING:
            if lease_lives(job):
                hint = f"watch it with `abp`, or end it with `abp stop {job.name}`"
                what = "test" if job.pilot_id is None else "pilot"
                raise IllegalTransition(f"a {what} of job {job.name} runs already", hint)
            if seq is None and view_job(job).phase is Phase.REVIEW:
                self._require_person(job, "the test", f"abp approve {job.ref}")
                hint = f"`abp approve {job.name}` or `abp reject {job.name}`"
                raise IllegalTransition(f"the test of job {job.name} waits for your review", hint)
            job = self._set_aside(job, seq)
        if job.status is not JobStatus.CREATED:
            raise IllegalTransition(f"job {job.name} is {job.status}, not CREATED", next_step(job))
        self._require_worker(job)
        self._put_tried_back(job, keep=self._stays(job, seq))
        if seq is None:
            seq = self._unit_to_test(job)
        elif self.repository.units.get(job.id, seq).status is not UnitStatus.PENDING:
            raise IllegalTransition(f"unit {seq} of job {job.name} does not wait", "name another unit")
        return job, seq

    def _set_aside(self, job: Job, seq: int | None) -> Job:
        """Have a job, whose test or pilot waits for review or broke off, CREATED for the test of a unit."""
        self._recover(job)
        said = "tested again" if seq is None else f"unit {seq} is tested next"
        given_up = self.given_up_by_test(job.id, seq)
        said = f"{said}; {given_up}" if given_up else said
        return self.repository.jobs.move(
            job.id, JobStatus.CREATED, expect=JobStatus.TESTING, said=f"the test was set aside: {said}"
        )

    def _unit_to_test(self, job: Job) -> int:
        """The unit of the last test, so that an edited prompt is judged on the same item; else the first."""
        last = self.repository.attempts.latest_test(job.id)
        if last and self.repository.units.get(job.id, last.seq).status is UnitStatus.PENDING:
            return last.seq
        first = self.repository.units.first_pending(job.id)
        if first is None:
            raise NotFound(f"no unit of job {job.name} waits", "see `abp units`")
        return first.seq


def _chosen(question: Question, choice: str) -> str:
    """The option that a person means; raises `InvalidInput`."""
    said = choice.strip()
    if said.isdecimal() and 1 <= int(said) <= len(question.options):
        return question.options[int(said) - 1]
    for option in question.options:
        if option.casefold() == said.casefold():
            return option
    listed = ", ".join(f"{n} {option}" for n, option in enumerate(question.options, 1))
    raise InvalidInput(f"{choice!r} is none of the options", listed)
