"""Becoming the one executor of a job, and telling a dead predecessor from a slow one."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

from abp_tui.domain.model import Job, Lease
from abp_tui.errors import LeaseHeld
from abp_tui.liveness import ELSEWHERE_S, Liveness, identity, is_alive, judge, owner
from abp_tui.processes import end_all
from abp_tui.store.repository import Repository

LOOK_S = 0.1


def take_lease(repository: Repository, job: Job, *, force: bool = False) -> Lease:
    """Make this process the executor of the job; raises `LeaseHeld`, naming the owner, if another one is.

    A stalled owner keeps its lease unless `force`, which kills it first. An owner on another machine
    counts as dead once its beat has stood still for `ELSEWHERE_S` seconds of this machine's clock.
    """
    me = identity()
    lease = Lease(
        executor=uuid.uuid4().hex,
        host=me.host,
        boot_id=me.boot_id,
        pid=me.pid,
        pid_started=me.started,
        beat_at=datetime.now(UTC),
        beat_clock=time.monotonic(),
    )
    replaces = job.lease
    if replaces is not None:
        _refuse_unless_dead(repository, job, replaces, force)
    if repository.leases.take(job.id, lease, replaces.executor if replaces else None):
        return lease
    holder = repository.jobs.get(job.id).lease
    if holder is None:
        raise LeaseHeld(f"the executor of job {job.name} changed just now", "try again")
    raise _held(job, holder, "is run")


def lease_lives(job: Job) -> bool:
    """Whether somebody runs the job now, as far as one look can tell."""
    return job.lease is not None and judge(job.lease) is not Liveness.DEAD


def _refuse_unless_dead(repository: Repository, job: Job, lease: Lease, force: bool) -> None:
    state = judge(lease)
    if state is Liveness.ALIVE:
        raise _held(job, lease, "is run")
    if state is Liveness.STALLED:
        if not force:
            hint = "its executor does not answer: wait, or end it with `abp resume JOB --force`"
            raise _held(job, lease, "is held", hint)
        _kill(lease)
    if state is Liveness.ELSEWHERE and _beats(repository, job, lease):
        raise _held(job, lease, "is run")


def _held(job: Job, lease: Lease, how: str, hint: str = "watch it with `abp`, or stop it first") -> LeaseHeld:
    return LeaseHeld(f"job {job.name} {how} by process {lease.pid} on {lease.host}", hint)


def _kill(lease: Lease) -> None:
    """End exactly the process that the lease names, and wait until it is gone."""
    process = owner(lease)
    end_all(lambda: [process.pid] if is_alive(process) else [])


def _beats(repository: Repository, job: Job, lease: Lease) -> bool:
    """Whether the beat of an executor on another machine moves within the time allowed."""
    deadline = time.monotonic() + ELSEWHERE_S
    while time.monotonic() < deadline:
        now = repository.jobs.get(job.id).lease
        if now is None or now.executor != lease.executor or now.beat != lease.beat:
            return now is not None
        time.sleep(LOOK_S)
    return False
