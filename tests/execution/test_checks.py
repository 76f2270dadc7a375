from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.check import CHECK
from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, EventKind, Job, Outcome, Usage, WorkUnit
from abp_tui.domain.status import JobStatus, UnitStatus, Verdict
from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.execution.checks import check_fields, require_checks
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, assert_counters_match, make_job

LONG = "This is the very same long answer, word by word. " * 10


def says(output: Callable[[int], str] | str) -> InProcessWorker:
    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        text = output if isinstance(output, str) else output(task.payload["n"])
        return Outcome(ok=True, output=text, usage=Usage(cost_usd=0.01))

    return InProcessWorker(behave)


def run(repository: Repository, worker: InProcessWorker, count: int = 1, **more: Any) -> Job:
    job = make_job(repository, count, status=JobStatus.RUNNING, **more)
    JobExecutor(repository, job.id, worker).run()
    assert_counters_match(repository, job.id)
    return repository.jobs.get(job.id)


def only(repository: Repository) -> WorkUnit:
    return repository.units.get(1, 0)


def told(repository: Repository, seq: int = 0) -> list[tuple[str, bool]]:
    (attempt,) = repository.attempts.of_unit(1, seq)
    events = repository.attempts.events(attempt.id)
    return [(e.body, e.is_error) for e in events if e.kind is EventKind.NOTICE and e.title == CHECK]


def script(*lines: str) -> dict[str, Any]:
    return {"kind": "command", "argv": [sys.executable, "-c", "\n".join(("import sys", *lines)), "{n}"]}


def test_a_unit_that_fails_a_check_is_suspect_not_done(repository: Repository) -> None:
    job = run(repository, says("nothing"), checks=[{"kind": "regex", "pattern": "^ok"}])
    assert job.status is JobStatus.COMPLETED
    assert (job.counters.completed, job.counters.suspect) == (0, 1)
    unit = only(repository)
    assert (unit.status, unit.verdict) == (UnitStatus.COMPLETED, Verdict.SUSPECT)
    assert unit.error == "check failed: the output does not match /^ok/"
    assert unit.output == "nothing"
    assert [line.seq for line in repository.units.lines_in(job.id, "suspect")] == [0]


def test_a_unit_that_passes_is_good_and_each_check_has_said_so(repository: Repository) -> None:
    checks = [{"kind": "regex", "pattern": "^ok"}, {"kind": "not_empty"}]
    job = run(repository, says("ok"), checks=checks)
    assert job.counters.completed == 1
    assert told(repository) == [
        ("passed: the output matches /^ok/", False),
        ("passed: the output is not empty", False),
    ]


def test_units_that_fail_one_check_are_one_cause(repository: Repository) -> None:
    checks = [script("print('line', sys.argv[1], 'is wrong')", "sys.exit(int(sys.argv[1]) < 3)")]
    job = run(repository, says(lambda n: f"answer {n}"), 4, checks=checks)
    (cause,) = repository.causes.of(job.id)
    assert (cause.units, cause.failed, cause.failure_kind) == (3, False, None)
    assert cause.error.endswith("succeeds: exit code 1: line 0 is wrong")


def test_the_program_of_a_check_gets_item_output_and_folder(repository: Repository, tmp_path: Path) -> None:
    lines = ("import os", "print(os.getcwd(), sys.argv[1], sys.stdin.read())", "sys.exit(1)")
    run(repository, says("the words"), checks=[script(*lines)], cwd=tmp_path)
    assert (only(repository).error or "").endswith(f"{tmp_path} 0 the words")
    (attempt,) = repository.attempts.of_unit(1, 0)
    outputs = [e.body for e in repository.attempts.events(attempt.id) if e.title == "check output"]
    assert outputs == [f"{tmp_path} 0 the words"]


def test_a_check_that_hangs_ends_at_its_own_time(repository: Repository) -> None:
    check = {**script("import time", "time.sleep(60)"), "timeout_s": 0.3}
    job = run(repository, says("good"), checks=[check])
    assert job.counters.suspect == 1
    assert (only(repository).error or "").endswith("not done within 0.3 s")


def test_a_check_whose_program_is_missing_holds_the_job_before_anything_is_spent(
    repository: Repository,
) -> None:
    agent = says("good")
    job = run(repository, agent, 50, checks=[{"kind": "command", "argv": ["no-such-program-here"]}])
    assert job.status is JobStatus.PAUSED
    assert job.counters.pending == 50
    assert agent.prompts == []
    assert "no program 'no-such-program-here'" in (job.pause_reason or "")
    assert not job.cost_usd


def test_a_program_that_vanishes_meanwhile_holds_the_job_and_keeps_the_answer(
    repository: Repository, tmp_path: Path
) -> None:
    program = tmp_path / "verify"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o700)

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        program.unlink(missing_ok=True)
        return Outcome(ok=True, output="paid for")

    checks = [{"kind": "command", "argv": [str(program)]}]
    job = run(repository, InProcessWorker(behave), 20, checks=checks, desired_workers=1)
    assert job.status is JobStatus.PAUSED
    assert "can't be run" in (job.pause_reason or "")
    assert (job.counters.suspect, job.counters.failed) == (1, 0)
    assert only(repository).output == "paid for"


@pytest.mark.parametrize(("write", "suspect"), [("other", 0), ("old", 1), (None, 1)])
def test_the_items_file_must_hold_something_else(
    repository: Repository, tmp_path: Path, write: str | None, suspect: int
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if write is not None:
            file.write_text(write)  # also where it writes the same: a new time is no change
        return Outcome(ok=True, output="done")

    payloads = [{"file_path": str(file), "n": 0}]
    job = run(repository, InProcessWorker(behave), payloads=payloads, checks=[{"kind": "changed"}])
    assert job.counters.suspect == suspect
    assert only(repository).error == ("check failed: its file was not changed" if suspect else None)


def test_a_file_that_came_to_be_has_changed_and_a_pipe_keeps_nobody_waiting(
    repository: Repository, tmp_path: Path
) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    payloads = [{"file_path": "new.txt", "n": 0}, {"file_path": "pipe", "n": 1}]

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        (tmp_path / "new.txt").write_text("here")
        return Outcome(ok=True, output=f"done {task.payload['n']}")

    job = run(
        repository, InProcessWorker(behave), payloads=payloads, checks=[{"kind": "changed"}], cwd=tmp_path
    )
    assert [line.seq for line in repository.units.lines_in(job.id, "suspect")] == [1]


def test_an_agent_that_stops_with_a_question_is_suspect_without_being_asked_for(
    repository: Repository,
) -> None:
    run(repository, says("I have read it. Should I go on?"))
    assert only(repository).verdict is Verdict.SUSPECT
    assert only(repository).error == "check failed: it ends in a question: Should I go on?"
    ((words, _),) = told(repository)
    assert words.startswith("in doubt: the output ends in a question to you: ")


@pytest.mark.parametrize("off", [{}, {"off": ["question"]}])
def test_a_tell_can_be_switched_off(repository: Repository, off: dict[str, Any]) -> None:
    run(repository, says("Should I go on?"), checks=[{"kind": "tells", **off}])
    assert only(repository).verdict is Verdict.OK


def test_what_a_plain_program_prints_tells_nothing(repository: Repository) -> None:
    worker = says("Should I go on?")
    worker.tells = False  # type: ignore[misc]
    run(repository, worker)
    assert only(repository).verdict is Verdict.OK


def test_a_failed_or_blocked_outcome_is_not_checked(repository: Repository) -> None:
    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if task.payload["n"]:
            return Outcome.failed(FailureKind.PERMANENT, "400")
        return Outcome(ok=True, output="", denials=(Denial(tool="Bash", detail="rm"),))

    job = run(repository, InProcessWorker(behave), 2, checks=[{"kind": "not_empty"}])
    assert (job.counters.failed, job.counters.suspect) == (1, 1)
    assert only(repository).verdict is Verdict.BLOCKED
    assert told(repository, 0) == told(repository, 1) == []


@pytest.mark.parametrize("workers", [1, 8])
def test_all_units_with_the_same_long_output_are_suspect(repository: Repository, workers: int) -> None:
    output = lambda n: LONG if n in (3, 17, 28) else f"{n}: {LONG}"  # noqa: E731
    job = run(repository, says(output), 30, desired_workers=workers)
    suspects = repository.units.lines_in(job.id, "suspect")
    assert [line.seq for line in suspects] == [3, 17, 28]
    assert "its output is the same as that of unit" in suspects[0].note
    (cause,) = repository.causes.of(job.id)
    assert cause.units == 3


def test_what_a_person_has_accepted_is_not_doubted_again_for_another_with_the_same_output(
    repository: Repository,
) -> None:
    job = run(repository, says(lambda n: LONG if n < 2 else f"{n}: {LONG}"), 3)
    repository.units.accept(job.id, [0], "ann")
    repository.units.put_back(job.id, [2])
    repository.jobs.move(job.id, JobStatus.RUNNING)
    JobExecutor(repository, job.id, says(LONG)).run()
    verdicts = [unit.verdict for unit in repository.units.page(job.id)]
    assert verdicts == [Verdict.OK, Verdict.SUSPECT, Verdict.SUSPECT]
    assert_counters_match(repository, job.id)


def test_short_outputs_may_be_the_same(repository: Repository) -> None:
    assert run(repository, says("no unclear sentences"), 30).counters.completed == 30


def test_a_unit_run_again_is_not_the_same_as_itself(repository: Repository) -> None:
    job = run(repository, says(LONG))
    repository.units.put_back(job.id, [0])
    repository.jobs.move(job.id, JobStatus.RUNNING)
    JobExecutor(repository, job.id, says(LONG)).run()
    assert only(repository).verdict is Verdict.OK


def test_a_test_is_checked_too(repository: Repository) -> None:
    job = make_job(repository, 3, checks=[{"kind": "not_empty"}])
    JobExecutor(repository, job.id, says("")).run_test(0)
    assert only(repository).verdict is Verdict.SUSPECT
    assert repository.jobs.get(job.id).status is JobStatus.TESTING
    assert told(repository) == [("failed: the output is not empty: the output is empty", True)]


def test_secrets_stay_out_of_what_a_check_says(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "abcdefgh-very-secret")
    run(repository, says("x"), checks=[script("print('abcdefgh-very-secret')", "sys.exit(1)")])
    assert (only(repository).error or "").endswith("exit code 1: ***")
    (attempt,) = repository.attempts.of_unit(1, 0)
    assert "very-secret" not in str(repository.attempts.events(attempt.id))


def test_programs_and_fields_are_looked_at_beforehand(tmp_path: Path) -> None:
    with pytest.raises(WorkerUnavailable, match="no program 'nope'"):
        require_checks([{"kind": "command", "argv": ["nope"]}], str(tmp_path))
    with pytest.raises(WorkerUnavailable, match=r"no program './nope'"):
        require_checks([{"kind": "command", "argv": ["./nope"]}], str(tmp_path))
    with pytest.raises(InvalidInput, match="file_pth"):
        check_fields([{"kind": "command", "argv": ["ruff", "{file_pth}"]}], ["file_path"])
    with pytest.raises(InvalidInput, match="stands in code"):
        check_fields([{"kind": "command", "argv": ["sh", "-c", "rm {file_path}"]}], ["file_path"])
    with pytest.raises(InvalidInput, match="no file_path"):
        check_fields([{"kind": "changed"}], ["n"])
    check_fields([{"kind": "changed"}], ["file_path"])
