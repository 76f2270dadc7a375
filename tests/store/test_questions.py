from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from abp_tui.store.questions import QuestionRows
from abp_tui.store.repository import Repository
from tests.factories import make_job


@contextmanager
def rows(repository: Repository) -> Iterator[QuestionRows]:
    with repository.database.writing() as db:
        yield QuestionRows(db.connection())


def asked(repository: Repository) -> int:
    """A question of an attempt that runs."""
    job = make_job(repository, 1)
    with repository.database.writing() as db:
        db.execute_sql(
            "INSERT INTO attempt (job_id, seq, number, purpose, recipe_version, executor, host, boot_id, "
            "status, started_at, prompt) VALUES (?, 0, 1, 'test', 1, 'e', 'h', 'b', 'RUNNING', 0, 'p')",
            (job.id,),
        )
        [attempt] = db.execute_sql("SELECT id FROM attempt").fetchone()
    with rows(repository) as questions:
        return questions.ask(attempt, "edit: notes.md", ["Yes", "No"])


def answered_at(repository: Repository) -> float | None:
    with repository.database.connected() as db:
        return db.execute_sql("SELECT answered_at FROM question").fetchone()[0]


def test_the_first_answer_counts_and_reaches_whoever_asked(repository: Repository) -> None:
    number = asked(repository)
    with rows(repository) as questions:
        assert questions.answers([number]) == []
    assert repository.questions.answer(number, "No")
    assert not repository.questions.answer(number, "Yes")
    with rows(repository) as questions:
        assert questions.answers([number]) == [(number, "No")]
        assert questions.answers([]) == []


def test_a_question_that_is_withdrawn_takes_no_answer(repository: Repository) -> None:
    number = asked(repository)
    with rows(repository) as questions:
        questions.withdraw([number])
    assert answered_at(repository) is not None
    assert not repository.questions.answer(number, "Yes")


def test_a_withdrawal_leaves_the_time_of_an_answer(repository: Repository) -> None:
    number = asked(repository)
    repository.questions.answer(number, "Yes")
    before = answered_at(repository)
    with rows(repository) as questions:
        questions.withdraw([number])
    assert answered_at(repository) == before
