"""Versions of a recipe side by side: what differs in them, and what came of the same units under each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from difflib import unified_diff

from pydantic import Field

from abp_tui.domain.model import Attempt, Frozen, Recipe
from abp_tui.domain.status import Mark

PARTS = ("prompt_template", "worker_options", "timers", "checks", "output_schema")
NAMES = {"prompt_template": "prompt", "worker_options": "options", "output_schema": "schema"}
MOST_LINES = 2000  # that are compared; a long text is no easier to judge by its end


class Version(Frozen):
    """One version of a job's recipe, as a list shows it."""

    version: int
    created_at: datetime = Field(description="When it was saved.")
    author: str = Field(description="Who saved it: an account, or the program that asked. Foreign text.")
    changed: tuple[str, ...] = Field(description="What differs from the version before: prompt, options, …")
    is_current: bool = Field(description="Whether units are run with it now.")
    results: int = Field(description="Ended units whose result was made with it.")


class Side(Frozen):
    """How one unit's attempt ended under one version. `note` begins its error or output."""

    attempt_id: int
    came_to: Mark = Field(description="Good, in doubt or failed: by a person's mark, else by its checks.")
    cost_usd: float | None = None
    duration_s: float | None = None
    note: str = ""


class Pair(Frozen):
    """One unit that was tested or piloted under both versions."""

    seq: int
    key: str
    left: Side
    right: Side


class Sum(Frozen):
    """All units of one side together."""

    good: int
    suspect: int
    failed: int
    cost_usd: float | None = Field(description="Of those whose cost is known; null where none is.")
    cost_is_floor: bool
    seconds: float

    @property
    def words(self) -> str:
        """How they ended: `8 of 10 good, 1 suspect, 1 failed`."""
        others = ((self.suspect, "suspect"), (self.failed, "failed"))
        good = f"{self.good:,} of {self.good + self.suspect + self.failed:,} good"
        return ", ".join([good, *(f"{n:,} {state}" for n, state in others if n)])


class Comparison(Frozen):
    """Two versions on the same units."""

    left: int
    right: int
    pairs: tuple[Pair, ...] = Field(description="The units run under both, in order.")

    def sums(self) -> tuple[Sum, Sum]:
        """What the units came to under each."""
        return _sum([pair.left for pair in self.pairs]), _sum([pair.right for pair in self.pairs])


def changed_parts(old: Recipe, new: Recipe) -> tuple[str, ...]:
    """What differs between two versions, by its name."""
    return tuple(NAMES.get(part, part) for part in PARTS if getattr(old, part) != getattr(new, part))


def output_diff(old: Attempt, new: Attempt) -> str:
    """What differs between what two attempts answered, as a unified diff; empty where nothing does."""
    titles = (f"version {attempt.recipe_version}" for attempt in (old, new))
    return _diff(answer(old), answer(new), *titles)


def answer(attempt: Attempt) -> str:
    """What an attempt answered, its structured result behind it; or why it failed."""
    outcome = attempt.outcome
    if outcome is None:
        return ""
    said = outcome.output if outcome.ok else f"{outcome.output}\n{outcome.error}".strip()
    if outcome.result is None:
        return said
    return f"{said}\n{json.dumps(outcome.result, ensure_ascii=False, indent=2, default=str)}".strip()


def _diff(old: str, new: str, old_title: str, new_title: str) -> str:
    before, after = old.splitlines()[:MOST_LINES], new.splitlines()[:MOST_LINES]
    return "\n".join(unified_diff(before, after, old_title, new_title, lineterm=""))


def _sum(sides: Sequence[Side]) -> Sum:
    costs = [side.cost_usd for side in sides if side.cost_usd is not None]
    return Sum(
        good=sum(side.came_to is Mark.PASS for side in sides),
        suspect=sum(side.came_to is Mark.DOUBTFUL for side in sides),
        failed=sum(side.came_to is Mark.FAIL for side in sides),
        cost_usd=sum(costs) if costs else None,
        cost_is_floor=bool(costs) and len(costs) < len(sides),
        seconds=sum(side.duration_s or 0.0 for side in sides),
    )
