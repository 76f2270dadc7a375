"""What the verbs share: the store, the worker that was given, and a job's executor begun or put right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abp_tui.domain.model import Job
from abp_tui.domain.prompt import PromptSynthesizer
from abp_tui.domain.status import Desired, JobStatus
from abp_tui.errors import AbpError, IllegalTransition
from abp_tui.execution.executor import recovered_journal
from abp_tui.execution.gate import gate_scope
from abp_tui.execution.launch import launch_executor
from abp_tui.execution.lease import lease_lives, take_lease
from abp_tui.liveness import Liveness, judge
from abp_tui.settings import Settings, load_settings
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Worker, make_worker

Ref = int | str


class Verbs:
    """Base of each group of verbs, over one repository."""

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
            self._try_login(job)
            return self._launch(job)
        except AbpError as error:
            reason = error.message
            self.repository.jobs.move(job.id, JobStatus.PAUSED, pause_reason=reason, said=f"paused: {reason}")
            raise

    def _try_login(self, job: Job) -> None:
        """A person wants it to run: where its account needed a login, one unit may see whether it has one."""
        worker = self._worker or make_worker(job.worker, job.recipe.worker_options)
        # The account as it is here may be another than the one that an earlier executor ran under.
        for scope in {gate_scope(worker), *([job.gate.scope] if job.gate else [])}:
            self.repository.gates.ask(scope, login_only=True)

    def _launch(self, job: Job, *, force: bool = False) -> Job:
        if self._worker is not None:
            return job
        return launch_executor(self.repository, job, force=force)

    def _ask(self, job: Job, desired: Desired) -> Job:
        self.repository.jobs.ask(job.id, desired=desired)
        return self.repository.jobs.get(job.id)


def next_step(job: Job) -> str:
    """What can be done with a job as it is."""
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
