"""What running agents ask of a person: read and answered by the faces; their executor's journal asks."""

from __future__ import annotations

from abp_tui.domain.model import Question
from abp_tui.domain.status import AttemptStatus
from abp_tui.store.database import Database
from abp_tui.store.records import now, question_from
from abp_tui.store.tables import AttemptRow, QuestionRow


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
