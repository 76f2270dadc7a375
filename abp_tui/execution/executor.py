"""The executor: the one owner of a running job. It claims, runs and records units until the job has ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from abp_tui.domain.model import Job, Lease
from abp_tui.domain.status import JobStatus
from abp_tui.errors import IllegalTransition, LeaseLost
from abp_tui.execution.assignment import Assignment, OneTest, WholeJob
from abp_tui.execution.attempt import AttemptRunner
from abp_tui.execution.lease import take_lease
from abp_tui.execution.loop import Callbacks, Loop
from abp_tui.execution.mailbox import Mailbox
from abp_tui.execution.pool import WorkerPool
from abp_tui.execution.recovery import end_leftovers
from abp_tui.store.journal import Journal
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Worker, make_worker


class JobExecutor:
    """Runs a job, or one unit of it as a test, to its end in the calling thread, which is the one writer.

    `worker` overrides the one that is built from the job's worker name and options.
    """

    def __init__(
        self,
        repository: Repository,
        job_id: int,
        worker: Worker[Any] | None = None,
        callbacks: Callbacks | None = None,
    ) -> None:
        self._repository = repository
        self._job_id = job_id
        self._given_worker = worker
        self._tell = callbacks or Callbacks()
        self._mailbox = Mailbox()
        self._stopped = False

    def stop(self) -> None:
        """Ask for what `abp stop` asks for; safe to call from a signal handler or another thread."""
        self._stopped = True

    def run(self, *, force: bool = False) -> JobStatus:
        """Run the job until it has ended or is paused; returns its status.

        Raises `LeaseHeld` while another executor runs it and `IllegalTransition` if it is not RUNNING.
        """
        with self._tenancy(force) as (job, journal):
            if job.status is not JobStatus.RUNNING:
                hint = "approve it, start it or resume it first"
                raise IllegalTransition(f"job {job.name} is {job.status}, not RUNNING", hint)
            words = f"process {os.getpid()} runs it with {job.desired_workers} workers"
            self._repository.logs.add(job.id, words)
            return self._drive(job, journal)

    def run_test(self, seq: int) -> None:
        """Run unit `seq` once, as the test of a CREATED job, and leave the job TESTING, for review.

        Where the test is stopped, the job is CREATED again.
        """
        with self._tenancy(force=False) as (job, journal):
            if job.status is JobStatus.TESTING:  # a test whose process died
                job = self._repository.jobs.move(job.id, JobStatus.CREATED)
            job = self._repository.jobs.move(job.id, JobStatus.TESTING, said=f"unit {seq} is tested")
            self._tell.job_changed(job)
            self._drive(job, journal, seq)

    @contextmanager
    def _tenancy(self, force: bool) -> Iterator[tuple[Job, Journal]]:
        """Hold the lease, with what a dead predecessor left running ended and put back."""
        job = self._repository.jobs.get(self._job_id)
        self._worker(job)  # first, so that whoever waits for the lease hears of one that can't be built
        lease = take_lease(self._repository, job, force=force)
        try:
            with recovered_journal(self._repository, self._job_id, lease) as journal:
                try:
                    yield self._repository.jobs.get(self._job_id), journal
                except LeaseLost:
                    raise  # another executor has it all by now
                except BaseException as error:
                    self._abandon(journal, error)
                    raise
        finally:
            self._repository.leases.release(self._job_id, lease.executor)

    def _drive(self, job: Job, journal: Journal, seq: int | None = None) -> JobStatus:
        runner = AttemptRunner(job, self._worker(job), self._repository.uuid, self._mailbox)
        pool = WorkerPool(runner.run, self._mailbox.finished, 1 if seq is not None else job.desired_workers)
        if seq is None:
            work: Assignment = WholeJob(journal, runner.render, job.recipe.version)
        else:
            work = OneTest(journal, runner.render, job.recipe.version, seq)
        loop = Loop(job, journal, self._mailbox, pool, work, self._tell, lambda: self._stopped)
        try:
            status = loop.run()
        finally:
            pool.cancel("the executor ends")
            pool.close()
        self._tell.job_changed(self._repository.jobs.get(job.id))
        return status

    def _abandon(self, journal: Journal, error: BaseException) -> None:
        """Keep what the agents had finished, put the rest back, and hold the job, saying why."""
        job = self._repository.jobs.get(self._job_id)
        mail, reason = self._mailbox.collect(0), f"its executor failed: {type(error).__name__}: {error}"
        with journal.transaction(durable=True):
            journal.events(mail.events)
            journal.finish(mail.finished)
            journal.recover()
            if job.status is JobStatus.RUNNING:
                journal.settle(JobStatus.PAUSED, f"paused: {reason}", reason)
            elif job.status is JobStatus.TESTING:
                journal.settle(JobStatus.CREATED, f"no test: {reason}")

    def _worker(self, job: Job) -> Worker[Any]:
        return self._given_worker or make_worker(job.worker, job.recipe.worker_options)


@contextmanager
def recovered_journal(repository: Repository, job_id: int, lease: Lease) -> Iterator[Journal]:
    """The journal of a lease just taken, after ending and putting back what its predecessor left."""
    leftovers = repository.attempts.running(job_id)
    ended = end_leftovers(repository.uuid, leftovers)
    with repository.journal(job_id, lease.executor, lease.host, lease.boot_id).opened() as journal:
        if leftovers:
            with journal.transaction(durable=True):
                count = len(journal.recover())
                journal.log(f"recovered {count} interrupted units, ended {ended} processes", level="warning")
        yield journal
