"""Another program holds the database's write lock for longer than an executor is ready to wait."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from abp_tui.domain.status import JobStatus
from abp_tui.store.database import BUSY_TIMEOUT_S
from tests.faults.conftest import MakeBatch
from tests.faults.report import Tell
from tests.faults.rig import PATIENCE_S, gated
from tests.waiting import wait_until

HELD_S = 2.5 * BUSY_TIMEOUT_S


def test_a_locked_database_loses_nothing(make_batch: MakeBatch, tell: Tell) -> None:
    batch = make_batch(gated(6), workers=3)
    executor = batch.start()
    batch.until_processing(3)
    with closing(sqlite3.connect(batch.repository.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        until = time.monotonic() + HELD_S
        batch.open_gate()
        wait_until(lambda: executor.poll() is not None or time.monotonic() > until, PATIENCE_S)
        other.execute("ROLLBACK")
    batch.run_to_end()
    assert batch.job.status is JobStatus.COMPLETED
    batch.assert_nothing_lost()
    tell(locked_databases=1, units=batch.size)
    assert len(batch.effects()["done"]) == batch.size
