"""The verbs: what a person, a script or an assistant can do with jobs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from abp_tui.creation import Plan, Preview, check_limits, check_prompt, create, preview
from abp_tui.domain.model import Job, Recipe, TestResult, Timers
from abp_tui.domain.prompt import PromptSynthesizer, PromptTemplate
from abp_tui.domain.status import Desired, JobStatus, Phase, UnitStatus
from abp_tui.enumerators.base import make_enumerator
from abp_tui.errors import AbpError, IllegalTransition, InvalidInput, LeaseHeld, NotFound
from abp_tui.execution.executor import JobExecutor, recovered_journal
from abp_tui.execution.launch import launch_executor
from abp_tui.execution.lease import lease_lives, take_lease
from abp_tui.execution.loop import Callbacks
from abp_tui.liveness import Liveness, judge
from abp_tui.plugins import explain
from abp_tui.settings import Settings, load_settings
from abp_tui.store.repository import Repository
from abp_tui.views import JobView, view_job
from abp_tui.workers.base import Worker, make_worker

Ref = int | str

LAUNCH_S = 3.0  # within which an executor just started owns its job
LOOK_S = 0.05


class Orchestrator:
    """Every verb, over one repository. Jobs are named by number, `j12` or name.

    A `worker` given here runs the tests in this process, and is for callers that run the batch with a
    `JobExecutor` of their own: nothing is launched. Without one, workers are built from the job's worker
    name and options, and the batch runs in a detached process.
    """

    def __init__(
        self,
        repository: Repository,
        worker: Worker[Any] | None = None,
        synthesizer: PromptSynthesizer | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.repository = repository
        self._worker = worker
        self._synthesizer = synthesizer or PromptSynthesizer()
        self.settings = settings or load_settings()

    # Making a job

    def plan(
        self,
        name: str,
        user_intent: str,
        enumerator_type: str,
        enumerator_config: Mapping[str, Any],
        *,
        prompt_template: str | None = None,
        worker: str | None = None,
        worker_options: Mapping[str, Any] | None = None,
        max_workers: int | None = None,
        max_retries: int | None = None,
        timeout: float | None = None,
        budget_usd: float | None = None,
        output_schema: Mapping[str, Any] | None = None,
        post_processing_prompt: str | None = None,
        cwd: str | Path | None = None,
    ) -> Plan:
        """Build what a job is made of and write nothing; raises `NotFound` or `InvalidInput`.

        `timeout` is the longest that one attempt may take, in seconds. `cwd` is where the agents run,
        by default this process's folder. What is left out comes from the settings.
        """
        agent = self._build_worker(worker, worker_options or {})
        total_s = self.settings.timeout_s if timeout is None else float(timeout)
        return Plan(
            name=name.strip(),
            user_intent=user_intent,
            enumerator=make_enumerator(enumerator_type, enumerator_config),
            enumerator_config=enumerator_config,
            worker=agent,
            worker_options=agent.options.model_dump(mode="json", exclude_defaults=True),
            timers=_timers(agent, total_s),
            cwd=str(Path(cwd or os.getcwd()).expanduser().absolute()),  # noqa: PTH109
            max_workers=self.settings.max_workers if max_workers is None else max_workers,
            max_retries=self.settings.max_retries if max_retries is None else max_retries,
            prompt_template=prompt_template,
            budget_usd=budget_usd,
            output_schema=output_schema,
            post_processing_prompt=post_processing_prompt,
        )

    def preview(self, plan: Plan, first: int = 5) -> Preview:
        """What `create_planned` would make of a plan: count, first items, their prompts, warnings."""
        return preview(plan, self._synthesizer, first)

    def create_planned(self, plan: Plan) -> Job:
        """Write the job of a plan with all its units; raises `InvalidInput` and then leaves nothing."""
        return create(self.repository, plan, self._synthesizer)

    def create_job(
        self,
        name: str,
        user_intent: str,
        enumerator_type: str,
        enumerator_config: Mapping[str, Any],
        *,
        prompt_template: str | None = None,
        worker: str | None = None,
        worker_options: Mapping[str, Any] | None = None,
        max_workers: int | None = None,
        max_retries: int | None = None,
        timeout: float | None = None,
        budget_usd: float | None = None,
        output_schema: Mapping[str, Any] | None = None,
        post_processing_prompt: str | None = None,
        cwd: str | Path | None = None,
    ) -> Job:
        """`plan` and `create_planned` in one: returns the job with its prompt and counts."""
        plan = self.plan(
            name,
            user_intent,
            enumerator_type,
            enumerator_config,
            prompt_template=prompt_template,
            worker=worker,
            worker_options=worker_options,
            max_workers=max_workers,
            max_retries=max_retries,
            timeout=timeout,
            budget_usd=budget_usd,
            output_schema=output_schema,
            post_processing_prompt=post_processing_prompt,
            cwd=cwd,
        )
        return self.create_planned(plan)

    # Testing

    def start_job(
        self, job_id: Ref, approve: bool | None = None, skip_test: bool = False
    ) -> TestResult | Job:
        """Take the next step of a job: test a CREATED one, or approve or reject one that was tested.

        The test runs in this process, to its end, and its whole result is returned. With `skip_test`, or
        where the settings say so, a CREATED job goes straight to RUNNING; then, and after an approval or
        a rejection, the job is returned.
        """
        job = self.repository.jobs.find(job_id)
        if job.status is JobStatus.TESTING and approve is not None:
            return self.approve(job.id) if approve else self.reject(job.id)
        if job.status is JobStatus.CREATED and approve is not None:
            raise IllegalTransition(f"job {job.name} has not been tested", "start it without `approve` first")
        if skip_test or (job.status is JobStatus.CREATED and self.settings.skip_test):
            return self.skip_test(job.id)
        return self.test(job.id)

    def test(self, job_id: Ref, seq: int | None = None, callbacks: Callbacks | None = None) -> TestResult:
        """Run one unit in this process, by default the first that waits, and return all that came of it.

        A test that waits for review is rejected first if another unit is named.
        """
        job, seq = self._prepare_test(job_id, seq)
        JobExecutor(self.repository, job.id, self._worker, callbacks).run_test(seq)
        result = self.test_result(job.id)
        assert result is not None, "run_test has recorded an attempt"
        return result

    def launch_test(self, job_id: Ref, seq: int | None = None) -> Job:
        """Run one unit as `test` does, but in a detached process: follow it in the store."""
        job, seq = self._prepare_test(job_id, seq)
        return launch_executor(self.repository, job, test_seq=seq)

    def test_result(self, job_id: Ref) -> TestResult | None:
        """The newest test of a job, running or ended; None if there was none."""
        job = self.repository.jobs.find(job_id)
        attempt = self.repository.attempts.latest_test(job.id)
        if attempt is None:
            return None
        unit = self.repository.units.get(job.id, attempt.seq)
        events = tuple(self.repository.attempts.events(attempt.id))
        return TestResult(job=job, unit=unit, attempt=attempt, events=events)

    def cancel_test(self, job_id: Ref) -> Job:
        """End a running test; the job becomes CREATED again."""
        job = self.repository.jobs.find(job_id)
        if job.status is not JobStatus.TESTING or job.lease is None:
            raise IllegalTransition(f"job {job.name} has no test running", "start one with `abp test`")
        return self._ask(job, Desired.STOP)

    # Deciding

    def approve(self, job_id: Ref) -> Job:
        """Let the batch run after its test. A completed test unit is a result; a failed one goes back."""
        job = self.repository.jobs.find(job_id)
        if job.status is not JobStatus.TESTING:
            raise IllegalTransition(
                f"job {job.name} is {job.status}: there is no test to approve", _next(job)
            )
        self._refuse_while_testing(job, "approved")
        if job.lease is not None:
            raise IllegalTransition(
                f"the test of job {job.name} broke off", f"test again: `abp test {job.name}`"
            )
        last = self.repository.attempts.latest_test(job.id)
        if last is not None and last.recipe_version != job.recipe.version:
            hint = f"`abp reject {job.name}`, then `abp test {job.name}`"
            raise IllegalTransition(f"the prompt of job {job.name} was edited after its test", hint)
        with self.repository.transaction():
            job = self.repository.jobs.move(
                job.id,
                JobStatus.RUNNING,
                expect=JobStatus.TESTING,
                said="approved",
                approved_at=time.time(),
            )
            self._put_tested_back(job, UnitStatus.FAILED)
        return self._launch_or_pause(job)

    def reject(self, job_id: Ref) -> Job:
        """Put the tested unit back and make the job CREATED again; the next test takes the same unit."""
        job = self.repository.jobs.find(job_id)
        if job.status is not JobStatus.TESTING:
            raise IllegalTransition(f"job {job.name} is {job.status}: there is no test to reject", _next(job))
        self._refuse_while_testing(job, "rejected")
        self._recover(job)
        with self.repository.transaction():
            job = self.repository.jobs.move(
                job.id, JobStatus.CREATED, expect=JobStatus.TESTING, said="the test was rejected"
            )
            self._put_tested_back(job, UnitStatus.COMPLETED, UnitStatus.FAILED)
        return job

    def skip_test(self, job_id: Ref) -> Job:
        """Run the whole batch of a CREATED job without a test."""
        job = self._ready(job_id)
        if job.status is not JobStatus.CREATED:
            raise IllegalTransition(f"job {job.name} is {job.status}, not CREATED", _next(job))
        self._require_worker(job)
        return self._run(job, "started without a test")

    def set_prompt(self, job_id: Ref, prompt_template: str, *, based_on: int | None = None) -> Recipe:
        """Save a new version of the prompt; it is used from the next start on.

        Raises `InvalidInput` for a field that the items don't have, and `IllegalTransition` where
        `based_on` is no longer the newest version.
        """
        job = self.repository.jobs.find(job_id)
        if job.status.ended:
            raise IllegalTransition(f"job {job.name} is {job.status}", "make a new job with the new prompt")
        check_prompt(prompt_template)
        first = self.repository.units.page(job.id, limit=100)
        template = PromptTemplate(prompt_template)
        template.check(tuple(dict.fromkeys(field for unit in first for field in unit.payload)))
        base = job.recipe if based_on is None else self.repository.recipes.get(job.id, based_on)
        recipe = self.repository.recipes.add(base, prompt_template=template.text)
        self.repository.logs.add(job.id, f"version {recipe.version} of the prompt was saved")
        return recipe

    # Steering

    def pause(self, job_id: Ref) -> Job:
        """Let running units finish and claim no more."""
        return self._end(job_id, Desired.PAUSE)

    def stop(self, job_id: Ref) -> Job:
        """End running agents now; their units wait again."""
        return self._end(job_id, Desired.STOP)

    def resume(self, job_id: Ref, *, force: bool = False) -> Job:
        """Go on with a paused or interrupted job. One that runs goes on, also where it was about to pause.

        `force` ends an executor that lives but does not answer, and puts another one in its place.
        """
        job = self.repository.jobs.find(job_id)
        if job.status is JobStatus.RUNNING:
            state = judge(job.lease) if job.lease else Liveness.DEAD
            if state is Liveness.STALLED and not force:
                hint = f"wait, or end it with `abp resume {job.name} --force`"
                raise LeaseHeld(f"the executor of job {job.name} lives but does not answer", hint)
            job = job if job.desired is Desired.RUN else self._ask(job, Desired.RUN)
            goes_on = state in (Liveness.ALIVE, Liveness.ELSEWHERE) and not force
            return job if goes_on else self._launch(job, force=force)
        if job.status is not JobStatus.PAUSED:
            raise IllegalTransition(f"job {job.name} is {job.status}, not PAUSED", _next(job))
        return self._run(job, "resumed")

    def retry(self, job_id: Ref, seqs: Sequence[int] | None = None) -> Job:
        """Run ended units again, by default all failed and suspect ones."""
        job = self.repository.jobs.find(job_id)
        if job.status not in (JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.COMPLETED, JobStatus.FAILED):
            raise IllegalTransition(f"job {job.name} is {job.status}: nothing has failed yet", _next(job))
        if seqs is None:
            states = ("failed", "suspect")
            seqs = [seq for state in states for seq in self.repository.units.seqs_in(job.id, state)]
        if not seqs:
            raise InvalidInput(f"job {job.name} has no failed or suspect units", "name one with --unit")
        for seq in seqs:
            self.repository.units.get(job.id, seq)
        with self.repository.transaction():
            job = self.repository.jobs.get(job.id)  # it may have ended in the meantime
            runs = job.status is JobStatus.RUNNING
            job = job if runs else self.repository.jobs.move(job.id, JobStatus.RUNNING)
            self.repository.units.put_back(job.id, seqs)
            self.repository.logs.add(job.id, f"{len(seqs)} ended units are run again")
        return self.resume(job.id) if runs else self._launch_or_pause(job)

    def set_workers(self, job_id: Ref, workers: int) -> Job:
        """Change how many units run at a time, at once if the job runs."""
        check_limits(max_workers=workers)
        job = self.repository.jobs.find(job_id)
        self.repository.jobs.ask(job.id, workers=workers)
        return self.repository.jobs.get(job.id)

    def set_limits(
        self, job_id: Ref, *, max_retries: int | None = None, budget_usd: float | None = None
    ) -> Job:
        """Change how often units are tried and what the job may cost; holds from the next start on."""
        check_limits(max_retries=max_retries, budget_usd=budget_usd)
        job = self.repository.jobs.find(job_id)
        self.repository.jobs.set_limits(job.id, max_retries=max_retries, budget_usd=budget_usd)
        return self.repository.jobs.get(job.id)

    def remove(self, job_id: Ref) -> Job:
        """Delete a job with all its results and return what it was; raises `LeaseHeld` while it is run."""
        job = self.repository.jobs.find(job_id)
        if lease_lives(job):
            raise LeaseHeld(f"job {job.name} is being run", "stop it first")
        self._recover(job)
        self.repository.jobs.remove(job.id)
        return job

    # Looking

    def status(self, job_id: Ref) -> JobView:
        """A job as the faces show it, with its phase."""
        return view_job(self.repository.jobs.find(job_id))

    def list_jobs(self) -> list[JobView]:
        """All jobs, newest first."""
        return [view_job(job) for job in self.repository.jobs.all()]

    # What the verbs share

    def _build_worker(self, name: str | None, options: Mapping[str, Any]) -> Worker[Any]:
        if self._worker is not None and name in (None, self._worker.name):
            return self._worker
        return make_worker(name or "claude", options)

    def _require_worker(self, job: Job) -> None:
        """Raise `WorkerUnavailable` where the job's agent is not on this machine."""
        if self._worker is None:
            make_worker(job.worker, job.recipe.worker_options).require()

    def _ready(self, job_id: Ref) -> Job:
        job = self.repository.jobs.find(job_id)
        if job.ready_at is None:
            hint = f"if that was broken off, remove it: `abp rm {job.name}`"
            raise IllegalTransition(f"the items of job {job.name} are still being enumerated", hint)
        return job

    def _prepare_test(self, job_id: Ref, seq: int | None) -> tuple[Job, int]:
        """The job, CREATED, and the unit to test; a test that waits for review is rejected first."""
        job = self._ready(job_id)
        if job.status is JobStatus.TESTING:
            if lease_lives(job):
                hint = f"watch it with `abp`, or end it with `abp stop {job.name}`"
                raise IllegalTransition(f"a test of job {job.name} runs already", hint)
            if seq is None and view_job(job).phase is Phase.REVIEW:
                hint = f"`abp approve {job.name}` or `abp reject {job.name}`"
                raise IllegalTransition(f"the test of job {job.name} waits for your review", hint)
            job = self.reject(job.id)
        if job.status is not JobStatus.CREATED:
            raise IllegalTransition(f"job {job.name} is {job.status}, not CREATED", _next(job))
        self._require_worker(job)
        if seq is None:
            seq = self._unit_to_test(job)
        elif self.repository.units.get(job.id, seq).status is not UnitStatus.PENDING:
            raise IllegalTransition(f"unit {seq} of job {job.name} does not wait", "name another unit")
        return job, seq

    def _unit_to_test(self, job: Job) -> int:
        """The unit of the last test, so that an edited prompt is judged on the same item; else the first."""
        last = self.repository.attempts.latest_test(job.id)
        if last and self.repository.units.get(job.id, last.seq).status is UnitStatus.PENDING:
            return last.seq
        first = self.repository.units.first_pending(job.id)
        if first is None:
            raise NotFound(f"no unit of job {job.name} waits", "see `abp units`")
        return first.seq

    def _put_tested_back(self, job: Job, *statuses: UnitStatus) -> None:
        """Make the unit of the last test wait again, if it is in one of these states."""
        last = self.repository.attempts.latest_test(job.id)
        if last and self.repository.units.get(job.id, last.seq).status in statuses:
            self.repository.units.put_back(job.id, [last.seq])

    def _refuse_while_testing(self, job: Job, what: str) -> None:
        if lease_lives(job):
            raise IllegalTransition(
                f"the test of job {job.name} still runs and can't be {what} yet", "wait for it, or stop it"
            )

    def _recover(self, job: Job) -> None:
        """Put back what a dead executor left behind, as this process; nothing where nobody died."""
        if job.lease is None and not self.repository.attempts.running(job.id):
            return
        lease = take_lease(self.repository, job)
        try:
            with recovered_journal(self.repository, job.id, lease):
                pass
        finally:
            self.repository.leases.release(job.id, lease.executor)

    def _run(self, job: Job, said: str) -> Job:
        job = self.repository.jobs.move(job.id, JobStatus.RUNNING, expect=job.status, said=said)
        return self._launch_or_pause(job)

    def _launch_or_pause(self, job: Job) -> Job:
        """Start the executor of a job just made RUNNING; where that fails it is PAUSED, saying why."""
        try:
            return self._launch(job)
        except AbpError as error:
            reason = error.message
            self.repository.jobs.move(job.id, JobStatus.PAUSED, pause_reason=reason, said=f"paused: {reason}")
            raise

    def _launch(self, job: Job, *, force: bool = False) -> Job:
        if self._worker is not None:
            return job
        return launch_executor(self.repository, job, force=force)

    def _end(self, job_id: Ref, desired: Desired) -> Job:
        job = self.repository.jobs.find(job_id)
        if job.status is JobStatus.TESTING and lease_lives(job):
            return self.cancel_test(job.id)
        if job.status is not JobStatus.RUNNING:
            raise IllegalTransition(f"job {job.name} is {job.status}, not RUNNING", _next(job))
        job = self._ask(job, desired)
        if lease_lives(job) or self._begins(job):
            return self.repository.jobs.get(job.id)
        self._recover(job)
        reason = "its executor had died"
        return self.repository.jobs.move(
            job.id, JobStatus.PAUSED, expect=JobStatus.RUNNING, pause_reason=reason, said=f"paused: {reason}"
        )

    def _begins(self, job: Job) -> bool:
        """Whether an executor that is being launched takes a job without one, or has even ended it."""
        deadline = time.monotonic() + (LAUNCH_S if job.lease is None and self._worker is None else 0.0)
        while time.monotonic() < deadline:
            now = self.repository.jobs.get(job.id)
            if now.lease is not None or now.status is not JobStatus.RUNNING:
                return True
            time.sleep(LOOK_S)
        return False

    def _ask(self, job: Job, desired: Desired) -> Job:
        self.repository.jobs.ask(job.id, desired=desired)
        return self.repository.jobs.get(job.id)


def _timers(worker: Worker[Any], total_s: float) -> Timers:
    try:
        return Timers(**{**worker.default_timers.model_dump(), "total_s": total_s})
    except ValidationError as error:
        raise InvalidInput(f"the timeout: {explain(error)}", "seconds up to 30 days; 0 means none") from None


def _next(job: Job) -> str:
    """What can be done with a job as it is."""
    return {
        JobStatus.CREATED: f"test it first: `abp test {job.name}`",
        JobStatus.TESTING: f"`abp approve {job.name}` or `abp reject {job.name}`",
        JobStatus.RUNNING: f"watch it: `abp show {job.name}`",
        JobStatus.PAUSED: f"go on with `abp resume {job.name}`",
        JobStatus.COMPLETED: f"look at its results: `abp export {job.name} -o FILE`",
        JobStatus.FAILED: f"look at `abp units {job.name} --status failed`, then `abp retry {job.name}`",
    }[job.status]
