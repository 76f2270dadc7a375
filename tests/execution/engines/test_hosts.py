from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.domain.status import JobStatus
from abp_tui.store.repository import Repository
from tests.execution.engines.cluster import Cluster
from tests.execution.engines.effects import Effects, assert_each_once, interrupted, start_executor
from tests.execution.engines.hosts import hosts, needs_hosts
from tests.execution.engines.jobs import dask_job, said
from tests.processes import marked_processes
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

PATIENCE_S = 60.0


def test_a_host_that_is_cut_off_ends_its_agents_and_the_others_do_its_units(
    repository: Repository, tmp_path: Path
) -> None:
    """The cut host notices by itself: nobody can tell it. Plugged in again, it is of use again."""
    needs_hosts()
    effects, cluster = Effects(tmp_path), Cluster(tmp_path / "cluster")
    with hosts("home", "left", "right") as (switch, (home, left, right)):
        try:
            cluster.start_scheduler(home.address, within=home.within)
            for host in (left, right):
                cluster.start_node(host.name, slots=4, host=host.address, within=host.within)
            cluster.wait_for_nodes()
            job = dask_job(repository, cluster.address, 16, script=effects.script, workers=8)
            executor = start_executor(repository, job, tmp_path, home.within)
            wait_until(lambda: effects.on("left") == 4 and effects.on("right") == 4, PATIENCE_S)

            def of_left() -> set[int]:
                """The attempts there, once the executor has heard of their processes."""
                found = {a.id for a in repository.attempts.running(job.id) if a.host == "left"}
                return found if len(found) == 4 else set()

            lost = wait_until(of_left, PATIENCE_S)
            switch.unplug(left)
            wait_until(lambda: not lost & set(marked_processes(repository.uuid).values()), PATIENCE_S)
            wait_until(lambda: interrupted(repository, job) == 4, PATIENCE_S)
            switch.plug(left)
            wait_until(lambda: effects.on("left") > 4, PATIENCE_S, "the host's return")
            effects.open_gate()
            assert executor.wait(PATIENCE_S) == 0
        finally:
            cluster.end()
    assert repository.jobs.get(job.id).status is JobStatus.COMPLETED
    assert "keys travel unencrypted" in said(repository, job)
    assert_each_once(repository, job, effects)
