"""The machine goes down: TERM to everything at nearly the same moment, as init sends it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from abp_tui.domain.status import JobStatus
from tests.faults.conftest import MakeBatch
from tests.faults.report import Tell
from tests.faults.rig import PATIENCE_S, Batch, gated

SHUTDOWNS = 3


@pytest.mark.parametrize("worker", ["command", "claude"])
@pytest.mark.parametrize("kind", ["gated", "polite"])
@pytest.mark.parametrize("first", ["executor", "agents"])
def test_it_counts_as_no_failure(
    first: str, kind: str, worker: str, make_batch: MakeBatch, tell: Tell
) -> None:
    batch = make_batch(gated(8, kind), worker=worker, workers=4, max_retries=0)
    for _ in range(SHUTDOWNS):
        shut_down(batch, first)
        assert batch.job.status in (JobStatus.PAUSED, JobStatus.RUNNING)
        assert batch.rows("SELECT sum(failures) FROM unit WHERE job_id = ?") == [(0,)]
    batch.open_gate()
    batch.run_to_end()
    assert batch.job.status is JobStatus.COMPLETED
    batch.assert_nothing_lost()
    tell(shutdowns=SHUTDOWNS, units=batch.size)


def shut_down(batch: Batch, first: str) -> None:
    """Let an executor run four units, then end it and all that it has started."""
    executor = batch.resume()
    batch.until_processing(4)
    agents = list(batch.marked())
    for pid in (executor.pid, *agents) if first == "executor" else (*agents, executor.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    assert executor.wait(PATIENCE_S) == 0
