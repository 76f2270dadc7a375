"""The executor: the one owner of a running job. It claims, runs and records units until the job has ended."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from abp_tui.domain.model import Event, EventKind, Job, Lease, Placement
from abp_tui.domain.secrecy import Mask
from abp_tui.domain.status import JobStatus
from abp_tui.errors import AbpError, EngineUnavailable, IllegalTransition, LeaseLost, StoreError
from abp_tui.execution.assignment import Assignment, OneAlone, OneTest, SomeUnits, WholeJob
from abp_tui.execution.attempt import AttemptRunner, Ended, concluded
from abp_tui.execution.engines.base import Engine, Machines, Stage
from abp_tui.execution.engines.choice import connected
from abp_tui.execution.engines.local import ThisMachine
from abp_tui.execution.gate import Gatekeeper, gate_scope
from abp_tui.execution.lease import take_lease
from abp_tui.execution.loop import MOST_KEPT_CHARS, Callbacks, Loop, StopOrder
from abp_tui.execution.mailbox import Mail, Mailbox
from abp_tui.execution.orphans import Orphans, Walked
from abp_tui.execution.outage import Outage, Room
from abp_tui.execution.recovery import end_leftovers
from abp_tui.execution.runners import Runners
from abp_tui.execution.synthesis import Synthesis
from abp_tui.store.claims import Claim, Finished
from abp_tui.store.journal import Journal
from abp_tui.store.repository import Repository
from abp_tui.store.spill import Spill, read_spill, spill_path, spill_paths
from abp_tui.words import counted
from abp_tui.workers.base import Worker, make_worker

log = logging.getLogger(__name__)

NOT_KEPT = Event(
    kind=EventKind.NOTICE,
    title="abp",
    body="The database could not be written when this ended, and its executor died: the outcome was kept "
    "aside, what the agent said meanwhile is lost.",
)


class JobExecutor:
    """Runs a job, its test or a pilot of it to its end in the calling thread, which is the one writer.

    `worker` overrides the one that is built from the job's worker name and options. `orphans` says how what
    agents leave behind is found, by default as in a process that also does other things.
    """

    def __init__(
        self,
        repository: Repository,
        job_id: int,
        worker: Worker[Any] | None = None,
        callbacks: Callbacks | None = None,
        orphans: Orphans | None = None,
    ) -> None:
        self._repository = repository
        self._orphans = orphans or Walked(repository.uuid)
        self._job_id = job_id
        self._given_worker = worker
        self._tell = callbacks or Callbacks()
        self._mailbox: Mailbox[Finished] = Mailbox()
        self._stop = StopOrder()
        self._left: Mail[Finished] = Mail()  # what could not be recorded before the end

    def stop(self) -> None:
        """Ask for what `abp stop` asks for, and the second time for it to happen at once.

        Safe to call from a signal handler or another thread.
        """
        self._stop.give()

    def run(self, *, force: bool = False, only: int | None = None) -> JobStatus:
        """Run the job until it has ended or is paused; returns its status.

        With `only` it runs this unit alone, and pauses where others still wait.
        Raises `LeaseHeld` while another executor runs it and `IllegalTransition` if it is not RUNNING.
        """
        with self._machines() as machines, self._tenancy(force) as (job, journal):
            if job.status is not JobStatus.RUNNING:
                hint = "approve it, start it or resume it first"
                raise IllegalTransition(f"job {job.name} is {job.status}, not RUNNING", hint)
            with journal.transaction(durable=False):
                journal.log(f"process {os.getpid()} runs it with {counted(job.desired_workers, 'worker')}")

            def assign(runners: Runners) -> Assignment:
                if only is not None:
                    return OneAlone(journal, runners, job, only)
                return WholeJob(journal, runners, job, self._synthesis(job))

            return self._drive(job, journal, machines, job.desired_workers, assign)

    def run_test(self, seq: int) -> None:
        """Run unit `seq` once, as the test of a CREATED job, and leave the job TESTING, for review.

        Where the test is stopped, the job is CREATED again.
        """
        with self._tenancy(force=False) as (job, journal):
            with journal.transaction(durable=True):
                if job.status is JobStatus.TESTING:
                    journal.move(JobStatus.CREATED, "the process of the last test has died")
                journal.move(JobStatus.TESTING, f"unit {seq} is tested")
            job = self._repository.jobs.get(job.id)
            self._tell.job_changed(job)
            self._drive(job, journal, ThisMachine(), 1, lambda runners: OneTest(journal, runners, seq))

    def run_pilot(self, pilot_id: int) -> None:
        """Run the units of a pilot of a job whose test waits for review, and leave it so.

        Raises `IllegalTransition` if it is not TESTING by now.
        """
        with self._tenancy(force=False) as (job, journal):
            if job.status is not JobStatus.TESTING:
                raise IllegalTransition(f"job {job.name} is {job.status}, not TESTING", "test it first")
            pilot = self._repository.pilots.get(pilot_id)
            if job.recipe.version != pilot.recipe_version:
                hint = f"`abp reject {job.name}`, then `abp test {job.name}`"
                raise IllegalTransition(f"the prompt of job {job.name} was edited meanwhile", hint)
            with journal.transaction(durable=True):
                units = counted(len(pilot.sample.seqs), "unit")
                journal.begin_pilot(pilot.id, f"a pilot of {units} begins, by {pilot.sample.by}")
            recipe = self._repository.recipes.get(job.id, pilot.recipe_version)
            job = self._repository.jobs.get(job.id).model_copy(update={"recipe": recipe})
            self._tell.job_changed(job)
            self._drive(
                job,
                journal,
                ThisMachine(),
                job.desired_workers,
                lambda runners: SomeUnits(journal, runners, pilot.sample.seqs),
            )

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
            self._give_back(lease)

    def _give_back(self, lease: Lease) -> None:
        """Release the lease; where that fails, it counts as a dead executor's once this process is gone."""
        try:
            self._repository.leases.release(self._job_id, lease.executor)
        except StoreError as error:
            log.warning("%s", error)

    @contextmanager
    def _machines(self) -> Iterator[Machines]:
        """What the units run on; a worker that was given runs here. Before the lease, as with the worker."""
        placement = self._repository.jobs.get(self._job_id).placement
        with connected(placement if self._given_worker is None else Placement()) as machines:
            yield machines

    def _engine(self, job: Job, machines: Machines, runners: Runners, size: int) -> Engine:
        def ended(claim: Claim, end: Ended) -> None:
            self._mailbox.finished(concluded(claim, end, runners.job_of(claim)))

        store = self._repository
        return machines.engine(Stage(job, store.uuid, store.path, runners, self._mailbox, size, ended))

    def _drive(
        self,
        job: Job,
        journal: Journal,
        machines: Machines,
        workers: int,
        assign: Callable[[Runners], Assignment],
    ) -> JobStatus:
        """Run what `assign` makes of the job's runners, up to `workers` attempts side by side."""
        scope = gate_scope(self._worker(job))
        with journal.transaction(durable=False):
            journal.use_gate(scope)
        runners = Runners(job, self._runner, away=machines.away)
        work = assign(runners)
        gate = Gatekeeper(job, journal, scope, for_test=work.is_test)
        engine = self._engine(job, machines, runners, workers)
        executor = job.lease.executor if job.lease else ""
        path = spill_path(self._repository.path, job.id, executor)
        spill = Spill(path, self._repository.uuid, workers)
        outage, room = Outage(spill), Room(self._repository.path.parent)
        edited = partial(self._take_edit, journal, runners, scope) if work.takes_edits else None
        loop = Loop(
            job,
            journal,
            self._mailbox,
            engine,
            work,
            gate,
            self._tell,
            self._stop,
            outage,
            room,
            self._orphans,
            edited,
        )
        try:
            status = loop.run()
        except LeaseLost:
            self._end_agents(engine)
            spill.close()
            raise
        except BaseException:
            self._end_agents(engine)
            self._left = loop.unrecorded
            self._left.add(self._mailbox.collect(0), MOST_KEPT_CHARS)
            spill.keep(self._left.finished)
            spill.close()
            raise
        engine.close()
        self._orphans.close()
        spill.close()
        self._tell.job_changed(self._repository.jobs.get(job.id))
        return status

    def _runner(self, job: Job) -> AttemptRunner:
        store = self._repository
        return AttemptRunner(job, self._worker(job), store.uuid, store.path, self._mailbox)

    def _take_edit(self, journal: Journal, runners: Runners, scope: str) -> str | None:
        """Run the next units with the version of the recipe that was saved; says why not, if so."""
        job = self._repository.jobs.get(self._job_id)
        version = f"version {job.recipe.version} of its recipe"
        if runners.away:
            return f"{version} is for nodes that begin with it: `abp resume {job.name}` goes on with it"
        try:
            if gate_scope(self._worker(job)) != scope:
                return f"{version} runs under another account: `abp resume {job.name}` goes on with it"
            runners.use(job)
        except AbpError as error:
            return f"{version} can't be run: {error}"
        with journal.transaction(durable=False):
            journal.log(f"{version} is used from here on")
        return None

    def _end_agents(self, engine: Engine) -> None:
        running = engine.running
        engine.cancel("the executor ends")
        engine.close(meanwhile=lambda: engine.hurry() if self._stop.urgent else None)
        self._orphans.end(running, ())
        self._orphans.close()

    def _synthesis(self, job: Job) -> Synthesis | None:
        prompt = job.post_processing_prompt
        return None if prompt is None else Synthesis(self._repository, job, prompt)

    def _abandon(self, journal: Journal, error: BaseException) -> None:
        """Keep what the agents had finished, put the rest back, and hold the job, saying why.

        Where the database can't take it, the spill file has it, for the next executor.
        """
        why = str(error) if isinstance(error, EngineUnavailable) else f"{type(error).__name__}: {error}"
        reason = Mask(os.environ).text(f"its executor failed: {why}")
        try:
            job = self._repository.jobs.get(self._job_id)
            with journal.transaction(durable=True):
                journal.events(self._left.events)
                journal.finish(self._left.finished)
                journal.recover()
                if job.status is JobStatus.RUNNING:
                    journal.settle(JobStatus.PAUSED, f"paused: {reason}", reason)
                elif job.status is JobStatus.TESTING and job.pilot_id is not None:
                    journal.settle(JobStatus.TESTING, f"the pilot broke off: {reason}")
                elif job.status is JobStatus.TESTING:
                    journal.settle(JobStatus.CREATED, f"no test: {reason}")
        except StoreError as trouble:
            log.warning("%s; the next executor recovers the job", trouble)
        else:
            for path in spill_paths(self._repository.path, self._job_id):
                path.unlink(missing_ok=True)

    def _worker(self, job: Job) -> Worker[Any]:
        return self._given_worker or make_worker(job.worker, job.recipe.worker_options)


@contextmanager
def recovered_journal(repository: Repository, job_id: int, lease: Lease) -> Iterator[Journal]:
    """The journal of a lease just taken, after ending and putting back what its predecessor left.

    Outcomes that it had, but could not write into the database, are recorded first.
    """
    leftovers = repository.attempts.running(job_id)
    ended = end_leftovers(repository.uuid, leftovers)
    with repository.journal(job_id, lease.executor, lease.host, lease.boot_id).opened() as journal:
        paths = spill_paths(repository.path, job_id)
        if leftovers:
            aside = [end for path in paths for end in read_spill(path, repository.uuid)]
            with journal.transaction(durable=True):
                kept = journal.finish(aside)
                journal.events((end.claim.attempt_id, end.ended_at, NOT_KEPT) for end in kept)
                units = counted(len(journal.recover()), "interrupted unit")
                words = f"recovered {units}, ended {counted(ended, 'process', 'processes')}"
                aside_too = f", {counted(len(kept), 'outcome')} kept aside" if kept else ""
                journal.log(words + aside_too, level="warning")
        for path in paths:
            path.unlink(missing_ok=True)
        yield journal
