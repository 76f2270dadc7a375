from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from abp_tui.domain.model import Job, Lease
from abp_tui.errors import LeaseHeld
from abp_tui.execution import lease as lease_module
from abp_tui.execution.lease import lease_lives, take_lease
from abp_tui.liveness import Liveness, Witness, identity, judge, started_at
from abp_tui.store.repository import Repository
from tests.factories import make_job
from tests.waiting import wait_until


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another process that does nothing for a minute."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def lease_of(pid: int, **changes: object) -> Lease:
    process = identity(pid)
    values: dict[str, object] = {
        "executor": "theirs",
        "host": process.host,
        "boot_id": process.boot_id,
        "pid": process.pid,
        "pid_started": process.started,
        "beat_at": datetime.now(UTC),
        "beat_clock": time.monotonic(),
    }
    return Lease.model_validate(values | changes)


def leased(repository: Repository, lease: Lease) -> Job:
    job = make_job(repository)
    assert repository.leases.take(job.id, lease, None)
    return repository.jobs.get(job.id)


def test_a_free_job_is_taken_and_given_back(repository: Repository) -> None:
    job = make_job(repository)
    mine = take_lease(repository, job)
    held = repository.jobs.get(job.id)
    assert held.lease is not None
    assert (held.lease.executor, held.lease.pid) == (mine.executor, os.getpid())
    assert lease_lives(held)
    assert repository.leases.release(job.id, mine.executor)
    assert repository.jobs.get(job.id).lease is None


def test_a_living_owner_keeps_it(repository: Repository, other: subprocess.Popen[bytes]) -> None:
    job = leased(repository, lease_of(other.pid))
    with pytest.raises(LeaseHeld, match=str(other.pid)):
        take_lease(repository, job, force=True)


def test_a_dead_owner_is_replaced(repository: Repository, other: subprocess.Popen[bytes]) -> None:
    job = leased(repository, lease_of(other.pid))
    other.kill()
    other.wait()
    assert not lease_lives(job)
    assert take_lease(repository, job).pid == os.getpid()


def test_a_zombie_is_dead(repository: Repository, other: subprocess.Popen[bytes]) -> None:
    lease = lease_of(other.pid)
    other.kill()
    wait_until(lambda: started_at(other.pid) is None)
    assert judge(lease) is Liveness.DEAD
    assert other.returncode is None, "nobody has waited for it yet"


def test_a_reused_pid_is_not_the_owner(other: subprocess.Popen[bytes]) -> None:
    assert judge(lease_of(other.pid, pid_started=1.0)) is Liveness.DEAD


def test_an_owner_of_an_earlier_boot_is_dead(other: subprocess.Popen[bytes]) -> None:
    assert judge(lease_of(other.pid, boot_id="an earlier one")) is Liveness.DEAD


def test_a_late_beat_is_a_stall_and_not_a_death(other: subprocess.Popen[bytes]) -> None:
    lease = lease_of(other.pid)
    assert judge(lease) is Liveness.ALIVE
    assert judge(lease, time.monotonic() + 60) is Liveness.STALLED


@pytest.mark.parametrize("moved", [timedelta(days=-365), timedelta(days=-1), timedelta(days=365)])
def test_a_clock_that_was_set_makes_no_beat_late(
    moved: timedelta, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = lease_of(other.pid)
    set_to = time.time() + moved.total_seconds()
    monkeypatch.setattr(time, "time", lambda: set_to)
    assert judge(lease) is Liveness.ALIVE
    assert judge(lease_of(other.pid, beat_at=datetime.now(UTC) + moved)) is Liveness.ALIVE


def test_a_night_in_which_the_machine_slept_makes_no_beat_late(other: subprocess.Popen[bytes]) -> None:
    last_beat = datetime.now(UTC) - timedelta(hours=9)
    awake = time.monotonic()
    lease = lease_of(other.pid, beat_at=last_beat, beat_clock=awake - 1)
    assert judge(lease, clock=awake) is Liveness.ALIVE


def test_a_late_beat_counts_by_the_clock_that_nobody_sets(other: subprocess.Popen[bytes]) -> None:
    stale = lease_of(other.pid, beat_clock=time.monotonic() - 60, beat_at=datetime.now(UTC))
    assert judge(stale) is Liveness.STALLED


def test_whoever_has_the_pid_of_a_dead_owner_is_left_alone(
    repository: Repository, other: subprocess.Popen[bytes]
) -> None:
    job = leased(repository, lease_of(other.pid, pid_started=identity().started))
    assert job.lease is not None
    assert judge(job.lease) is Liveness.DEAD
    assert take_lease(repository, job, force=True).pid == os.getpid()
    assert other.poll() is None


def test_a_stopped_owner_is_stalled_and_replaced_only_by_force(
    repository: Repository, other: subprocess.Popen[bytes]
) -> None:
    job = leased(repository, lease_of(other.pid))
    other.send_signal(signal.SIGSTOP)
    wait_until(lambda: judge(lease_of(other.pid)) is Liveness.STALLED)
    with pytest.raises(LeaseHeld, match="held by process") as caught:
        take_lease(repository, job)
    assert "--force" in caught.value.hint
    take_lease(repository, job, force=True)
    assert other.wait(10) == -signal.SIGKILL


def test_an_owner_elsewhere_is_dead_once_its_beat_stands_still(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "ELSEWHERE_S", 0.3)
    job = leased(repository, lease_of(os.getpid(), host="another-machine"))
    assert job.lease is not None
    assert judge(job.lease) is Liveness.ELSEWHERE
    assert take_lease(repository, job).pid == os.getpid()


def test_of_two_that_saw_the_same_state_one_wins(repository: Repository) -> None:
    job = make_job(repository)
    take_lease(repository, job)
    with pytest.raises(LeaseHeld):
        take_lease(repository, job)


def test_a_witness_sees_an_owner_elsewhere_die_and_live(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("abp_tui.liveness.time.monotonic", lambda: clock[0])
    witness = Witness()
    theirs = lease_of(os.getpid(), host="another-machine", beat=7)
    assert witness.judge(theirs) is Liveness.ELSEWHERE
    clock[0] += 29
    assert witness.judge(theirs) is Liveness.ELSEWHERE
    clock[0] += 1
    assert witness.judge(theirs) is Liveness.DEAD
    assert witness.judge(theirs.model_copy(update={"beat": 8})) is Liveness.ELSEWHERE


def test_a_witness_believes_this_machines_processes_at_once(other: subprocess.Popen[bytes]) -> None:
    lease = lease_of(other.pid)
    assert Witness().judge(lease) is Liveness.ALIVE
    other.kill()
    other.wait()
    assert Witness().judge(lease) is Liveness.DEAD
