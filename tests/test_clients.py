"""What a program that asks in place of a person may do, and what waits for that person."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import Client, Job, Outcome
from abp_tui.domain.status import Desired, JobStatus, Phase, UnitStatus
from abp_tui.errors import AbpError, IllegalTransition, InvalidInput, PersonNeeded
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.lease import take_lease
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import load_settings
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task, make_worker
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, answer, assert_counters_match, make_job

ROBOT = Client("robot 1.0")
COMMAND = {"argv": [sys.executable, "-c", "print('ran')"]}
CODE = "def enumerate_items(context):\n    return [{'n': n} for n in range(3)]\n"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for n in range(3):
        (folder / f"note{n}.md").write_text("word " * (n + 1))
    return folder


@pytest.fixture
def robot(repository: Repository) -> Orchestrator:
    return Orchestrator(repository, client=ROBOT)


@pytest.fixture
def person(repository: Repository) -> Orchestrator:
    return Orchestrator(repository)


def files(orchestrator: Orchestrator, notes: Path, **more: Any) -> Job:
    worker = {"worker": "sample"} if "worker" not in more else {}
    config = {"base_directory": str(notes)}
    return orchestrator.create_job("words", "Count the words", "file", config, **worker, **more)


def test_what_reads_files_and_asks_an_agent_as_it_is_waits_for_nobody(
    robot: Orchestrator, notes: Path
) -> None:
    job = files(robot, notes, worker_options={"pace_s": 0.1})
    assert (job.client, job.held) == ("robot 1.0", ())
    assert robot.status(job.id).phase is None


def test_another_folder_may_hold_settings_that_allow_more(
    robot: Orchestrator, person: Orchestrator, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = files(robot, notes, cwd=notes)
    assert job.held == (f"runs sample in {notes}, with the settings of that folder",)
    with pytest.raises(PersonNeeded):
        robot.launch_test(job.id)
    assert person.approve(job.id).held == ()
    monkeypatch.chdir(notes)
    here: dict[str, Any] = {"enumerator_config": {"base_directory": "."}, "worker": "sample"}
    assert person.create_job("own", "x", "file", **here).held == ()
    link = notes.parent / "link"
    link.symlink_to(notes)
    assert (
        robot.create_job("here", "x", "file", {"base_directory": "."}, worker="sample", cwd=link).held == ()
    )


def test_a_worker_of_another_package_is_held_also_without_options(
    robot: Orchestrator, person: Orchestrator, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may call itself as one of ours, and say that none of its options matters."""
    info = tmp_path / "site" / "abp_other-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: abp-other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[abp_tui.workers]\nother = abp_tui.workers.sample:SampleWorker\n")
    monkeypatch.syspath_prepend(str(info.parent))
    job = files(robot, notes, worker="other")
    assert job.held == ("runs other, a worker of another package",)
    with pytest.raises(PersonNeeded):
        robot.launch_test(job.id)
    assert person.create_job("mine", "x", "file", job.enumerator_config, worker="other").held == ()


def test_a_job_of_a_person_is_held_for_nothing(person: Orchestrator, notes: Path) -> None:
    job = files(person, notes, worker="command", worker_options=COMMAND)
    assert (job.client, job.held) == (None, ())


def test_a_command_runs_only_once_a_person_has_approved_it(
    robot: Orchestrator, person: Orchestrator, notes: Path
) -> None:
    job = files(robot, notes, worker="command", worker_options=COMMAND)
    assert (job.status, person.status(job.id).phase) == (JobStatus.CREATED, Phase.HELD)
    assert "print('ran')" in job.held[0]
    for ask in (robot.test, robot.launch_test, robot.launch_job, robot.skip_test, robot.approve, person.test):
        with pytest.raises(PersonNeeded) as caught:
            ask(job.id)
        assert caught.value.command == f"abp approve {job.ref}"
    assert robot.repository.jobs.get(job.id).status is JobStatus.CREATED
    approved = person.approve(job.id)
    assert (approved.status, approved.held) == (JobStatus.CREATED, ())
    assert robot.test(job.id).output.strip() == "ran"


def test_the_approval_is_recorded_with_what_was_approved(
    robot: Orchestrator, person: Orchestrator, notes: Path
) -> None:
    job = files(robot, notes, worker="command", worker_options=COMMAND)
    person.approve(job.id)
    with sqlite3.connect(person.repository.path) as connection:
        ((kind, what),) = connection.execute("SELECT kind, what FROM approval").fetchall()
    assert kind == "job"
    assert "robot 1.0" in what
    assert "print('ran')" in what
    said = [entry.message for entry in person.repository.logs.after(job.id)]
    assert "a person approved what robot 1.0 asked for" in said


def test_the_batch_waits_for_a_person_however_it_is_asked_for(repository: Repository, notes: Path) -> None:
    worker = InProcessWorker()
    robot = Orchestrator(repository, worker, client=ROBOT)
    job = files(robot, notes, worker="in-process")
    robot.test(job.id)
    asks = (robot.approve, lambda ref: robot.start_job(ref, approve=True), robot.launch_job)
    for ask in asks:
        with pytest.raises(PersonNeeded, match="waits for a person") as caught:
            ask(job.id)
        assert caught.value.command == f"abp approve {job.ref}"
    assert repository.jobs.get(job.id).status is JobStatus.TESTING
    assert len(worker.prompts) == 1
    assert robot.reject(job.id).status is JobStatus.CREATED  # what stops something needs nobody


def test_a_test_is_skipped_by_a_person_alone(
    repository: Repository, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABP_SKIP_TEST", "1")
    robot = Orchestrator(repository, InProcessWorker(), settings=load_settings(), client=ROBOT)
    job = files(robot, notes, worker="in-process")
    with pytest.raises(PersonNeeded) as caught:
        robot.start_job(job.id, skip_test=True)
    assert caught.value.command == f"abp start {job.ref} --skip-test"
    robot.start_job(job.id)  # the setting is a person's, so this one is tested
    assert repository.jobs.get(job.id).status is JobStatus.TESTING


def test_who_may_approve_does_and_is_recorded(repository: Repository, notes: Path) -> None:
    robot = Orchestrator(repository, InProcessWorker(), client=Client("robot 1.0", may_approve=True))
    job = files(robot, notes, worker="in-process")
    robot.test(job.id)
    assert robot.approve(job.id).status is JobStatus.RUNNING
    assert "approved by robot 1.0" in [entry.message for entry in repository.logs.after(job.id)]
    more = {"worker": "command", "worker_options": COMMAND}
    code = Orchestrator(repository, client=Client("robot 1.0", may_approve=True)).create_job(
        "code", "Do {n}", "dynamic", {"code": CODE}, **more
    )
    assert (code.held, code.counters.total) == ((), 3)


# What a person has paused


def paused(asker: Orchestrator, job: Job, how: str = "pause") -> None:
    asker.repository.jobs.move(job.id, JobStatus.RUNNING)
    assert getattr(asker, how)(job.id).status is JobStatus.PAUSED


@pytest.mark.parametrize("how", ["pause", "stop"])
def test_what_a_person_has_paused_a_person_goes_on_with(repository: Repository, how: str) -> None:
    worker = InProcessWorker()
    robot, person = Orchestrator(repository, worker, client=ROBOT), Orchestrator(repository, worker)
    job = make_job(repository)
    paused(person, job, how)
    for ask in (robot.resume, lambda ref: robot.retry(ref, [0])):
        with pytest.raises(PersonNeeded, match="was paused by a person, and waits for a person") as caught:
            ask(job.id)
        assert caught.value.command == f"abp resume {job.ref}"
    assert repository.jobs.get(job.id).status is JobStatus.PAUSED
    trusted = Orchestrator(repository, worker, client=Client("robot 1.0", may_approve=True))
    assert trusted.resume(job.id).status is JobStatus.RUNNING
    assert getattr(person, how)(job.id).status is JobStatus.PAUSED
    assert person.resume(job.id).status is JobStatus.RUNNING


def test_what_a_program_has_paused_or_what_paused_by_itself_it_goes_on_with(repository: Repository) -> None:
    robot = Orchestrator(repository, InProcessWorker(), client=ROBOT)
    job = make_job(repository)
    paused(robot, job)
    assert robot.resume(job.id).status is JobStatus.RUNNING
    repository.jobs.move(job.id, JobStatus.PAUSED, pause_reason="10 units in a row have failed")
    assert robot.resume(job.id).status is JobStatus.RUNNING


def test_a_pause_that_a_person_has_asked_for_is_no_programs_to_take_over(repository: Repository) -> None:
    """Its units still run, and the program asks for the same before it asks for the contrary."""
    worker = InProcessWorker()
    robot, person = Orchestrator(repository, worker, client=ROBOT), Orchestrator(repository, worker)
    job = make_job(repository, status=JobStatus.RUNNING)
    lease = take_lease(repository, job)
    person.pause(job.id)
    assert robot.stop(job.id).desired_by is None
    with pytest.raises(PersonNeeded):
        robot.resume(job.id)
    assert person.resume(job.id).desired is Desired.RUN
    assert robot.pause(job.id).desired_by == "robot 1.0"
    assert robot.resume(job.id).desired is Desired.RUN
    repository.leases.release(job.id, lease.executor)


@pytest.mark.parametrize(("client", "reason"), [(None, "paused by a person"), (ROBOT, "paused by robot 1.0")])
def test_a_pause_says_whose_it_is(repository: Repository, client: Client | None, reason: str) -> None:
    asker = Orchestrator(repository, InProcessWorker(), client=client)
    job = make_job(repository, 3, status=JobStatus.RUNNING, desired_workers=1)

    def pause(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        asker.pause(job.id)
        return answer(task, sink, cancel)

    assert JobExecutor(repository, job.id, InProcessWorker(pause)).run() is JobStatus.PAUSED
    assert repository.jobs.get(job.id).pause_reason == reason


# Sources


def test_a_query_waits_and_gives_its_units_once_approved(
    robot: Orchestrator, person: Orchestrator, tmp_path: Path
) -> None:
    database = tmp_path / "shop.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE part (b TEXT)")
        connection.executemany("INSERT INTO part VALUES (?)", [("one",), ("two",)])
    config = {"connection_string": f"sqlite:///{database}", "query": "SELECT b FROM part"}
    job = robot.create_job("parts", "Check {b}", "sql", config, worker="sample", post_processing_prompt="Sum")
    assert (job.ready_at, job.counters.total) == (None, 0)
    assert "SELECT b FROM part" in job.held[0]
    approved = person.approve(job.id)
    assert (approved.counters.total, approved.held, approved.ref) == (2, (), job.ref)
    assert approved.prompt_template.startswith("Check {b}")
    assert approved.synthesis is UnitStatus.PENDING
    assert [unit.payload["b"] for unit in person.repository.units.page(job.id)] == ["one", "two"]
    assert_counters_match(person.repository, job.id)


def test_code_runs_only_once_approved_although_the_same_code_was_before(
    robot: Orchestrator, person: Orchestrator, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    config = {"code": f"open({str(ran)!r}, 'w')\n{CODE}"}
    plan = person.plan("mine", "Do {n}", "dynamic", config, worker="sample")
    person.approve_source(plan, plan.enumerator.approval().sha256)
    job = robot.create_job("numbers", "Do {n}", "dynamic", config, worker="sample")
    assert not ran.exists()
    assert person.approve(job.id).counters.total == 3
    assert ran.exists()


def test_a_source_that_fails_leaves_the_job_held(robot: Orchestrator, person: Orchestrator) -> None:
    config = {
        "code": f"{CODE}    # then\n"
        + "def enumerate_items(context):\n    yield {'n': 1}\n    raise OSError\n"
    }
    job = robot.create_job("numbers", "Do {n}", "dynamic", config, worker="sample")
    for _ in range(2):
        with pytest.raises(AbpError):
            person.approve(job.id)
        assert person.status(job.id).phase is Phase.HELD
    assert person.repository.units.page(job.id) == []
    with sqlite3.connect(person.repository.path) as connection:
        assert connection.execute("SELECT count(*) FROM approval").fetchone() == (0,)
    person.remove(job.id)


def test_a_password_would_be_lost_until_then(robot: Orchestrator) -> None:
    config = {"connection_string": "postgresql://me:secret@127.0.0.1/shop", "query": "SELECT 1"}
    with pytest.raises(InvalidInput, match="password"):
        robot.create_job("parts", "Check", "sql", config, worker="sample")
    assert robot.repository.jobs.all() == []


def test_two_people_approve_once(robot: Orchestrator, person: Orchestrator, notes: Path) -> None:
    job = files(robot, notes, worker="command", worker_options=COMMAND)
    person.approve(job.id)
    with pytest.raises(IllegalTransition):
        person.approve(job.id)


# Permissions


@pytest.mark.parametrize(
    ("worker", "options", "held"),
    [
        ("claude", {}, False),
        ("claude", {"model": "haiku", "disallowed_tools": ["Bash"]}, False),
        ("claude", {"permission_mode": "plan"}, False),
        ("claude", {"permission_mode": "acceptEdits"}, True),
        ("claude", {"allowed_tools": ["Bash(git *)"]}, True),
        ("claude", {"program": "/bin/sh"}, True),
        ("claude", {"mcp_config": ["x.json"]}, True),
        ("claude", {"settings": '{"hooks": {}}'}, True),
        ("claude", {"add_dirs": ["/"]}, True),
        ("claude", {"lean": True}, True),  # without settings there are no denials of theirs either
        ("claude", {"permission_mode": "plan", "add_dirs": ["/"]}, True),
        ("codex", {}, False),
        ("codex", {"sandbox": "workspace-write"}, True),
        ("codex", {"config": ["a=1"]}, True),
        ("llm", {"model": "x", "system": "y"}, False),
        ("acp", {"argv": ["agent"]}, True),
        ("command", {"argv": ["true"]}, True),
        ("sample", {"pace_s": 1}, False),
    ],
)
def test_what_widens_an_agent_is_reserved(worker: str, options: dict[str, Any], held: bool) -> None:
    assert bool(make_worker(worker, options).reserved()) is held
