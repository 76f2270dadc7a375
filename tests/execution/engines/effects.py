"""What agents of a job did, as they wrote it down themselves, and executors that may be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from abp_tui.domain.model import Job
from abp_tui.domain.status import AttemptStatus
from abp_tui.execution.attempt import ATTEMPT_MARK
from abp_tui.store.repository import Repository
from tests.execution.engines.jobs import completed_attempts
from tests.factories import assert_counters_match
from tests.processes import marked_processes
from tests.waiting import wait_until


class Effects:
    """What agents did: each writes that it begins, waits for the gate, and writes that it ends."""

    def __init__(self, folder: Path) -> None:
        self.file, self._gate = folder / "effects", folder / "gate"
        self.file.touch()
        self.script = (
            f'echo "begins $ABP_ITEM $NODE" >> {self.file}\n'
            f"until [ -e {self._gate} ]; do sleep 0.05; done\n"
            f'echo "ends $ABP_ITEM $NODE" >> {self.file}\n'
            "echo $NODE"
        )

    def open_gate(self) -> None:
        self._gate.touch()

    def lines(self, what: str) -> list[str]:
        return [line for line in self.file.read_text().splitlines() if line.startswith(what)]

    def on(self, node: str) -> int:
        return len([line for line in self.lines("begins") if line.endswith(f" {node}")])


def assert_each_once(repository: Repository, job: Job, effects: Effects) -> None:
    """Every unit completed once, no end happened twice, no retry was spent, and nothing is left running."""
    total = repository.jobs.get(job.id).counters.total
    assert completed_attempts(repository, job) == dict.fromkeys(range(total), 1)
    ends = [line.rsplit(" ", 1)[0] for line in effects.lines("ends")]
    assert len(ends) == len(set(ends)) == total
    assert all(unit.failures == 0 for unit in repository.units.page(job.id, limit=1000))
    assert_counters_match(repository, job.id)
    wait_until(lambda: not marked_processes(repository.uuid), what="the end of all agents")


def interrupted(repository: Repository, job: Job) -> int:
    units = repository.units.page(job.id, limit=1000)
    attempts = [each for unit in units for each in repository.attempts.of_unit(job.id, unit.seq)]
    return len([each for each in attempts if each.status is AttemptStatus.INTERRUPTED])


def start_executor(
    repository: Repository, job: Job, folder: Path, within: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """The job's executor as a process of its own, that ends with its test at the latest."""
    arguments = [
        *within,
        sys.executable,
        "-P",
        "-m",
        "abp_tui.execution",
        str(job.id),
        "--store",
        str(repository.path),
    ]
    environment = {name: value for name, value in os.environ.items() if name != ATTEMPT_MARK}
    with (folder / "executor.log").open("ab") as log:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    _started.append(process)
    return process


def end_executors() -> None:
    """Kill those that a test has left running."""
    for process in _started:
        process.kill()
        process.wait()
    _started.clear()


_started: list[subprocess.Popen[bytes]] = []
