"""Somebody looks into the database and leaves a transaction open for as long as the batch runs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from abp_tui.domain.status import JobStatus
from abp_tui.store.wal import LIMIT_BYTES
from tests.faults.conftest import MakeBatch
from tests.faults.report import Tell
from tests.faults.rig import PATIENCE_S, Batch

READER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN")
print(db.execute("SELECT count(*) FROM unit WHERE status = 'COMPLETED'").fetchone()[0], flush=True)
sys.stdin.readline()
print(db.execute("SELECT count(*) FROM unit WHERE status = 'COMPLETED'").fetchone()[0], flush=True)
"""
UNITS = 120
FEW = 20  # transactions of whoever comes next


@contextmanager
def reader_of(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that reads once and then holds its transaction until it is spoken to."""
    argv = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        try:
            yield reader
        finally:
            reader.kill()


def wal_size(batch: Batch) -> int:
    path = batch.repository.path
    wal = path.with_name(f"{path.name}-wal")
    return wal.stat().st_size if wal.exists() else 0


def test_the_batch_goes_on_and_its_log_shrinks_afterwards(make_batch: MakeBatch, tell: Tell) -> None:
    batch = make_batch([{"n": n, "kind": "chatty", "seconds": "0"} for n in range(UNITS)])
    path = batch.repository.path
    with closing(sqlite3.connect(path)) as onlooker:  # else the last to leave would remove the log
        onlooker.execute("SELECT count(*) FROM unit").fetchone()
        with reader_of(path) as reader:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "0\n"
            assert batch.start().wait(PATIENCE_S) == 0
            assert batch.job.status is JobStatus.COMPLETED
            assert reader.communicate("\n")[0] == "0\n", "it has held its view of the beginning"
        assert wal_size(batch) > LIMIT_BYTES, "what could not be written back is all still there"
        for _ in range(FEW):
            batch.repository.jobs.ask(batch.id, workers=4)
        assert wal_size(batch) <= LIMIT_BYTES
    batch.assert_nothing_lost()
    tell(pinned_readers=1, units=UNITS)
