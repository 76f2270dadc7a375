from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.status import JobStatus
from abp_tui.execution.engines import dask_members
from abp_tui.store.repository import Repository
from tests.execution.engines.cluster import Cluster, running_cluster
from tests.execution.engines.effects import Effects, assert_each_once, interrupted, start_executor
from tests.execution.engines.jobs import Running, completed_attempts, dask_job, outputs, place, said
from tests.factories import assert_counters_match
from tests.processes import marked_processes
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

PATIENCE_S = 60.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path / "cluster", a=3, b=3) as cluster:
        yield cluster


@pytest.fixture
def effects(tmp_path: Path) -> Effects:
    return Effects(tmp_path)


def test_a_node_that_is_killed_loses_no_unit(
    repository: Repository, cluster: Cluster, effects: Effects
) -> None:
    job = dask_job(repository, cluster.address, 6, script=effects.script)
    run = Running(repository, job)
    wait_until(lambda: effects.on("a") == 3 and effects.on("b") == 3)
    cluster.nodes["a"].kill()
    wait_until(lambda: interrupted(repository, job) == 3, PATIENCE_S)
    effects.open_gate()
    assert run.result() is JobStatus.COMPLETED
    assert outputs(repository, job) == ["b"] * 6
    assert "a node is lost, 3 units of it start over elsewhere" in said(repository, job)
    assert_each_once(repository, job, effects)


def test_a_unit_that_ends_its_nodes_has_failed_in_the_end_and_no_other(
    repository: Repository, cluster: Cluster, effects: Effects
) -> None:
    """It waits until the others have ended, so that it takes none of them along."""
    others = f"until [ $(grep -c ends {effects.file}) -ge 3 ]; do sleep 0.05; done"
    kills = f'case "$ABP_ITEM" in *0*) {others}; kill -KILL $PPID; sleep 60;; esac\n'
    effects.open_gate()
    job = dask_job(repository, cluster.address, 4, script=kills + effects.script, max_retries=9)
    assert Running(repository, job).result() is JobStatus.FAILED
    failed = repository.units.get(job.id, 0)
    assert failed.failure_kind is FailureKind.NODE_LOST
    assert (failed.error or "").startswith("its node was lost 3 times while it ran")
    assert completed_attempts(repository, job) == dict.fromkeys((1, 2, 3), 1)
    assert_counters_match(repository, job.id)
    wait_until(lambda: not marked_processes(repository.uuid), what="the end of all agents")


def test_those_that_ran_beside_it_do_not_fail_with_it(
    repository: Repository, tmp_path: Path, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All run on one node, and one of them ends it whenever it runs there, at first beside all others."""
    monkeypatch.setattr(dask_members, "RETURN_S", 0.01)
    all_there = f"until [ $(grep -c begins {effects.file}) -ge 8 ]; do sleep 0.05; done"
    kills = f'case "$ABP_ITEM" in *4*) {all_there}; kill -KILL $PPID; sleep 60;; esac\n'
    begins = f'echo "begins $ABP_ITEM" >> {effects.file}\n'
    with running_cluster(tmp_path / "cluster", a=8) as cluster:
        script = f"{begins}{kills}{all_there}; sleep 0.2"
        job = dask_job(repository, cluster.address, 8, script=script, workers=8, max_retries=9)
        assert Running(repository, job).result() is JobStatus.FAILED
    assert completed_attempts(repository, job) == dict.fromkeys((0, 1, 2, 3, 5, 6, 7), 1)
    assert repository.units.get(job.id, 4).failure_kind is FailureKind.NODE_LOST


def test_where_every_node_was_lost_too_often_the_job_pauses(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_members, "RETURN_S", 0.01)
    with running_cluster(tmp_path / "cluster", a=1) as cluster:
        job = dask_job(repository, cluster.address, 4, script="kill -KILL $PPID; sleep 60")
        assert Running(repository, job).result() is JobStatus.PAUSED
    assert f"no node is left for it at {cluster.address}: the node " in said(repository, job)
    assert said(repository, job).count("left out of this run: ") == 1
    assert repository.jobs.get(job.id).counters.failed == 1
    assert repository.jobs.get(job.id).counters.pending == 3


def test_a_node_that_comes_later_takes_its_share(
    repository: Repository, cluster: Cluster, effects: Effects
) -> None:
    job = dask_job(repository, cluster.address, 9, script=effects.script, workers=9)
    run = Running(repository, job)
    wait_until(lambda: effects.on("a") + effects.on("b") == 6)
    cluster.start_node("c", slots=3)
    wait_until(lambda: effects.on("c") == 3, PATIENCE_S)
    effects.open_gate()
    assert run.result() is JobStatus.COMPLETED
    assert_each_once(repository, job, effects)


def test_what_a_frozen_node_says_later_is_dropped(
    repository: Repository, cluster: Cluster, effects: Effects
) -> None:
    """Its agents end, since it hears no beat; what it had to say by then comes to nothing."""
    job = dask_job(repository, cluster.address, 6, script=effects.script)
    run = Running(repository, job)
    wait_until(lambda: effects.on("a") == 3 and effects.on("b") == 3)
    os.kill(cluster.nodes["a"].pid, signal.SIGSTOP)
    try:
        wait_until(lambda: interrupted(repository, job) == 3, PATIENCE_S)
        effects.open_gate()
        wait_until(lambda: len(effects.lines("ends")) == 6)
    finally:
        os.kill(cluster.nodes["a"].pid, signal.SIGCONT)
    assert run.result() is JobStatus.COMPLETED
    assert outputs(repository, job) == ["b"] * 6
    assert_each_once(repository, job, effects)


def test_a_scheduler_that_is_killed_pauses_the_job_which_resumes_on_another(
    repository: Repository, cluster: Cluster, effects: Effects
) -> None:
    job = dask_job(repository, cluster.address, 6, script=effects.script)
    run = Running(repository, job)
    wait_until(lambda: len(effects.lines("begins")) == 6)
    assert cluster.scheduler is not None
    cluster.scheduler.kill()
    assert run.result() is JobStatus.PAUSED
    paused = repository.jobs.get(job.id)
    assert (paused.pause_reason or "").startswith(f"the scheduler at {cluster.address} is lost")
    assert paused.counters.pending == 6
    cluster.start_scheduler()
    cluster.start_node("c", slots=6)
    effects.open_gate()
    place(repository, job.id, cluster.address)
    repository.jobs.move(job.id, JobStatus.RUNNING)
    assert Running(repository, job).result() is JobStatus.COMPLETED
    assert_each_once(repository, job, effects)


def test_agents_end_with_an_executor_that_is_killed(
    repository: Repository, cluster: Cluster, effects: Effects, tmp_path: Path
) -> None:
    job = dask_job(repository, cluster.address, 6, script=effects.script)
    process = start_executor(repository, job, tmp_path)
    wait_until(lambda: len(effects.lines("begins")) == 6, PATIENCE_S)
    process.kill()
    process.wait()
    wait_until(lambda: not marked_processes(repository.uuid), PATIENCE_S, "the end of the agents")
    effects.open_gate()
    assert Running(repository, job).result() is JobStatus.COMPLETED
    assert interrupted(repository, job) == 6
    assert_each_once(repository, job, effects)


def test_agents_of_a_dead_executor_end_before_the_next_one_starts_any(
    repository: Repository, cluster: Cluster, effects: Effects, tmp_path: Path
) -> None:
    """It does not wait for them to find out by themselves, for which they have an hour here."""
    job = dask_job(repository, cluster.address, 6, script=effects.script, lost_s=3600)
    process = start_executor(repository, job, tmp_path)
    wait_until(lambda: len(effects.lines("begins")) == 6, PATIENCE_S)
    before = set(marked_processes(repository.uuid))
    process.kill()
    process.wait()
    run = Running(repository, job)
    wait_until(lambda: len(effects.lines("begins")) == 12, PATIENCE_S)
    assert not before & set(marked_processes(repository.uuid))
    effects.open_gate()
    assert run.result() is JobStatus.COMPLETED
    assert_each_once(repository, job, effects)


def test_a_killed_executor_takes_its_own_cluster_along(
    repository: Repository, effects: Effects, tmp_path: Path
) -> None:
    job = dask_job(repository, "", 4, script=effects.script)
    process = start_executor(repository, job, tmp_path)
    wait_until(lambda: len(effects.lines("begins")) == 4, PATIENCE_S)
    process.kill()
    process.wait()
    wait_until(lambda: not marked_processes(repository.uuid), PATIENCE_S, "the end of the agents")
    effects.open_gate()
    process = start_executor(repository, job, tmp_path)
    assert process.wait(PATIENCE_S) == 0
    assert repository.jobs.get(job.id).status is JobStatus.COMPLETED
    assert_each_once(repository, job, effects)
