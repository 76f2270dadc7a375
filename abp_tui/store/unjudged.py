"""Answers that are there and paid for: only their checks run, which were broken off, or edited since."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from abp_tui.domain.model import Outcome, Usage
from abp_tui.domain.status import Purpose
from abp_tui.store.records import load

# The attempt keeps no more than the beginning of a long answer, the unit all of it. What a person wants said
# to its agent is said. Whether a file was changed can't be told afterwards where nobody asked before.
_LEFT = (
    "SELECT a.outcome, u.output, u.result, a.file_before, a.status = 'COMPLETED' FROM attempt a "
    "JOIN unit u ON u.job_id = a.job_id AND u.seq = a.seq "
    "JOIN recipe old ON old.job_id = a.job_id AND old.version = a.recipe_version "
    "JOIN recipe new ON new.job_id = a.job_id AND new.version = ? "
    "WHERE a.job_id = ? AND a.seq = ? AND a.number = ? "
    "AND NOT a.end_asked AND json_extract(a.outcome, '$.ok') AND ("
    "(a.status = 'INTERRUPTED' AND new.version = old.version AND a.purpose = ?) "
    "OR (a.status = 'COMPLETED' AND a.verdict = 'suspect' AND u.error IS NOT NULL AND u.nudge IS NULL "
    "AND a.purpose <> 'test' AND new.checks <> old.checks AND new.prompt_template = old.prompt_template "
    "AND new.worker_options = old.worker_options AND new.output_schema IS old.output_schema "
    "AND (a.file_before IS NOT NULL OR NOT EXISTS "
    "(SELECT 1 FROM json_each(new.checks) c WHERE json_extract(c.value, '$.kind') = 'changed'))))"
)


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A good outcome at no further cost, and what the item's file held before it, if checks were edited."""

    outcome: Outcome
    file_before: str | None


def unjudged(
    connection: sqlite3.Connection, job_id: int, seq: int, number: int, recipe_version: int, purpose: Purpose
) -> Unjudged | None:
    """What this attempt has left for the checks of this version of the recipe alone to judge.

    Not for a test: a person wants to see all of that.
    """
    if purpose is Purpose.TEST:
        return None
    row = connection.execute(_LEFT, (recipe_version, job_id, seq, number, str(purpose))).fetchone()
    if row is None:
        return None
    outcome, output, result, file_before, is_edited = row
    whole = {"output": output or "", "result": None if result is None else load(result)}
    answer = Outcome.model_validate(load(outcome))
    free = Usage(cost_usd=None if answer.usage.cost_usd is None else 0.0)
    update = {**whole, "usage": free, "failure": None, "error": ""}
    return Unjudged(answer.model_copy(update=update), file_before if is_edited else None)
