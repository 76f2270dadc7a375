"""An executor that is stopped, and what may and may not be done about it."""

from __future__ import annotations

import signal
import subprocess
import time
import uuid
from collections import Counter
from datetime import UTC, datetime

import pytest

from abp_tui.domain.model import Lease
from abp_tui.domain.status import JobStatus
from abp_tui.liveness import identity, is_stopped
from tests.cli.driver import Abp
from tests.faults.conftest import MakeBatch
from tests.faults.report import Tell
from tests.faults.rig import PATIENCE_S, Batch, gated
from tests.waiting import wait_until


def stop(batch: Batch, executor: subprocess.Popen[bytes]) -> None:
    executor.send_signal(signal.SIGSTOP)
    wait_until(lambda: is_stopped(executor.pid), what="the executor stands still")


def stopped_batch(make_batch: MakeBatch) -> tuple[Batch, subprocess.Popen[bytes]]:
    """A batch of six units of which three run, with its executor stopped."""
    batch = make_batch(gated(6), workers=3)
    executor = batch.start()
    batch.until_processing(3)
    stop(batch, executor)
    return batch, executor


def my_lease() -> Lease:
    me = identity()
    return Lease(
        executor=uuid.uuid4().hex,
        host=me.host,
        boot_id=me.boot_id,
        pid=me.pid,
        pid_started=me.started,
        beat_at=datetime.now(UTC),
        beat_clock=time.monotonic(),
    )


def test_it_is_stalled_and_replaced_only_by_force(abp: Abp, make_batch: MakeBatch, tell: Tell) -> None:
    batch, executor = stopped_batch(make_batch)
    assert abp.json("show", batch.name)["executor"]["state"] == "stalled"
    assert "--force" in abp.run("resume", batch.name, code=2).stderr
    assert batch.owned_by(executor)
    agents = batch.marked()
    abp.run("resume", batch.name, "--force")
    assert executor.wait(PATIENCE_S) == -signal.SIGKILL
    assert not agents.keys() & batch.marked().keys()
    batch.open_gate()
    abp.run("wait", batch.name)
    assert Counter(row[2] for row in batch.attempts().values()) == {"INTERRUPTED": 3, "COMPLETED": 6}
    batch.assert_nothing_lost()
    tell(executors_replaced_by_force=1, units=batch.size)


def test_it_goes_on_where_it_was(make_batch: MakeBatch, tell: Tell) -> None:
    batch, executor = stopped_batch(make_batch)
    batch.open_gate()
    wait_until(lambda: not batch.marked(), what="the agents end meanwhile")
    executor.send_signal(signal.SIGCONT)
    assert executor.wait(PATIENCE_S) == 0
    assert Counter(row[2] for row in batch.attempts().values()) == {"COMPLETED": 6}
    batch.assert_nothing_lost()
    tell(executors_stopped_and_continued=1, units=batch.size)


@pytest.mark.parametrize("agents", ["that still run", "that have ended meanwhile"])
def test_one_that_lost_its_lease_meanwhile_records_nothing_more(
    agents: str, make_batch: MakeBatch, tell: Tell
) -> None:
    batch, executor = stopped_batch(make_batch)
    held = batch.job.lease
    mine = my_lease()
    assert held is not None
    assert batch.repository.leases.take(batch.id, mine, replaces=held.executor)
    if agents == "that have ended meanwhile":
        batch.open_gate()
        wait_until(lambda: not batch.marked(), what="the agents end meanwhile")
    before = batch.dump()
    executor.send_signal(signal.SIGCONT)
    assert executor.wait(PATIENCE_S) == 1
    assert "has another executor now" in batch.said()
    assert batch.dump() == before
    assert batch.marked() == {}
    assert batch.repository.leases.release(batch.id, mine.executor)
    batch.open_gate()
    batch.run_to_end()
    assert batch.job.status is JobStatus.COMPLETED
    batch.assert_nothing_lost()
    tell(leases_lost_while_stopped=1, units=batch.size)


def test_a_force_that_meets_a_continued_executor_leaves_it(abp: Abp, make_batch: MakeBatch) -> None:
    batch, executor = stopped_batch(make_batch)
    executor.send_signal(signal.SIGCONT)
    wait_until(lambda: abp.json("show", batch.name)["executor"]["state"] == "alive", what="it beats again")
    assert "runs already" in abp.run("resume", batch.name, "--force").stderr
    batch.open_gate()
    assert executor.wait(PATIENCE_S) == 0
    batch.assert_nothing_lost()
