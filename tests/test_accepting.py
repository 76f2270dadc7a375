"""What is in doubt, and a person who has looked at it finds good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abp_tui.domain.model import Client, Outcome
from abp_tui.errors import IllegalTransition, InvalidInput, NotFound, PersonNeeded
from abp_tui.export import export_jsonl
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.check import Check
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import assert_counters_match, make_job
from tests.store.test_causes import ended
from tests.tui.screens import InProcess


@pytest.fixture
def orchestrator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Of its 24 units 5 and 10 were denied something, and 12 have failed, 4 among them."""
    monkeypatch.setenv("LOGNAME", "ann")
    return ended(tmp_path)


def test_an_accepted_unit_is_good_and_says_what_was_found(orchestrator: InProcess) -> None:
    job = orchestrator.accept("words", [5])
    assert (job.counters.completed, job.counters.suspect, job.counters.failed) == (11, 1, 12)
    unit = orchestrator.repository.units.get(job.id, 5)
    assert (unit.status, unit.verdict, unit.is_accepted) == ("COMPLETED", "ok", True)
    assert unit.error == "accepted by ann: permission denied: Bash rm"
    [entry] = [e for e in orchestrator.repository.logs.all(job.id) if e.seq == 5]
    assert entry.message == "ann accepted unit 5: permission denied: Bash rm"
    assert [cause.units for cause in orchestrator.causes("words")] == [6, 6, 1]
    assert list(orchestrator.repository.units.seqs_in(job.id, "suspect")) == [10]
    assert_counters_match(orchestrator.repository, job.id)
    assert Check(orchestrator.repository.database).run().findings == []


def test_it_is_exported_as_good(orchestrator: InProcess, tmp_path: Path) -> None:
    job = orchestrator.accept("words", [5])
    export_jsonl(orchestrator.repository, job.id, tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [rows[seq]["verdict"] for seq in (0, 1, 5, 10)] == [None, "ok", "ok", "blocked"]


def test_a_whole_cause_is_accepted(orchestrator: InProcess) -> None:
    [denied] = [cause for cause in orchestrator.causes("words") if not cause.failed]
    job = orchestrator.accept_cause("words", denied.fingerprint[:6])
    assert (job.counters.completed, job.counters.suspect) == (12, 0)
    message = list(orchestrator.repository.logs.all(job.id))[-1].message
    assert message == "ann accepted 2 units (5, 10): permission denied: Bash rm"
    assert_counters_match(orchestrator.repository, job.id)
    with pytest.raises(NotFound, match="no unit of job words has ended for cause"):
        orchestrator.accept_cause("words", denied.fingerprint)


@pytest.mark.parametrize(
    ("seqs", "error", "told"),
    [
        ([10, 4], IllegalTransition, "unit 4 of job words is FAILED: only a suspect one"),
        ([10, 1], IllegalTransition, "unit 1 of job words is COMPLETED, ok"),
        ([10, 99], NotFound, "has no unit 99"),
        ([], InvalidInput, "no unit is named"),
    ],
)
def test_what_is_not_in_doubt_is_not_accepted_and_nothing_else_either(
    orchestrator: InProcess, seqs: list[int], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        orchestrator.accept("words", seqs)
    assert orchestrator.repository.jobs.find("words").counters.suspect == 2


def test_a_failed_cause_is_not_accepted(orchestrator: InProcess) -> None:
    failed = orchestrator.causes("words")[0]
    with pytest.raises(IllegalTransition, match="FAILED: only a suspect one"):
        orchestrator.accept_cause("words", failed.fingerprint)


def test_an_accepted_unit_that_is_run_again_is_judged_anew(orchestrator: InProcess) -> None:
    job = orchestrator.accept("words", [5])
    orchestrator.retry("words", [5])
    orchestrator.settle()
    unit = orchestrator.repository.units.get(job.id, 5)
    assert (unit.verdict, unit.error) == ("blocked", "permission denied: Bash rm")
    assert_counters_match(orchestrator.repository, job.id)


def test_a_program_accepts_nothing(orchestrator: InProcess) -> None:
    robot = Orchestrator(orchestrator.repository, orchestrator.agent, client=Client("robot"))
    with pytest.raises(PersonNeeded, match="waits for a person"):
        robot.accept("words", [5])
    assert orchestrator.repository.jobs.find("words").counters.suspect == 2


def test_an_account_without_a_name_has_its_number(
    orchestrator: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    orchestrator.accept("words", [5])
    error = orchestrator.repository.units.get(orchestrator.repository.jobs.find("words").id, 5).error
    assert error is not None and error.startswith("accepted by user ")


def test_a_test_in_doubt_can_be_accepted_before_the_rest_is_approved(tmp_path: Path) -> None:
    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome(ok=True, output="done" if task.payload["n"] else "")

    silent = InProcess(tmp_path, behave)
    make_job(silent.repository, 3, checks=[{"kind": "not_empty"}])
    assert silent.test("words").unit.is_in_doubt
    silent.accept("words", [0])
    result = silent.test_result("words")
    assert result is not None and result.passed
    silent.approve("words")
    silent.settle()
    job = silent.repository.jobs.find("words")
    assert (job.counters.completed, job.counters.suspect) == (3, 0)
    assert_counters_match(silent.repository, job.id)
