"""What running agents ask of a person: their executor asks, the faces read and answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from abp_tui.domain.model import Question
from abp_tui.domain.status import AttemptStatus
from abp_tui.store.database import Database
from abp_tui.store.records import dump, now, question_from
from abp_tui.store.rows import NAME_CAP, WORDS_CAP, cut
from abp_tui.store.tables import AttemptRow, QuestionRow

_ASK = "INSERT INTO question (attempt_id, text, options, asked_at) VALUES (?, ?, ?, ?)"
_WITHDRAW = "UPDATE question SET answered_at = ? WHERE id = ? AND answered_at IS NULL"


class QuestionRows:
    """Asks, on one connection and within the transaction that it is in."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def ask(self, attempt_id: int, text: str, options: Sequence[str]) -> int:
        """Write down what an attempt asks of a person; returns the question's number."""
        listed = dump([cut(option, NAME_CAP) for option in options])
        done = self._connection.execute(_ASK, (attempt_id, cut(text, WORDS_CAP), listed, now()))
        return int(done.lastrowid or 0)

    def answers(self, questions: Sequence[int]) -> list[tuple[int, str]]:
        """Those of these questions that have been answered, with the option that was chosen."""
        marks = ",".join("?" * len(questions))
        query = f"SELECT id, answer FROM question WHERE id IN ({marks}) AND answer IS NOT NULL"
        return self._connection.execute(query, tuple(questions)).fetchall()

    def withdraw(self, questions: Iterable[int]) -> None:
        """Nobody waits for the answers to these questions any more."""
        self._connection.executemany(_WITHDRAW, [(now(), number) for number in questions])


class Questions:
    """Reads and answers questions. The first answer counts."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def open(self, job_id: int) -> Question | None:
        """The oldest question of a job's running agents that waits for its answer."""
        runs = (AttemptRow.job == job_id) & (AttemptRow.status == AttemptStatus.RUNNING)
        query = QuestionRow.select().join(AttemptRow).where(runs & QuestionRow.answered_at.is_null())
        row = self._db.row(query.order_by(QuestionRow.id))
        return question_from(row) if row else None

    def answer(self, question_id: int, option: str) -> bool:
        """Answer a question with one of its options; False if it does not wait for an answer any more."""
        waits = (QuestionRow.id == question_id) & QuestionRow.answered_at.is_null()
        columns = {"answer": option, "answered_at": now()}
        return bool(self._db.run(QuestionRow.update(columns).where(waits)))
