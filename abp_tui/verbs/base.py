"""What the verbs share: the store, the worker that was given, and a job's executor begun or put right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abp_tui.creation import check_limits
from abp_tui.domain.model import Client, Job
from abp_tui.domain.prompt import PromptSynthesizer
from abp_tui.domain.status import Desired, JobStatus
from abp_tui.errors import AbpError, IllegalTransition, InvalidInput, PersonNeeded
from abp_tui.execution.engines.choice import require
from abp_tui.execution.lease import lease_lives, take_lease
from abp_tui.liveness import Liveness, judge
from abp_tui.settings import Settings, load_settings
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Worker, make_worker

Ref = int | str


class Verbs:
    """Base of each group of verbs, over one repository.

    A `client` is a program that asks in place of a person: what only a person decides raises `PersonNeeded`.
    """

    def __init__(
        self,
        repository: Repository,
        worker: Worker[Any] | None = None,
        synthesizer: PromptSynthesizer | None = None,
        settings: Settings | None = None,
        client: Client | None = None,
    ) -> None:
        self.repository = repository
        self.client = client
        self._worker = worker
        self._synthesizer = synthesizer or PromptSynthesizer()
        self.settings = settings or load_settings()

    def _build_worker(self, name: str | None, options: Mapping[str, Any]) -> Worker[Any]:
        if self._worker is not None and name in (None, self._worker.name):
            return self._worker
        return make_worker(name or "claude", options)

    def _require_worker(self, job: Job) -> None:
        """Raise `WorkerUnavailable` where the job's agent, or the program of a check, is not here."""
        from abp_tui.execution.checks import require_checks

        require_checks(job.recipe.checks, job.cwd)
        if self._worker is None:
            make_worker(job.worker, job.recipe.worker_options).require()

    def _ready(self, job_id: Ref) -> Job:
        job = self.repository.jobs.find(job_id)
        self._refuse_held(job)
        if job.ready_at is None:
            hint = f"if that was broken off, remove it: `abp rm {job.name}`"
            raise IllegalTransition(f"the items of job {job.name} are still being enumerated", hint)
        return job

    @property
    def _must_ask(self) -> bool:
        """Whether a person decides, and not whoever asks."""
        return self.client is not None and not self.client.may_approve

    def _above_spent(self, job: Job, budget_usd: float) -> float:
        """The budget; raises `InvalidInput` where the job has cost as much by now."""
        check_limits(budget_usd=budget_usd)
        spent = job.cost_usd or 0.0
        if budget_usd <= spent:
            raise InvalidInput(
                f"the budget of ${budget_usd:g} is spent: job {job.name} has cost ${spent:.2f}",
                "it is for all of the job, what is spent included",
            )
        return budget_usd

    def _require_person(self, job: Job, what: str, command: str) -> None:
        """Raise `PersonNeeded` where a program asks for what only a person decides."""
        if self._must_ask:
            raise PersonNeeded(f"{what} of job {job.name} waits for a person", command)

    def _refuse_held(self, job: Job) -> None:
        """Raise `PersonNeeded` for a job of which nothing may run yet."""
        if job.held:
            reasons = "; ".join(job.held)
            message = f"job {job.name}, asked for by {job.client}, waits for a person: it {reasons}"
            raise PersonNeeded(message, f"abp approve {job.ref}")

    def _refuse_undoing(self, job: Job) -> None:
        """Raise `PersonNeeded` where a program would go on with what a person has paused or stopped."""
        if self._must_ask and _ended_by_person(job) and job.status in (JobStatus.RUNNING, JobStatus.PAUSED):
            message = f"job {job.name} was paused by a person, and waits for a person to go on"
            raise PersonNeeded(message, f"abp resume {job.ref}")

    def _refuse_while_testing(self, job: Job, what: str) -> None:
        if lease_lives(job):
            trial = "test" if job.pilot_id is None else "pilot"
            raise IllegalTransition(
                f"the {trial} of job {job.name} still runs and can't be {what} yet", "wait for it, or stop it"
            )

    def _recover(self, job: Job) -> None:
        """Put back what a dead executor left behind, as this process; nothing where nobody died."""
        if job.lease is None and not self.repository.attempts.running(job.id):
            return
        from abp_tui.execution.executor import recovered_journal  # as all that runs units: when it is needed

        lease = take_lease(self.repository, job)
        try:
            with recovered_journal(self.repository, job.id, lease):
                pass
        finally:
            self.repository.leases.release(job.id, lease.executor)

    def _run(self, job: Job, said: str) -> Job:
        job = self.repository.jobs.move(job.id, JobStatus.RUNNING, expect=job.status, said=said)
        return self._launch_or_pause(job)

    def _launch_or_pause(self, job: Job, only: int | None = None) -> Job:
        """Start the executor of a job just made RUNNING; where that fails it is PAUSED, saying why.

        With `only` it runs this unit and no other.
        """
        try:
            self._try_login(job)
            return self._launch(job, only=only)
        except AbpError as error:
            reason = error.message
            self.repository.jobs.move(job.id, JobStatus.PAUSED, pause_reason=reason, said=f"paused: {reason}")
            raise

    def _try_login(self, job: Job) -> None:
        """A person wants it to run: where its account needed a login, one unit may see whether it has one."""
        from abp_tui.execution.gate import gate_scope

        worker = self._worker or make_worker(job.worker, job.recipe.worker_options)
        # The account as it is here may be another than the one that an earlier executor ran under.
        for scope in {gate_scope(worker), *([job.gate.scope] if job.gate else [])}:
            self.repository.gates.ask(scope, login_only=True)

    def _launch(self, job: Job, *, force: bool = False, only: int | None = None) -> Job:
        if self._worker is not None:
            return job
        from abp_tui.execution.launch import launch_executor

        if not job.placement.placed:
            self.repository.jobs.place(job.id, self.settings.placement)
            job = self.repository.jobs.get(job.id)
        require(job.placement)
        return launch_executor(self.repository, job, only_seq=only, force=force)

    def _ask(self, job: Job, desired: Desired) -> Job:
        """Tell the executor; what a person has ended stays so, whoever asks for that again."""
        by = None if self.client is None or _ended_by_person(job) else self.client.name
        self.repository.jobs.ask(job.id, desired=desired, by=by)
        return self.repository.jobs.get(job.id)


def _ended_by_person(job: Job) -> bool:
    """Whether a person has paused or stopped the job, or is about to have."""
    return job.desired is not Desired.RUN and job.desired_by is None


def next_step(job: Job) -> str:
    """What can be done with a job as it is."""
    if job.held:
        return f"`abp approve {job.name}`"
    if job.status is JobStatus.RUNNING and (job.lease is None or judge(job.lease) is Liveness.DEAD):
        return f"its executor is gone: `abp resume {job.name}`"
    return {
        JobStatus.CREATED: f"test it first: `abp test {job.name}`",
        JobStatus.TESTING: f"`abp approve {job.name}` or `abp reject {job.name}`",
        JobStatus.RUNNING: f"watch it: `abp show {job.name}`",
        JobStatus.PAUSED: f"go on with `abp resume {job.name}`",
        JobStatus.COMPLETED: f"look at its results: `abp export {job.name} -o FILE`",
        JobStatus.FAILED: f"look at `abp units {job.name} --status failed`, then `abp retry {job.name}`",
    }[job.status]
