"""What the rows share: a folder of their own, sizes, agents, jobs, and executors run as real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abp_tui.domain.model import Job
from abp_tui.domain.status import Desired, JobStatus
from abp_tui.store.repository import Repository
from tests.bench.result import Pairs
from tests.bench.watched import make_watched
from tests.factories import make_job

PAIRS = 3
PATIENCE_S = 300.0
END_S = 30.0

SIX_LINES = "".join(
    f"""echo '{{"type":"text","n":{n},"text":"line {n} of what an agent has to say"}}'\n""" for n in range(6)
)


class Setting:
    """A folder for one run of the benchmark, and how large things are in it."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self._folder = folder
        self._quick = quick
        self._folders = 0
        self._million: MadeJob | None = None
        self._watched: MadeJob | None = None

    def size(self, full: int, quick: int) -> int:
        """A size for this run."""
        return quick if self._quick else full

    def folder(self) -> Path:
        """A new empty folder."""
        self._folders += 1
        folder = self._folder / str(self._folders)
        folder.mkdir()
        return folder

    def agent(self, *before: str) -> list[str]:
        """The command line of an agent, a shell script that prints six lines of JSON after these commands."""
        script = self.folder() / "agent.sh"
        script.write_text("".join(f"{line}\n" for line in before) + SIX_LINES)
        return ["sh", str(script)]

    def job(self, count: int, argv: Sequence[str], *, workers: int, **options: Any) -> MadeJob:
        """A job of `count` units that waits for its executor, in a store of its own."""
        folder = self.folder()
        repository = Repository(folder / "abp.db")
        job = make_job(
            repository,
            count,
            status=JobStatus.RUNNING,
            cwd=folder,
            worker="command",
            worker_options={"argv": list(argv), **options},
            max_workers=workers,
            desired_workers=workers,
        )
        return MadeJob(repository, job.id, folder)

    def million(self) -> MadeJob:
        """The one job of a million units, made when it is first asked for."""
        if self._million is None:
            count = self.size(1_000_000, 20_000)
            self._million = self.job(count, [*self.agent(), "{n}"], workers=4)
        return self._million

    def watched(self) -> MadeJob:
        """The store that the terminal interface is measured on, made when it is first asked for."""
        if self._watched is None:
            folder = self.folder()
            repository, job_id = make_watched(folder, self.size(1_000_000, 20_000))
            self._watched = MadeJob(repository, job_id, folder)
        return self._watched


@dataclass(frozen=True, slots=True)
class MadeJob:
    """A job in its store, and the folder of both."""

    repository: Repository
    id: int
    folder: Path

    @property
    def job(self) -> Job:
        """The job as it stands."""
        return self.repository.jobs.get(self.id)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query of the store gives."""
        with self.repository.database.connected() as db:
            return list(db.execute_sql(query).fetchall())

    def began(self) -> float:
        """When the first attempt was started, in seconds since the epoch; 0 if none was."""
        return float(self.rows("SELECT coalesce(min(started_at), 0) FROM attempt")[0][0])

    def seconds(self) -> float:
        """From the first attempt's start to the job's end: the interpreter's start-up is not in it."""
        ended = self.job.finished_at
        assert ended is not None, f"job {self.id} has not ended"
        return ended.timestamp() - self.began()


@dataclass(frozen=True, slots=True)
class Executor:
    """An executor's process."""

    process: subprocess.Popen[bytes]
    made: MadeJob

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def stop(self) -> None:
        """Have it end its agents and itself, as `abp stop` does."""
        self.made.repository.jobs.ask(self.made.id, desired=Desired.STOP)
        self.process.wait(END_S)


@contextmanager
def executor(made: MadeJob) -> Iterator[Executor]:
    """An executor of the job, as it is started for a person; ended at the end if it still runs."""
    arguments = [sys.executable, "-P", "-m", "abp_tui.execution", str(made.id)]
    with (made.folder / "executor.log").open("ab") as log:
        process = subprocess.Popen(
            [*arguments, "--store", str(made.repository.path)],
            cwd=made.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Executor(process, made)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_to_end(made: MadeJob) -> None:
    """Run the job; raises `AssertionError` where not all of its units completed."""
    with executor(made) as running:
        running.process.wait(PATIENCE_S)
    assert_completed(made)


def assert_completed(made: MadeJob) -> None:
    """Nothing counts that was not done."""
    counters = made.job.counters
    log = (made.folder / "executor.log").read_text()
    assert made.job.status is JobStatus.COMPLETED, f"{made.job.status}, {counters}: {log[-2000:]}"
    assert counters.completed == counters.total, counters


def alternate(ours: Callable[[], float], baseline: Callable[[], float], times: int = PAIRS) -> Pairs:
    """Measure both in turn."""
    pairs = Pairs([], [])
    for _ in range(times):
        pairs.ours.append(ours())
        pairs.baseline.append(baseline())
    return pairs


def environment(**more: str) -> Mapping[str, str]:
    """The environment for what is measured: this one, less a person's settings of the program.

    Python may keep what it has compiled, as it does where the program is installed.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("ABP_")}
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**own, **more}
