"""Answers whose checks were broken off: they are there and paid for, and only their checks run again."""

from __future__ import annotations

import sqlite3

from abp_tui.domain.model import Outcome, Usage
from abp_tui.domain.status import Purpose
from abp_tui.store.records import load

# The attempt keeps no more than the beginning of a long answer, the unit all of it.
_LEFT = (
    "SELECT a.outcome, u.output, u.result FROM attempt a "
    "JOIN unit u ON u.job_id = a.job_id AND u.seq = a.seq "
    "WHERE a.job_id = ? AND a.seq = ? AND a.number = ? AND a.recipe_version = ? AND a.purpose = ? "
    "AND a.status = 'INTERRUPTED' AND NOT a.end_asked AND json_extract(a.outcome, '$.ok')"
)


def unjudged(
    connection: sqlite3.Connection, job_id: int, seq: int, number: int, recipe_version: int, purpose: Purpose
) -> Outcome | None:
    """The good outcome of this attempt, at no further cost, where one with this recipe has it to judge.

    Not for a test: a person wants to see all of that.
    """
    if purpose is Purpose.TEST:
        return None
    row = connection.execute(_LEFT, (job_id, seq, number, recipe_version, str(purpose))).fetchone()
    if row is None:
        return None
    outcome, output, result = row
    whole = {"output": output or "", "result": None if result is None else load(result)}
    answer = Outcome.model_validate(load(outcome))
    free = Usage(cost_usd=None if answer.usage.cost_usd is None else 0.0)
    return answer.model_copy(update={**whole, "usage": free, "failure": None, "error": ""})
