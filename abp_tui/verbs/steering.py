"""Steering a batch: pause, stop, go on, try again, change its limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from abp_tui.creation import check_limits
from abp_tui.domain.model import Job, Placement, WorkUnit
from abp_tui.domain.status import Desired, JobStatus, UnitStatus
from abp_tui.errors import IllegalTransition, InvalidInput, LeaseHeld
from abp_tui.execution.engines.choice import require
from abp_tui.execution.lease import lease_lives
from abp_tui.liveness import Liveness, judge
from abp_tui.settings import Settings
from abp_tui.verbs.base import Ref, Verbs, next_step
from abp_tui.words import counted

LAUNCH_S = 3.0  # within which an executor just started owns its job
LOOK_S = 0.05


class Steering(Verbs):
    """What a person does to a batch while it runs, or after."""

    def pause(self, job_id: Ref) -> Job:
        """Let running units finish and claim no more."""
        return self._end(job_id, Desired.PAUSE)

    def stop(self, job_id: Ref) -> Job:
        """End running agents now; their units wait again."""
        return self._end(job_id, Desired.STOP)

    def cancel_test(self, job_id: Ref) -> Job:
        """End a running test; the job becomes CREATED again."""
        job = self.repository.jobs.find(job_id)
        if job.status is not JobStatus.TESTING or job.lease is None:
            raise IllegalTransition(f"job {job.name} has no test running", "start one with `abp test`")
        return self._ask(job, Desired.STOP)

    def resume(self, job_id: Ref, *, force: bool = False, budget_usd: float | None = None) -> Job:
        """Go on with a paused or interrupted job. One that runs goes on, also where it was about to pause;
        where it waits for its account's usage limit, one of its units tries at once whether that is over.

        `force` ends an executor that lives but does not answer, and puts another one in its place. Whether
        one on another machine lives takes up to half a minute to see. What a person has paused, no program
        goes on with: it gets `PersonNeeded`. A paused job may be given another budget, for all of it.
        """
        job = self.repository.jobs.find(job_id)
        self._refuse_undoing(job)
        if budget_usd is not None and job.status is not JobStatus.PAUSED:
            hint = f"`abp set {job.name} budget_usd={budget_usd:g}` holds from its next start on"
            raise IllegalTransition(
                f"job {job.name} is {job.status}: only a paused one is given a budget", hint
            )
        if job.status is JobStatus.RUNNING:
            state = judge(job.lease) if job.lease else Liveness.DEAD
            if state is Liveness.STALLED and job.waiting and not force:
                hint = "mend that, and it goes on by itself"
                raise LeaseHeld(f"the executor of job {job.name} waits: {job.waiting}", hint)
            if state is Liveness.STALLED and not force:
                hint = f"wait, or end it with `abp resume {job.name} --force`"
                raise LeaseHeld(f"the executor of job {job.name} lives but does not answer", hint)
            job = job if job.desired is Desired.RUN else self._ask(job, Desired.RUN)
            if state is Liveness.ALIVE and not force:
                return self._try_gate(job)
            self._try_login(job)
            return self._launch(job, force=force)
        if job.status is not JobStatus.PAUSED:
            raise IllegalTransition(f"job {job.name} is {job.status}, not PAUSED", next_step(job))
        if budget_usd is not None:
            self.repository.jobs.set_limits(job.id, budget_usd=self._above_spent(job, budget_usd))
        return self._run(job, "resumed")

    def place(
        self,
        job_id: Ref,
        engine: str | None = None,
        scheduler: str | None = None,
        *,
        ship_files: bool | None = None,
        back_to: Placement | None = None,
    ) -> Job:
        """Say where the job's units run, from its next start on: what is None stays as it is.

        `back_to` is where they ran before what they were placed anew for was refused.

        A `scheduler` means the engine `dask`. Raises `InvalidInput`, `EngineUnavailable` where a library is
        missing, and `IllegalTransition` while the job is run.
        """
        job = self.repository.jobs.find(job_id)
        if job.status is JobStatus.RUNNING and lease_lives(job):
            hint = f"`abp stop {job.name}` first, then resume it there"
            raise IllegalTransition(f"job {job.name} runs on {job.placement.words}", hint)
        placement = back_to or placed(job.placement, self.settings, engine, scheduler, ship_files)
        require(placement)
        self.repository.jobs.place(job.id, placement)
        return self.repository.jobs.get(job.id)

    def _try_gate(self, job: Job) -> Job:
        if job.gate is not None:
            self.repository.gates.ask(job.gate.scope)
        return self.repository.jobs.get(job.id)

    def end_unit(self, job_id: Ref, seq: int) -> WorkUnit:
        """End the agent of one running unit; it has failed then, and the others go on."""
        job = self.repository.jobs.find(job_id)
        unit = self.repository.units.get(job.id, seq)
        if not self.repository.units.ask_end(job.id, seq):
            raise IllegalTransition(
                f"unit {seq} of job {job.name} is {unit.status}: no agent runs", "see `abp units`"
            )
        return unit

    def waive(self, job_id: Ref) -> Job:
        """Let the synthesis step run although items have failed."""
        job = self.repository.jobs.find(job_id)
        if job.synthesis is None:
            hint = "a job has one where it was made with --post"
            raise IllegalTransition(f"job {job.name} has no synthesis step", hint)
        if job.status is JobStatus.FAILED and job.synthesis is UnitStatus.FAILED:
            raise IllegalTransition(
                f"the synthesis of job {job.name} has failed itself", f"`abp retry {job.name}`"
            )
        if job.status is not JobStatus.FAILED or not job.counters.failed:
            raise IllegalTransition(
                f"job {job.name} is {job.status}: no failures keep its synthesis step back", next_step(job)
            )
        said = f"waived: {counted(job.counters.failed, 'failure')}"
        job = self.repository.jobs.move(
            job.id, JobStatus.RUNNING, expect=JobStatus.FAILED, said=said, waived_at=time.time()
        )
        return self._launch_or_pause(job)

    def retry(
        self,
        job_id: Ref,
        seqs: Sequence[int] | None = None,
        *,
        nudge: str | None = None,
        alone: bool = False,
    ) -> Job:
        """Run ended units again, by default all failed and suspect ones and a failed synthesis step.

        What timed out or is suspect goes on in its agent's session, unless what the agent is told was edited
        since. `nudge` is said to all: those that can go on with their session hear it there, the others
        behind the whole prompt. With `alone`, a job that does not run yet runs nothing but the one unit, and
        is paused after it where others still wait.
        """
        if seqs is not None and not seqs:
            raise InvalidInput("no unit is named", "name one with --unit")
        pick = self._ended_badly if seqs is None else lambda _: seqs
        return self._run_again(job_id, pick, nudge, alone=alone)[0]

    def _run_again(
        self, job_id: Ref, pick: Callable[[Job], Sequence[int]], nudge: str | None, *, alone: bool = False
    ) -> tuple[Job, Sequence[int]]:
        """Run the units again that are picked; the job and which they were.

        They are picked under the lock of the write that puts them back: what somebody else has run again in
        the meantime is not paid for once more.
        """
        if nudge is not None and not nudge.strip():
            raise InvalidInput("the nudge says nothing", "write what the agents are to be told")
        job = self.repository.jobs.find(job_id)
        if job.status not in (JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.COMPLETED, JobStatus.FAILED):
            raise IllegalTransition(f"job {job.name} is {job.status}: nothing has failed yet", next_step(job))
        self._refuse_undoing(job)
        with self.repository.transaction():
            job = self.repository.jobs.get(job.id)  # it may have ended in the meantime
            seqs = pick(job)
            for seq in seqs:
                self.repository.units.get(job.id, seq)
            runs = job.status is JobStatus.RUNNING
            job = job if runs else self._move_to_retry(job, seqs)
            self.repository.units.put_back(job.id, seqs, nudge, to_mend=True)
            said = f"run again: {counted(len(seqs), 'ended unit')}"
            self.repository.logs.add(job.id, f"{said}, with a nudge: {nudge}" if nudge else said)
        if runs:
            return self.resume(job.id), seqs
        return self._launch_or_pause(job, only=seqs[0] if alone else None), seqs

    def _ended_badly(self, job: Job) -> Sequence[int]:
        """The failed and suspect units, and a failed synthesis; raises `InvalidInput` where there is none."""
        states = ("failed", "suspect")
        seqs = [seq for state in states for seq in self.repository.units.seqs_in(job.id, state)]
        if job.synthesis is UnitStatus.FAILED:
            seqs = [job.counters.total] if job.waived_at else [*seqs, job.counters.total]
        if not seqs:
            hint = next_step(job) if job.counters.pending else "name one with --unit"
            raise InvalidInput(f"job {job.name} has no failed or suspect units", hint)
        return seqs

    def _move_to_retry(self, job: Job, seqs: Sequence[int]) -> Job:
        """RUNNING; where items are run again, it has to be seen anew whether their failures are waived."""
        only_synthesis = list(seqs) == [job.counters.total]
        waived = job.waived_at.timestamp() if job.waived_at and only_synthesis else None
        return self.repository.jobs.move(job.id, JobStatus.RUNNING, waived_at=waived)

    def set_workers(self, job_id: Ref, workers: int) -> Job:
        """Change how many units run at a time, at once if the job runs."""
        check_limits(max_workers=workers)
        job = self.repository.jobs.find(job_id)
        self.repository.jobs.ask(job.id, workers=workers)
        return self.repository.jobs.get(job.id)

    def set_limits(
        self,
        job_id: Ref,
        *,
        max_retries: int | None = None,
        max_failures_in_row: int | None = None,
        budget_usd: float | None = None,
    ) -> Job:
        """Change how often units are tried, after how many failures in a row the job pauses, and what it
        may cost; holds from the next start on.
        """
        check_limits(None, max_retries, budget_usd, max_failures_in_row)
        job = self.repository.jobs.find(job_id)
        self.repository.jobs.set_limits(
            job.id,
            max_retries=max_retries,
            max_failures_in_row=max_failures_in_row,
            budget_usd=budget_usd,
        )
        return self.repository.jobs.get(job.id)

    def _end(self, job_id: Ref, desired: Desired) -> Job:
        job = self.repository.jobs.find(job_id)
        if job.status is JobStatus.TESTING and lease_lives(job):
            return self.cancel_test(job.id)
        if job.status is not JobStatus.RUNNING:
            raise IllegalTransition(f"job {job.name} is {job.status}, not RUNNING", next_step(job))
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


def placed(
    kept: Placement, settings: Settings, engine: str | None, scheduler: str | None, ship_files: bool | None
) -> Placement:
    """A placement with these changes to the one that was kept, or to that of the settings."""
    base = kept if kept.placed else settings.placement
    name = engine or ("dask" if scheduler or ship_files else base.engine)
    if name == "local":
        if scheduler or ship_files:
            raise InvalidInput("the engine local has no scheduler and ships no files", "leave --engine away")
        return Placement()
    ships = settings.ship_files_mb if ship_files else 0.0 if ship_files is False else base.ship_files_mb
    address = scheduler or (base.scheduler if engine is None or base.engine == "dask" else settings.scheduler)
    lost_s = settings.node_lost_s
    return Placement(engine="dask", scheduler=address, ship_files_mb=ships, node_lost_s=lost_s)
