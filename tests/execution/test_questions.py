"""A question of an agent under test, from the slot that asks it to the person's answer and back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome, Question
from abp_tui.domain.status import JobStatus
from abp_tui.errors import IllegalTransition, InvalidInput
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, make_job
from tests.waiting import wait_until


def asking(timeout_s: float = 0, times: int = 1) -> Callable[[Task, Sink, Cancel], Outcome]:
    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        assert task.may_ask
        said = [sink.ask(f"edit: notes.md, {n}", ["Yes", "No"], cancel, timeout_s) for n in range(times)]
        if cancel.requested:
            return Outcome.failed(FailureKind.INTERRUPTED, "stopped")
        return Outcome(ok=True, output=str(said))

    return behave


class Test:
    """A test of unit 0 that runs in a thread of its own."""

    __test__ = False

    def __init__(self, repository: Repository, worker: InProcessWorker) -> None:
        self.repository = repository
        self.job_id = make_job(repository, 2).id
        self.executor = JobExecutor(repository, self.job_id, worker=worker)
        self.orchestrator = Orchestrator(repository, worker, settings=Settings())

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.executor.run_test, args=(0,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join(30)
            assert not thread.is_alive()

    def question(self) -> Question:
        return wait_until(lambda: self.repository.jobs.get(self.job_id).question, what="a question")

    @property
    def output(self) -> str:
        return self.repository.units.get(self.job_id, 0).output or ""

    def said(self) -> list[tuple[str, str]]:
        [attempt] = self.repository.attempts.of_unit(self.job_id, 0)
        return [(event.title, event.body) for event in self.repository.attempts.events(attempt.id)[1:]]


def test_a_question_is_seen_answered_and_kept(repository: Repository) -> None:
    test = Test(repository, InProcessWorker(asking()))
    with test.running():
        question = test.question()
        assert (question.text, question.options, question.answer) == (
            "edit: notes.md, 0",
            ("Yes", "No"),
            None,
        )
        view = test.orchestrator.status(test.job_id)
        assert view.question == question
        assert view.status is JobStatus.TESTING
        assert test.orchestrator.answer(test.job_id, "2").answer == "No"
    assert test.output == "['No']"
    assert test.said()[:2] == [("question", "edit: notes.md, 0\n1. Yes\n2. No"), ("answer", "No")]
    assert repository.jobs.get(test.job_id).question is None


def test_one_question_after_the_other(repository: Repository) -> None:
    test = Test(repository, InProcessWorker(asking(times=2)))
    with test.running():
        first = test.question()
        test.orchestrator.answer(test.job_id, "yes")
        second = wait_until(
            lambda: (q := repository.jobs.get(test.job_id).question) and q.id != first.id and q,
            what="the second question",
        )
        with pytest.raises(IllegalTransition, match="is over"):
            test.orchestrator.answer(test.job_id, "1", seen=first)
        assert not repository.questions.answer(first.id, "No")
        test.orchestrator.answer(test.job_id, "No", seen=second)
    assert test.output == "['Yes', 'No']"


def test_a_choice_that_there_is_not(repository: Repository) -> None:
    test = Test(repository, InProcessWorker(asking()))
    with test.running():
        test.question()
        for choice in ("3", "0", "Maybe", ""):
            with pytest.raises(InvalidInput, match="none of the options"):
                test.orchestrator.answer(test.job_id, choice)
        test.orchestrator.answer(test.job_id, "1")


def test_nobody_answers_in_time(repository: Repository) -> None:
    test = Test(repository, InProcessWorker(asking(timeout_s=0.2)))
    with test.running():
        pass
    assert test.output == "[None]"
    assert test.said()[1] == ("answer", "nobody answered")


def test_a_question_that_is_over_is_not_shown_while_the_attempt_goes_on(repository: Repository) -> None:
    go_on = threading.Event()

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        sink.ask("edit", ["Yes"], cancel, 0.2)
        go_on.wait(20)
        return Outcome(ok=True)

    test = Test(repository, InProcessWorker(behave))
    with test.running():
        test.question()
        wait_until(lambda: repository.jobs.get(test.job_id).question is None, what="its withdrawal")
        with pytest.raises(IllegalTransition, match="asks nothing"):
            test.orchestrator.answer(test.job_id, "1")
        go_on.set()


def test_a_stop_ends_the_wait(repository: Repository) -> None:
    test = Test(repository, InProcessWorker(asking()))
    with test.running():
        test.question()
        test.orchestrator.cancel_test(test.job_id)
    assert repository.jobs.get(test.job_id).status is JobStatus.CREATED
    assert repository.jobs.get(test.job_id).question is None


def test_in_the_batch_nobody_may_ask(repository: Repository) -> None:
    seen: list[bool] = []

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        seen.append(task.may_ask)
        return Outcome(ok=True)

    job = make_job(repository, 2, status=JobStatus.RUNNING)
    JobExecutor(repository, job.id, worker=InProcessWorker(behave)).run()
    assert seen == [False, False]


def test_a_job_that_asks_nothing(repository: Repository) -> None:
    job = make_job(repository, 1)
    with pytest.raises(IllegalTransition, match="asks nothing"):
        Orchestrator(repository, InProcessWorker(), settings=Settings()).answer(job.id, "1")


def test_a_key_in_a_question_is_not_kept(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "very-secret-key")

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        options = ["Send very-secret-key", "No"]
        return Outcome(ok=True, output=str(sink.ask("curl very-secret-key", options, cancel) == options[0]))

    test = Test(repository, InProcessWorker(behave))
    with test.running():
        question = test.question()
        assert (question.text, question.options) == ("curl ***", ("Send ***", "No"))
        test.orchestrator.answer(test.job_id, "1")
    assert test.output == "True"
    assert "secret" not in str(test.said())
