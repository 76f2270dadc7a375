"""What an agent has started in a session of its own, and leaves behind."""

from __future__ import annotations

from abp_tui.domain.status import Desired, JobStatus
from tests.faults.conftest import MakeBatch
from tests.faults.report import Tell
from tests.faults.rig import PATIENCE_S, Batch, gated
from tests.processes import kill
from tests.waiting import wait_until


def batch_of_daemons(make_batch: MakeBatch) -> Batch:
    """A batch of three units that all run, each with a child in a session of its own."""
    batch = make_batch(gated(3, "daemon"), workers=3)
    batch.start()
    batch.until_processing(3)
    wait_until(lambda: len(batch.marked()) >= 6, PATIENCE_S, "each has its child")
    return batch


def test_the_next_executor_ends_it_after_a_kill(make_batch: MakeBatch, tell: Tell) -> None:
    batch = batch_of_daemons(make_batch)
    left = batch.marked()
    kill([batch.executors[0].pid])
    kill(batch.leaders())
    batch.start()
    wait_until(lambda: not left.keys() & batch.marked().keys(), PATIENCE_S, "all of it is gone")
    tell(daemons_ended=3, units=batch.size)


def test_it_is_ended_when_its_agent_has_done_well(make_batch: MakeBatch, tell: Tell) -> None:
    batch = batch_of_daemons(make_batch)
    batch.open_gate()
    assert batch.executors[0].wait(PATIENCE_S) == 0
    assert batch.job.status is JobStatus.COMPLETED
    assert batch.marked() == {}
    tell(daemons_ended=3, units=batch.size)


def test_it_is_ended_when_the_batch_is_stopped(make_batch: MakeBatch, tell: Tell) -> None:
    batch = batch_of_daemons(make_batch)
    batch.repository.jobs.ask(batch.id, desired=Desired.STOP)
    assert batch.executors[0].wait(PATIENCE_S) == 0
    assert batch.job.status is JobStatus.PAUSED
    assert batch.marked() == {}
    tell(daemons_ended=3, units=batch.size)


def test_it_is_ended_when_its_agent_was_killed(make_batch: MakeBatch, tell: Tell) -> None:
    batch = batch_of_daemons(make_batch)
    first = set(batch.marked().values())
    left = {pid for pid, attempt in batch.marked().items() if attempt in first}
    leaders = batch.leaders()
    kill(leaders)
    wait_until(lambda: len(batch.attempts()) == 6, PATIENCE_S, "they are tried again")
    assert not (left - leaders.keys()) & batch.marked().keys()
    tell(daemons_ended=3, units=batch.size)
