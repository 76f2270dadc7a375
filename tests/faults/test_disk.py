"""No room for the database while a batch runs: the executor waits for it, and then nothing is missing.

The disk is a small one of our own, filled to the last byte; and one test limits the size of the
executor's files, which needs no right to mount a disk.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from abp_tui.domain.status import JobStatus
from abp_tui.store.repository import Repository
from tests.factories import make_repository
from tests.faults.report import Tell
from tests.faults.rig import PATIENCE_S, Batch, gated
from tests.waiting import wait_until

MIB = 1024 * 1024
DISK_MIB = 120
LOW_MIB = 40  # below what an executor wants to see before it claims a unit
CAP_SYS_ADMIN = 1 << 21


def may_mount() -> bool:
    status = Path("/proc/self/status")
    effective = status.read_text().partition("CapEff:")[2].split() if status.exists() else ["0"]
    return os.geteuid() == 0 and bool(int(effective[0], 16) & CAP_SYS_ADMIN)


by_mount = pytest.mark.skipif(not may_mount(), reason="no disk of our own may be mounted here")

Starve = Callable[[Batch], None]


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill a disk but for so many bytes; returns the file that takes the room."""
    path = folder / "filler"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with path.open("wb", buffering=0) as file, suppress(OSError):
        left = free - leave
        while left > 0 or not leave:
            left -= file.write(b"\0" * min(MIB, left if leave else 4096 if left < MIB else MIB))
    return path


def limit_files(executor: subprocess.Popen[bytes], size: int) -> None:
    """Let none of the executor's files grow beyond `size` bytes; infinity gives it its freedom back."""
    _, hard = resource.prlimit(executor.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(executor.pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@contextmanager
def batch_on(repository: Repository, folder: Path) -> Iterator[tuple[Batch, subprocess.Popen[bytes]]]:
    """A batch of twelve units of which three run. What its agents write is on another disk."""
    batch = Batch(repository, folder, gated(12), workers=3)
    try:
        executor = batch.start()
        batch.until_processing(3)
        yield batch, executor
    finally:
        batch.end()


def complains(batch: Batch) -> bool:
    """Whether the executor's log or the job's says what is wrong."""
    said = batch.said() + "".join(entry.message for entry in batch.repository.logs.after(batch.id))
    said += batch.job.waiting or ""
    return any(word in said.lower() for word in ("full", "room", "space", "disk"))


def assert_it_waits(batch: Batch, executor: subprocess.Popen[bytes]) -> None:
    """It lives, says what is wrong, and has begun nothing but the first three units."""
    wait_until(lambda: complains(batch) or executor.poll() is not None, PATIENCE_S, "it says so")
    assert executor.poll() is None
    assert len(batch.effects()["began"]) == 3


def assert_all_of_it_is_there(batch: Batch, executor: subprocess.Popen[bytes]) -> None:
    assert executor.wait(PATIENCE_S) == 0
    assert batch.job.status is JobStatus.COMPLETED
    assert Counter(row[2] for row in batch.attempts().values()) == {"COMPLETED": batch.size}
    batch.assert_nothing_lost()


def until_done(batch: Batch, executor: subprocess.Popen[bytes]) -> None:
    """Wait until the three agents have ended, by themselves or with their executor."""
    wait_until(
        lambda: executor.poll() is not None or len(batch.effects()["done"]) == 3,
        PATIENCE_S,
        "three agents have ended",
    )


@by_mount
def test_a_full_disk_is_waited_out(disk: Path, tmp_path: Path, tell: Tell) -> None:
    with batch_on(make_repository(disk), tmp_path / "work") as (batch, executor):
        filler = fill(disk)
        batch.open_gate()
        until_done(batch, executor)
        assert_it_waits(batch, executor)
        filler.unlink()
        assert_all_of_it_is_there(batch, executor)
        tell(full_disks_waited_out=1, units=batch.size)


@by_mount
def test_a_full_disk_loses_nothing(disk: Path, tmp_path: Path, tell: Tell) -> None:
    with batch_on(make_repository(disk), tmp_path / "work") as (batch, executor):
        before = batch.ended_units()
        filler = fill(disk)
        batch.open_gate()
        wait_until(lambda: executor.poll() is not None or complains(batch), PATIENCE_S, "it notices")
        filler.unlink()
        batch.run_to_end()
        assert batch.job.status is JobStatus.COMPLETED
        assert before.items() <= batch.ended_units().items()
        batch.assert_nothing_lost()
        tell(full_disks=1, units=batch.size)


@by_mount
def test_on_a_disk_that_is_nearly_full_nothing_new_is_begun(disk: Path, tmp_path: Path, tell: Tell) -> None:
    with batch_on(make_repository(disk), tmp_path / "work") as (batch, executor):
        filler = fill(disk, leave=LOW_MIB * MIB)
        batch.open_gate()
        wait_until(lambda: len(batch.ended_units()) >= 3, PATIENCE_S, "what has ended is recorded")
        assert_it_waits(batch, executor)
        filler.unlink()
        assert_all_of_it_is_there(batch, executor)
        tell(disks_nearly_full=1, units=batch.size)


def test_files_that_may_not_grow_are_waited_out(tmp_path: Path, tell: Tell) -> None:
    repository = make_repository(tmp_path)
    with batch_on(repository, tmp_path / "work") as (batch, executor):
        wal = repository.path.with_name(f"{repository.path.name}-wal")
        limit_files(executor, wal.stat().st_size)
        batch.open_gate()
        until_done(batch, executor)
        assert_it_waits(batch, executor)
        limit_files(executor, resource.RLIM_INFINITY)
        assert_all_of_it_is_there(batch, executor)
        tell(file_limits_waited_out=1, units=batch.size)


def test_files_that_may_not_grow_lose_nothing(tmp_path: Path, tell: Tell) -> None:
    repository = make_repository(tmp_path)
    with batch_on(repository, tmp_path / "work") as (batch, executor):
        wal = repository.path.with_name(f"{repository.path.name}-wal")
        limit_files(executor, wal.stat().st_size)
        batch.open_gate()
        wait_until(lambda: executor.poll() is not None or complains(batch), PATIENCE_S, "it notices")
        if executor.poll() is None:
            limit_files(executor, resource.RLIM_INFINITY)
        batch.run_to_end()
        assert batch.job.status is JobStatus.COMPLETED
        batch.assert_nothing_lost()
        tell(file_limits=1, units=batch.size)
