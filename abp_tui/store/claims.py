"""What passes between an executor and its journal: units taken, processes started, ends, orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.domain.status import AttemptStatus, Desired, Purpose, UnitStatus, Verdict

Render = Callable[[Mapping[str, Any]], str]
GoOn = Callable[[FailureKind | None, str], str]
"""What to say in the session of an attempt that failed like this, as `follow_up.go_on` has it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A unit that this executor has taken, with the attempt recorded for it.

    `failures` is how many attempts before this one count towards the retries, `fingerprint` the cause of the
    last one if it ran on the same input, `losses` how many before it, in a row, lost the node that they ran
    on. `session_id` is the session of the last one where it goes on, and
    `follow_up` is then said to it instead of `prompt`. `nudge` is what a person says to this attempt.
    `done` is the outcome of the last one where it is only to be judged. `file_before` is what the item's file
    held, by its hash, before the agent began with that session or answer, where its checks ask.
    """

    attempt_id: int
    seq: int
    number: int
    failures: int
    purpose: Purpose
    payload: Mapping[str, Any]
    prompt: str
    started_at: float
    fingerprint: str | None = None
    session_id: str | None = None
    follow_up: str | None = None
    recipe_version: int = 0
    nudge: str | None = None
    losses: int = 0
    done: Outcome | None = None
    file_before: str | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """Where an attempt runs: its machine, if that is another one, and its process, once there is one; what
    the item's file held before it, by its hash, where its checks ask.
    """

    attempt_id: int
    pid: int | None = None
    pid_started: float | None = None
    host: str | None = None
    boot_id: str | None = None
    file_before: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """How an attempt ended, and what becomes of its unit.

    `sameness` is equal for units with the same output, where no two should have it. `hold` is why no other
    unit of the job can do better.
    """

    claim: Claim
    outcome: Outcome
    status: AttemptStatus
    unit_status: UnitStatus
    ended_at: float
    verdict: Verdict | None = None
    failures: int = 0
    not_before: float | None = None
    fingerprint: str | None = None
    sameness: str | None = None
    hold: str | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What the job row asks of its executor; `by` is the program that does, None a person."""

    desired: Desired
    by: str | None
    workers: int
    recipe_version: int
