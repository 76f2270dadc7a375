from __future__ import annotations

import threading
from pathlib import Path

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Cause, Denial, Outcome
from abp_tui.domain.status import JobStatus
from abp_tui.errors import NotFound
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from abp_tui.verbs.repair import Tried
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, answer, fail, make_job
from tests.tui.screens import InProcess
from tests.waiting import wait_until


def planted(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Fours fail each at another path, threes time out, fives are denied."""
    n = task.payload["n"]
    if n % 4 == 0:
        return Outcome.failed(FailureKind.AGENT_ERROR, f"no such file: /data/{n}/in.txt")
    if n % 3 == 0:
        return Outcome.failed(FailureKind.TIMEOUT_IDLE, f"silent for {n} s")
    if n % 5 == 0:
        return Outcome(ok=True, output="could not", denials=(Denial(tool="Bash", detail="rm"),))
    return answer(task, sink, cancel)


def ended(folder: Path) -> InProcess:
    orchestrator = InProcess(folder, planted)
    make_job(orchestrator.repository, 24)
    orchestrator.skip_test("words")
    orchestrator.settle()
    return orchestrator


def test_units_are_grouped_by_cause_the_most_frequent_first(tmp_path: Path) -> None:
    causes = ended(tmp_path).causes("words")
    assert [(c.units, c.failure_kind, c.failed, c.first_seq) for c in causes] == [
        (6, FailureKind.AGENT_ERROR, True, 0),
        (6, FailureKind.TIMEOUT_IDLE, True, 3),
        (2, None, False, 5),
    ]
    assert causes[0].error == "no such file: /data/0/in.txt"
    assert causes[2].error == "permission denied: Bash rm"


def test_one_cause_alone_is_run_again(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator.agent._behaviour = answer
    times_out = orchestrator.causes("words")[1]
    before = len(orchestrator.agent.prompts)
    orchestrator.retry_cause("words", times_out.fingerprint)
    orchestrator.settle()
    assert sorted(orchestrator.agent.prompts[before:]) == sorted(f"Do {n}" for n in (3, 6, 9, 15, 18, 21))
    assert [c.units for c in orchestrator.causes("words")] == [6, 2]
    assert orchestrator.repository.jobs.find("words").status is JobStatus.FAILED


def test_a_cause_that_a_retry_has_emptied_is_said_to_be_gone(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator.agent._behaviour = answer
    cause = orchestrator.causes("words")[0].fingerprint
    orchestrator.retry_cause("words", cause)
    orchestrator.settle()
    with pytest.raises(NotFound, match="no unit of job words has ended for cause"):
        orchestrator.retry_cause("words", cause)


class Slower(InProcess):
    """Somebody who has read what the cause is, but comes after another's retry."""

    def __init__(self, other: InProcess) -> None:
        self.__dict__.update(other.__dict__)
        self._other = other

    def cause(self, job_id: int | str, fingerprint: str) -> Cause:
        found = super().cause(job_id, fingerprint)
        self._other.retry_cause(job_id, fingerprint)
        self._other.settle()
        return found


@pytest.mark.parametrize("verb", ["retry_cause", "try_first", "accept_cause"])
def test_what_another_has_run_again_in_the_meantime_is_not_paid_for_once_more(
    tmp_path: Path, verb: str
) -> None:
    orchestrator = ended(tmp_path)
    orchestrator.agent._behaviour = answer
    cause, before = orchestrator.causes("words")[0].fingerprint, len(orchestrator.agent.prompts)
    with pytest.raises(NotFound, match="just been run again by someone else"):
        getattr(Slower(orchestrator), verb)("words", cause)
    orchestrator.settle()
    assert len(orchestrator.agent.prompts) - before == 6


def test_a_unit_that_waits_to_be_tried_again_is_not_put_back_for_its_last_cause(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    job, cause = orchestrator.repository.jobs.find("words"), orchestrator.causes("words")[0]
    with orchestrator.repository.database.writing() as db:
        waits = "UPDATE unit SET status = 'PENDING' WHERE job_id = ? AND seq = ?"
        db.execute_sql(waits, (job.id, cause.first_seq))
    left = orchestrator.repository.causes.seqs(job.id, cause.fingerprint)
    assert left == [4, 8, 12, 16, 20]


@pytest.mark.parametrize("in_doubt", [False, True], ids=["failed", "in doubt"])
def test_what_the_agent_called_last_is_part_of_the_cause_and_what_the_item_holds_is_not(
    repository: Repository, in_doubt: bool
) -> None:
    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        why, tool = f"nothing is known of {task.payload['city']}", task.payload["tool"]
        if in_doubt:
            return Outcome(ok=True, output=f"{why}.", last_tool=tool)
        return Outcome.failed(FailureKind.PERMANENT, why, last_tool=tool)

    cities = (("Berlin", "Bash"), ("Paris", "Read"), ("Rome", "Bash"), ("Riga", ""))
    payloads = [{"city": city, "tool": tool} for city, tool in cities]
    checks = [{"kind": "regex", "pattern": "Verdict"}] if in_doubt else ()
    job = make_job(repository, payloads=payloads, template="{city}", status=JobStatus.RUNNING, checks=checks)
    JobExecutor(repository, job.id, InProcessWorker(behave)).run()
    causes = repository.causes.of(job.id)
    assert [(cause.units, cause.first_seq, cause.failed) for cause in causes] == [
        (units, seq, not in_doubt) for units, seq in ((2, 0), (1, 1), (1, 3))
    ]


@pytest.mark.parametrize("said", ["Should I go on?", "I could not read it.", "Permission was denied."])
def test_what_an_agent_says_is_one_cause_whatever_it_called_before(repository: Repository, said: str) -> None:
    job = make_job(repository, 6, status=JobStatus.RUNNING)
    agent = InProcessWorker(
        lambda task, *_: Outcome(ok=True, output=said, last_tool=f"Tool{task.payload['n']}x")
    )
    JobExecutor(repository, job.id, agent).run()
    assert [cause.units for cause in repository.causes.of(job.id)] == [6]


def test_denials_of_one_program_are_one_cause_and_their_error_has_all_words(repository: Repository) -> None:
    lines = ["git log -1", "git log x", "git show", "git log", "git log -2 y", "wc x", "wc y"]
    once = [tuple(Denial(tool="Bash", detail=line) for _ in range(1 + n % 2)) for n, line in enumerate(lines)]
    agent = InProcessWorker(
        lambda task, *_: Outcome(ok=True, output="done", denials=once[task.payload["n"]], last_tool="Bash")
    )
    job = make_job(repository, 7, status=JobStatus.RUNNING)
    JobExecutor(repository, job.id, agent).run()
    causes = repository.causes.of(job.id)
    assert [(cause.units, cause.error) for cause in causes] == [
        (5, "permission denied: Bash git log -1"),
        (2, "permission denied: Bash wc x"),
    ]


def test_what_units_run_again_for_is_known_until_they_end(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    go_on, agent = threading.Event(), orchestrator.agent
    agent._behaviour = lambda *given: answer(*given) if go_on.wait(20) else fail(*given)
    before = orchestrator.causes("words")
    assert orchestrator.causes_run_again("words") == []
    for cause in before[1:]:
        orchestrator.retry_cause("words", cause.fingerprint)
    again = orchestrator.causes_run_again("words")
    assert again == [cause.model_copy(update={"runs_again": True}) for cause in before[1:]]
    assert orchestrator.causes("words") == before[:1]
    with pytest.raises(NotFound):
        orchestrator.retry_cause("words", before[1].fingerprint)
    go_on.set()
    orchestrator.settle()
    assert orchestrator.causes_run_again("words") == []


@pytest.mark.parametrize(("agreed", "left", "good", "run"), [
    (True, 2, True, True), (False, 2, True, False), (True, 2, False, False), (True, 0, True, False),
])  # fmt: skip
def test_the_others_run_where_the_first_is_good_and_a_person_has_agreed(
    repository: Repository, agreed: bool, left: int, good: bool, run: bool
) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING, checks=() if good else [{"kind": "changed"}])
    JobExecutor(repository, job.id, InProcessWorker(answer if good else fail)).run()
    assert Tried(repository.units.get(job.id, 0), left).lets_others_run(agreed) is run


def test_the_unit_that_runs_first_is_told_of_once_it_has_ended(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    go_on, agent = threading.Event(), orchestrator.agent
    agent._behaviour = lambda *given: answer(*given) if go_on.wait(20) else fail(*given)
    cause = orchestrator.causes("words")[0].fingerprint
    job, seq = orchestrator.try_first("words", cause)
    wait_until(lambda: orchestrator.repository.jobs.get(job.id).counters.processing)
    assert orchestrator.tried(job, seq, cause) is None
    go_on.set()
    orchestrator.settle()
    tried = orchestrator.tried(job, seq, cause)
    assert tried is not None
    assert (tried.unit.seq, tried.unit.is_good, tried.left) == (0, True, 5)
