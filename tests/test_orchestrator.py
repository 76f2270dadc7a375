from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from abp_tui.domain.model import EventKind, Job, TestResult
from abp_tui.domain.status import AttemptStatus, Desired, JobStatus, Phase, UnitStatus
from abp_tui.errors import AbpError, IllegalTransition, InvalidInput, LeaseHeld, NotFound
from abp_tui.execution.executor import JobExecutor
from abp_tui.liveness import Liveness, started_at
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from tests.factories import InProcessWorker, answer, assert_counters_match, fail, wait_for_cancel
from tests.waiting import wait_until

NAP = "import sys, time; time.sleep(float(sys.argv[1]))"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for n in range(5):
        (folder / f"note{n}.md").write_text("word " * (n + 1))
    return folder


def create(orchestrator: Orchestrator, notes: Path, name: str = "words", **more: object) -> Job:
    config = {"base_directory": str(notes)}
    return orchestrator.create_job(name, "Count the words", "file", config, **more)


def create_naps(orchestrator: Orchestrator, notes: Path, seconds: float, **more: object) -> Job:
    """A job of real processes that sleep."""
    argv = [sys.executable, "-c", NAP, str(seconds)]
    return create(orchestrator, notes, worker="command", worker_options={"argv": argv}, **more)


def run_test(orchestrator: Orchestrator, job: Job) -> TestResult:
    result = orchestrator.start_job(job.id)
    assert isinstance(result, TestResult)
    return result


def status_of(orchestrator: Orchestrator, job: Job) -> JobStatus:
    return orchestrator.repository.jobs.get(job.id).status


# Making


def test_a_job_comes_back_with_its_prompt_and_counts(repository: Repository, notes: Path) -> None:
    job = create(Orchestrator(repository, InProcessWorker()), notes)
    assert (job.status, job.counters.total, job.counters.pending) == (JobStatus.CREATED, 5, 5)
    assert "Count the words" in job.prompt_template
    assert "{file_path}" in job.prompt_template
    assert (job.worker, job.max_workers, job.max_retries) == ("in-process", 4, 3)
    keys = [unit.key for unit in repository.units.page(job.id)]
    assert keys == [f"note{n}.md" for n in range(5)]
    assert_counters_match(repository, job.id)


def test_defaults_come_from_the_environment(
    repository: Repository, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABP_MAX_WORKERS", "7")
    monkeypatch.setenv("ABP_MAX_RETRIES", "0")
    job = create(Orchestrator(repository, InProcessWorker()), notes)
    assert (job.max_workers, job.desired_workers, job.max_retries) == (7, 7, 0)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"prompt_template": "Read {fil_path}"}, "fil_path"),
        ({"name": "j5"}, "form of an id"),
        ({"name": "a/b"}, "name of a job"),
        ({"max_workers": 0}, "max_workers"),
        ({"max_retries": -1}, "max_retries"),
        ({"budget_usd": 0}, "budget"),
        ({"timeout": -1}, "timeout"),
        ({"cwd": "/nowhere/at/all"}, "no folder"),
    ],
)
def test_what_can_not_be_leaves_nothing(
    repository: Repository, notes: Path, more: dict[str, object], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        create(Orchestrator(repository, InProcessWorker()), notes, **more)
    assert repository.jobs.all() == []


def test_a_source_without_items_leaves_nothing(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no items"):
        create(Orchestrator(repository, InProcessWorker()), tmp_path / "empty")
    assert repository.jobs.all() == []


def test_unknown_names_are_errors_that_help(repository: Repository, notes: Path) -> None:
    with pytest.raises(NotFound, match="no worker") as caught:
        create(Orchestrator(repository), notes, worker="clade")
    assert "claude" in caught.value.hint
    with pytest.raises(NotFound, match="no enumerator"):
        Orchestrator(repository, InProcessWorker()).create_job("a", "b", "fil", {})
    with pytest.raises(InvalidInput, match="no such setting"):
        Orchestrator(repository, InProcessWorker()).create_job("a", "b", "file", {"folder": "/"})


def test_creation_that_is_broken_off_leaves_nothing(
    repository: Repository, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(job_id: int, rows: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(repository.jobs, "add_units", interrupt)
    with pytest.raises(KeyboardInterrupt):
        create(Orchestrator(repository, InProcessWorker()), notes)
    assert repository.jobs.all() == []


def test_a_preview_writes_nothing(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    plan = orchestrator.plan("words", "Count {file_name}", "file", {"base_directory": str(notes)})
    preview = orchestrator.preview(plan, first=2)
    assert (preview.count, len(preview.items)) == (5, 2)
    assert "Count note1.md" in preview.prompt(1)
    assert repository.jobs.all() == []


# Testing and deciding


def test_the_test_runs_here_and_returns_everything(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, notes, prompt_template="Read {file_name}")
    result = run_test(orchestrator, job)
    assert result.passed
    assert (result.output, result.cost_usd) == ("Read note0.md", 0.01)
    said = [event.body for event in result.conversation if event.kind is not EventKind.DIFF]
    assert said == ["Read note0.md", "I was asked: Read note0.md"]
    assert result.job.status is JobStatus.TESTING
    assert orchestrator.status(job.id).phase is Phase.REVIEW


def test_approve_keeps_the_tested_unit(repository: Repository, notes: Path) -> None:
    worker = InProcessWorker()
    orchestrator = Orchestrator(repository, worker)
    job = create(orchestrator, notes)
    run_test(orchestrator, job)
    approved = orchestrator.start_job(job.id, approve=True)
    assert isinstance(approved, Job)
    assert approved.status is JobStatus.RUNNING
    assert JobExecutor(repository, job.id, worker).run() is JobStatus.COMPLETED
    assert len(worker.prompts) == 5
    assert len(repository.attempts.of_unit(job.id, 0)) == 1
    assert_counters_match(repository, job.id)


def test_approving_a_failed_test_puts_its_unit_back(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker(fail))
    job = create(orchestrator, notes)
    assert not run_test(orchestrator, job).passed
    assert repository.jobs.get(job.id).counters.failed == 1
    orchestrator.approve(job.id)
    assert repository.jobs.get(job.id).counters.pending == 5
    assert JobExecutor(repository, job.id, InProcessWorker()).run() is JobStatus.COMPLETED
    attempts = repository.attempts.of_unit(job.id, 0)
    assert [a.status for a in attempts] == [AttemptStatus.FAILED, AttemptStatus.COMPLETED]
    assert repository.units.get(job.id, 0).cost_usd == pytest.approx(0.03)


def test_reject_then_test_takes_the_same_unit_with_the_new_prompt(
    repository: Repository, notes: Path
) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, notes, prompt_template="one {file_name}")
    orchestrator.test(job.id, seq=3)
    rejected = orchestrator.start_job(job.id, approve=False)
    assert isinstance(rejected, Job)
    assert rejected.status is JobStatus.CREATED
    assert repository.units.get(job.id, 3).status is UnitStatus.PENDING
    orchestrator.set_prompt(job.id, "two {file_name}")
    result = run_test(orchestrator, job)
    assert (result.unit.seq, result.output) == (3, "two note3.md")
    versions = [a.recipe_version for a in repository.attempts.of_unit(job.id, 3)]
    assert versions == [1, 2]
    assert result.unit.cost_usd == pytest.approx(0.02)
    assert_counters_match(repository, job.id)


def test_testing_another_unit_keeps_what_is_good_and_paid_for(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, worker := InProcessWorker())
    job = create(orchestrator, notes)
    orchestrator.test(job.id)
    assert orchestrator.test(job.id, seq=4).unit.seq == 4
    assert repository.units.get(job.id, 0).status is UnitStatus.COMPLETED
    worker._behaviour = fail
    orchestrator.test(job.id, seq=2)
    worker._behaviour = answer
    orchestrator.test(job.id, seq=3)
    assert repository.units.get(job.id, 2).status is UnitStatus.PENDING
    assert list(repository.units.seqs_in(job.id, "completed")) == [0, 3, 4]
    assert_counters_match(repository, job.id)
    orchestrator.approve(job.id)
    JobExecutor(repository, job.id, worker).run()
    tried = [len(repository.attempts.of_unit(job.id, seq)) for seq in range(5)]
    assert tried == [1, 1, 2, 1, 1], "nothing good is paid for twice"


def test_what_another_prompt_has_made_is_not_kept(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, notes)
    orchestrator.test(job.id)
    orchestrator.set_prompt(job.id, "two {file_name}")
    orchestrator.test(job.id, seq=4)
    assert list(repository.units.seqs_in(job.id, "completed")) == [4]
    orchestrator.test(job.id, seq=1)
    orchestrator.reject(job.id)
    assert list(repository.units.seqs_in(job.id, "completed")) == [], "a rejection is of all"
    assert_counters_match(repository, job.id)


def test_the_next_unit_to_test_is_the_next_that_waits_or_else_the_first(
    repository: Repository, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, notes)
    monkeypatch.setattr(
        orchestrator, "launch_test", lambda job_id, seq: orchestrator.test(job_id, seq=seq).job
    )

    def next_after(seq: int) -> int:
        orchestrator.launch_next_test(job.id, seq)
        result = orchestrator.test_result(job.id)
        assert result is not None
        return result.unit.seq

    assert [next_after(seq) for seq in (-1, 0, 1, 4)] == [0, 1, 2, 3]


def test_where_no_other_unit_waits_the_next_test_is_refused(repository: Repository, tmp_path: Path) -> None:
    folder = tmp_path / "only"
    folder.mkdir()
    (folder / "one.md").write_text("word")
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, folder, "only")
    orchestrator.test(job.id)
    with pytest.raises(NotFound, match="no other unit waits"):
        orchestrator.launch_next_test(job.id, 0)


def test_what_is_out_of_turn_is_refused_and_changes_nothing(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, notes)
    before = repository.jobs.get(job.id)
    for verb in (orchestrator.approve, orchestrator.reject, orchestrator.resume, orchestrator.pause):
        with pytest.raises(IllegalTransition):
            verb(job.id)
    for verb in (orchestrator.retry, orchestrator.cancel_test, orchestrator.stop):
        with pytest.raises(AbpError):
            verb(job.id)
    with pytest.raises(IllegalTransition, match="has not been tested"):
        orchestrator.start_job(job.id, approve=True)
    assert repository.jobs.get(job.id) == before
    run_test(orchestrator, job)
    with pytest.raises(IllegalTransition, match="waits for your review"):
        orchestrator.start_job(job.id)


def test_skipping_the_test(repository: Repository, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    for name in ("by-argument", "by-environment"):
        job = create(orchestrator, notes, name)
        if name == "by-environment":
            monkeypatch.setenv("ABP_SKIP_TEST", "1")
            orchestrator = Orchestrator(repository, InProcessWorker())
        started = orchestrator.start_job(job.id, skip_test=name == "by-argument")
        assert isinstance(started, Job)
        assert started.status is JobStatus.RUNNING
        assert repository.attempts.latest_test(job.id) is None


def test_a_running_test_can_not_be_approved_but_cancelled(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker(wait_for_cancel))
    job = create(orchestrator, notes)
    thread = threading.Thread(target=orchestrator.test, args=(job.id,))
    thread.start()
    wait_until(lambda: repository.attempts.running(job.id))
    for verb in (orchestrator.approve, orchestrator.reject):
        with pytest.raises(IllegalTransition, match="still runs"):
            verb(job.id)
    orchestrator.cancel_test(job.id)
    thread.join(20)
    assert status_of(orchestrator, job) is JobStatus.CREATED


def test_an_edit_with_an_unknown_field_is_refused(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, notes)
    with pytest.raises(InvalidInput, match="file_nam"):
        orchestrator.set_prompt(job.id, "Read {file_nam}")
    assert repository.jobs.get(job.id).recipe.version == 1


# Detached, with real processes


def test_the_batch_runs_in_a_process_of_its_own(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 0.01)
    running = orchestrator.skip_test(job.id)
    assert running.lease is None or running.lease.pid != os.getpid()
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.COMPLETED)
    assert_counters_match(repository, job.id)


def test_a_detached_test_is_followed_in_the_store(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 0.01)
    orchestrator.launch_test(job.id)
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.REVIEW)
    result = orchestrator.test_result(job.id)
    assert result is not None
    assert result.passed


def test_pause_resume_and_stop(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 30, max_workers=2)
    orchestrator.skip_test(job.id)
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 2)
    assert orchestrator.resume(job.id).status is JobStatus.RUNNING
    orchestrator.stop(job.id)
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.PAUSED)
    assert repository.jobs.get(job.id).counters.pending == 5
    orchestrator.resume(job.id)
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 2)
    orchestrator.pause(job.id)
    orchestrator.stop(job.id)
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.PAUSED)
    assert_counters_match(repository, job.id)


@pytest.mark.slow
def test_resuming_a_job_that_is_about_to_pause_takes_the_pause_back(
    repository: Repository, notes: Path
) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 1, max_workers=2)
    orchestrator.skip_test(job.id)
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 2)
    orchestrator.pause(job.id)
    assert orchestrator.resume(job.id).desired is Desired.RUN
    wait_until(lambda: status_of(orchestrator, job) is not JobStatus.RUNNING)
    assert status_of(orchestrator, job) is JobStatus.COMPLETED
    assert_counters_match(repository, job.id)


@pytest.mark.parametrize("round_", range(5))
def test_of_two_people_who_decide_at_once_one_is_heard(
    repository: Repository, notes: Path, round_: int
) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, notes)
    run_test(orchestrator, job)
    heard: list[str] = []
    together = threading.Barrier(2)

    def decide(verb: Callable[[int], Job]) -> None:
        together.wait()
        with contextlib.suppress(IllegalTransition):
            heard.append(verb(job.id).status)

    verbs = (orchestrator.approve, orchestrator.reject)
    threads = [threading.Thread(target=decide, args=(verb,)) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [status_of(orchestrator, job)]
    tested = repository.units.get(job.id, 0).status
    assert tested is (UnitStatus.COMPLETED if heard == ["RUNNING"] else UnitStatus.PENDING)
    assert_counters_match(repository, job.id)


def test_a_dead_executor_shows_as_interrupted_and_is_resumed(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 1, max_workers=5)
    executor = orchestrator.skip_test(job.id).lease
    assert executor is not None
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 5)
    os.kill(executor.pid, signal.SIGKILL)
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.INTERRUPTED)
    orchestrator.resume(job.id)
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.COMPLETED)
    assert_counters_match(repository, job.id)
    assert [a.status for a in repository.attempts.of_unit(job.id, 0)] == ["INTERRUPTED", "COMPLETED"]


def test_a_stopped_executor_is_replaced_by_force_only(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 1, max_workers=5)
    executor = orchestrator.skip_test(job.id).lease
    assert executor is not None
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 5)
    os.kill(executor.pid, signal.SIGSTOP)
    wait_until(lambda: orchestrator.list_jobs()[0].executor.state is Liveness.STALLED)
    with pytest.raises(LeaseHeld, match="does not answer"):
        orchestrator.resume(job.id)
    replaced = orchestrator.resume(job.id, force=True).lease
    assert replaced is not None
    assert replaced.pid != executor.pid
    assert started_at(executor.pid) is None
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.COMPLETED)
    assert_counters_match(repository, job.id)


def test_pausing_a_job_whose_executor_died_puts_its_units_back(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 30)
    executor = orchestrator.skip_test(job.id).lease
    assert executor is not None
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 4)
    os.kill(executor.pid, signal.SIGKILL)
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.INTERRUPTED)
    assert orchestrator.stop(job.id).status is JobStatus.PAUSED
    assert repository.jobs.get(job.id).counters.pending == 5
    assert_counters_match(repository, job.id)


def test_a_test_whose_process_died_can_be_repeated(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 30)
    executor = orchestrator.launch_test(job.id).lease
    assert executor is not None
    wait_until(lambda: repository.attempts.running(job.id))
    os.kill(executor.pid, signal.SIGKILL)
    wait_until(lambda: orchestrator.status(job.id).phase is Phase.INTERRUPTED)
    with pytest.raises(IllegalTransition, match="broke off"):
        orchestrator.approve(job.id)
    assert orchestrator.reject(job.id).status is JobStatus.CREATED
    assert repository.jobs.get(job.id).counters.pending == 5
    assert_counters_match(repository, job.id)


def test_retry_runs_the_failed_units_again(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    script = notes.parent / "once.py"
    script.write_text(
        "import sys, pathlib\nmark = pathlib.Path(sys.argv[1] + '.seen')\n"
        "bad = 'note2' in sys.argv[1] and not mark.exists()\nmark.touch()\nsys.exit(bad)\n"
    )
    argv = [sys.executable, str(script), "{file_path}"]
    job = create(orchestrator, notes, worker="command", worker_options={"argv": argv}, max_retries=0)
    orchestrator.skip_test(job.id)
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.FAILED)
    assert list(repository.units.seqs_in(job.id, "failed")) == [2]
    orchestrator.retry(job.id)
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.COMPLETED)
    with pytest.raises(InvalidInput, match="no failed"):
        orchestrator.retry(job.id)
    assert_counters_match(repository, job.id)


def test_a_worker_that_only_exists_here_can_not_be_detached_and_says_so(
    repository: Repository, notes: Path
) -> None:
    job = create(Orchestrator(repository, InProcessWorker()), notes)
    with pytest.raises(AbpError, match="no worker called 'in-process'"):
        Orchestrator(repository).skip_test(job.id)
    assert repository.jobs.get(job.id) == job


def test_removing(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 30)
    orchestrator.skip_test(job.id)
    with pytest.raises(AbpError, match="being run"):
        orchestrator.remove(job.id)
    orchestrator.stop(job.id)
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.PAUSED)
    orchestrator.remove("words")
    assert repository.jobs.all() == []


def test_a_prompt_edited_after_its_test_is_not_approved(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository, InProcessWorker())
    job = create(orchestrator, notes)
    run_test(orchestrator, job)
    orchestrator.set_prompt(job.id, "Something else with {file_name}")
    with pytest.raises(IllegalTransition, match="edited after its test"):
        orchestrator.approve(job.id)


def test_a_job_whose_folder_is_gone_is_paused_and_says_so(repository: Repository, notes: Path) -> None:
    (notes.parent / "gone").mkdir()
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 0.01, cwd=str(notes.parent / "gone"))
    (notes.parent / "gone").rmdir()
    with pytest.raises(AbpError, match="can't be started"):
        orchestrator.skip_test(job.id)
    assert status_of(orchestrator, job) is JobStatus.PAUSED


def test_resuming_twice_at_once_starts_one_executor(repository: Repository, notes: Path) -> None:
    orchestrator = Orchestrator(repository)
    job = create_naps(orchestrator, notes, 1, max_workers=5)
    repository.jobs.move(job.id, JobStatus.RUNNING)
    owners: list[int] = []

    def resume() -> None:
        lease = orchestrator.resume(job.id).lease
        owners.append(lease.pid if lease else 0)

    threads = [threading.Thread(target=resume) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(owners) == 2
    assert len(set(owners)) == 1
    wait_until(lambda: status_of(orchestrator, job) is JobStatus.COMPLETED)
    assert {a.number for n in range(5) for a in repository.attempts.of_unit(job.id, n)} == {1}


@pytest.mark.parametrize("workers", [8, 64])
def test_five_hundred_real_programs_that_exit_at_once(
    repository: Repository, tmp_path: Path, workers: int
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(500):
        (folder / f"{n:03}.txt").touch()
    orchestrator = Orchestrator(repository)
    job = create(
        orchestrator, folder, worker="command", worker_options={"argv": ["true"]}, max_workers=workers
    )
    orchestrator.skip_test(job.id)
    wait_until(lambda: status_of(orchestrator, job).ended, seconds=60)
    assert orchestrator.status(job.id).completed_units == 500
    assert_counters_match(repository, job.id)
