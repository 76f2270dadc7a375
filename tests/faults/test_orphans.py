"""Nothing that an attempt has started outlives it: its end, a stop, a timeout, the executor's death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from abp_tui import processes
from abp_tui.domain.model import Job, Timers
from abp_tui.domain.status import Desired, JobStatus, UnitStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.watchdog import MARK
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from tests.factories import make_job
from tests.processes import gone, kill
from tests.waiting import wait_until

BROOD = str(Path(__file__).parent.parent / "standins" / "brood")
KINDS = ("plain", "own_group", "own_session", "daemon", "bare", "bare_own_group")
PATIENCE_S = 30.0


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Path]:
    """The folder where the children write who they are; what a failed test leaves is ended."""
    folder = tmp_path / "nest"
    folder.mkdir()
    yield folder
    kill(pid for pid in pids(folder) if not gone(pid))


def pids(nest: Path) -> list[int]:
    return [int((nest / kind).read_text()) for kind in KINDS if (nest / kind).exists()]


def hatched(nest: Path) -> bool:
    return len(pids(nest)) == len(KINDS)


def living(nest: Path) -> set[str]:
    return {kind for kind in KINDS if (nest / kind).exists() and not gone(int((nest / kind).read_text()))}


def brood_job(repository: Repository, nest: Path, then: str, **timers: Any) -> Job:
    job = make_job(
        repository,
        1,
        status=JobStatus.RUNNING,
        worker="command",
        worker_options={"argv": [BROOD, str(nest), then]},
        cwd=nest,
    )
    repository.recipes.add(job.recipe, timers=Timers(backoff_s=0.01, **timers))
    return job


def start_detached(repository: Repository, job: Job) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-P", "-m", "abp_tui.execution", str(job.id), "--store", str(repository.path)]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture(params=["in this process", "in this process, without /proc", "detached"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Runs a job: returns what waits for its end. The test runs with each kind of executor."""
    if "without" in request.param:
        monkeypatch.setattr(processes, "_HAS_PROC", False)
    started: list[subprocess.Popen[bytes]] = []

    def run(repository: Repository, job: Job) -> Any:
        if request.param == "detached":
            started.append(start_detached(repository, job))
            return lambda: started[0].wait(PATIENCE_S)
        thread = threading.Thread(target=JobExecutor(repository, job.id).run)
        thread.start()
        return lambda: thread.join(PATIENCE_S)

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("then", ["leave", "fail"])
def test_after_a_normal_end(repository: Repository, nest: Path, run: Any, then: str) -> None:
    job = brood_job(repository, nest, then)
    run(repository, job)()
    assert hatched(nest)
    assert living(nest) == set()
    ended = UnitStatus.COMPLETED if then == "leave" else UnitStatus.FAILED
    assert repository.units.get(job.id, 0).status is ended


def test_after_a_timeout(repository: Repository, nest: Path, run: Any) -> None:
    job = brood_job(repository, nest, "stay", idle_s=1.5)
    run(repository, job)()
    assert hatched(nest)
    assert living(nest) == set()
    assert repository.units.get(job.id, 0).failure_kind == "timeout_idle"


def test_after_a_stop(repository: Repository, nest: Path, run: Any) -> None:
    job = brood_job(repository, nest, "stay")
    ended = run(repository, job)
    wait_until(lambda: hatched(nest))
    repository.jobs.ask(job.id, desired=Desired.STOP)
    ended()
    assert living(nest) == set()
    assert repository.jobs.get(job.id).status is JobStatus.PAUSED


def test_after_a_test_in_the_calling_process(repository: Repository, nest: Path) -> None:
    job = make_job(
        repository, 1, worker="command", worker_options={"argv": [BROOD, str(nest), "leave"]}, cwd=nest
    )
    assert Orchestrator(repository).start_job(job.id).passed  # type: ignore[union-attr]
    assert hatched(nest)
    assert living(nest) == set()


def shedding_job(repository: Repository, nest: Path, then: str) -> Job:
    """A job whose agent leaves a child that has neither its environment nor its session."""
    deaf = f"echo $$ > {nest}/plain.part; mv {nest}/plain.part {nest}/plain; exec sleep 600"
    code = f"setsid env -i sh -c '{deaf}' >&- 2>&- & while [ ! -e {nest}/plain ]; do sleep 0.01; done; {then}"
    options = {"argv": ["sh", "-c", code]}
    return make_job(
        repository, 1, status=JobStatus.RUNNING, worker="command", worker_options=options, cwd=nest
    )


def test_what_shed_both_its_environment_and_its_session_ends_with_a_detached_executor(
    repository: Repository, nest: Path
) -> None:
    executor = start_detached(repository, shedding_job(repository, nest, "true"))
    assert executor.wait(PATIENCE_S) == 0
    assert pids(nest) and living(nest) == set()


def test_what_shed_both_its_environment_and_its_session_ends_with_a_stop(
    repository: Repository, nest: Path
) -> None:
    job = shedding_job(repository, nest, "sleep 600")
    executor = start_detached(repository, job)
    wait_until(lambda: pids(nest))
    repository.jobs.ask(job.id, desired=Desired.STOP)
    assert executor.wait(PATIENCE_S) == 0
    assert living(nest) == set()


def killed_while_at_work(repository: Repository, nest: Path, *, with_watchdog: bool) -> Job:
    """A job whose executor was killed with everything hatched, and what watches over it too, or not."""
    job = brood_job(repository, nest, "stay")
    executor = start_detached(repository, job)
    wait_until(lambda: hatched(nest))
    wait_until(lambda: [a for a in repository.attempts.running(job.id) if a.pid])
    if not with_watchdog:
        kill(watchdogs(executor.pid))
    executor.kill()
    executor.wait()
    return job


def watchdogs(executor: int) -> list[int]:
    """The children of an executor that are copies of itself."""
    own = psutil.Process(executor).cmdline()
    return [child.pid for child in psutil.Process(executor).children() if child.cmdline() == own]


def test_after_a_kill_of_the_executor_nobody_goes_on_spending(repository: Repository, nest: Path) -> None:
    killed_while_at_work(repository, nest, with_watchdog=True)
    wait_until(lambda: not living(nest), what="all are ended, with no other executor")


def test_after_a_kill_of_the_executor_and_a_new_start(repository: Repository, nest: Path) -> None:
    job = killed_while_at_work(repository, nest, with_watchdog=False)
    assert living(nest) == set(KINDS)
    before = pids(nest)
    for kind in KINDS:
        (nest / kind).unlink()
    repository.recipes.add(
        repository.jobs.get(job.id).recipe, worker_options={"argv": [BROOD, str(nest), "leave"]}
    )
    assert start_detached(repository, job).wait(PATIENCE_S) == 0
    assert all(gone(pid) for pid in before)
    assert hatched(nest) and living(nest) == set()
    assert repository.jobs.get(job.id).status is JobStatus.COMPLETED


def test_a_watchdog_goes_with_its_executor_and_heeds_no_signal_before(
    repository: Repository, nest: Path
) -> None:
    executor = start_detached(repository, brood_job(repository, nest, "stay"))
    try:
        wait_until(lambda: hatched(nest))
        (dog,) = watchdogs(executor.pid)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(dog, number)
        assert os.getsid(dog) == dog
        assert len(list(Path(f"/proc/{dog}/fd").iterdir())) == 4
        executor.terminate()
        assert executor.wait(PATIENCE_S) == 0
        wait_until(lambda: gone(dog), what="the watchdog goes")
    finally:
        executor.kill()
        executor.wait()


def test_one_executor_ends_nothing_of_another(repository: Repository, tmp_path: Path) -> None:
    """Two jobs of one store: the end of one attempt is not that of others, whoever looks for what it left."""
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    try:
        stays = make_job(
            repository, 1, name="stays", status=JobStatus.RUNNING, worker="command",
            worker_options={"argv": [BROOD, str(folders[0]), "stay"]},
        )  # fmt: skip
        executor = start_detached(repository, stays)
        wait_until(lambda: hatched(folders[0]))
        leaves = brood_job(repository, folders[1], "leave")
        JobExecutor(repository, leaves.id).run()
        assert living(folders[0]) == set(KINDS)
        assert living(folders[1]) == set()
        executor.terminate()
        executor.wait(PATIENCE_S)
        assert living(folders[0]) == set()
    finally:
        kill(pid for folder in folders for pid in pids(folder) if not gone(pid))


def test_the_mark_of_an_executor_is_not_passed_on_to_one_that_it_starts() -> None:
    from abp_tui.execution.launch import clean_environment

    assert clean_environment({MARK: "x", "ABP_ATTEMPT": "y", "HOME": "/"}) == {"HOME": "/"}
