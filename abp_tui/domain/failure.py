"""Why an attempt failed, and what follows from it: policies are values that functions return."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from abp_tui.words import counted


class FailureKind(StrEnum):
    """The cause of a failed attempt; each has one policy."""

    TRANSIENT = "transient"
    USAGE_LIMIT = "usage_limit"
    LOGIN = "login"
    PERMISSION = "permission"
    TIMEOUT_FIRST = "timeout_first_event"
    TIMEOUT_IDLE = "timeout_idle"
    TIMEOUT_TOTAL = "timeout_total"
    BAD_OUTPUT = "bad_output"
    BAD_INPUT = "bad_input"
    AGENT_ERROR = "agent_error"
    REFUSED_TO_START = "refused_to_start"
    PERMANENT = "permanent"
    INTERRUPTED = "interrupted"
    NODE_LOST = "node_lost"


class Policy(StrEnum):
    """What follows from a kind of failure."""

    RETRY = "retry"  # with backoff and jitter, as long as there are retries left
    GATE = "gate"  # wait until the account may go on; costs no retry
    STOP_JOB = "stop_job"  # every unit would meet it; costs no retry
    GIVE_UP = "give_up"  # the same again would fail again
    AGAIN = "again"  # as if it had not been tried; `MOST_LOSSES` bounds how often a unit loses its node


POLICIES: Mapping[FailureKind, Policy] = MappingProxyType(
    {
        FailureKind.TRANSIENT: Policy.RETRY,
        FailureKind.USAGE_LIMIT: Policy.GATE,
        FailureKind.LOGIN: Policy.GATE,
        FailureKind.PERMISSION: Policy.GIVE_UP,
        FailureKind.TIMEOUT_FIRST: Policy.RETRY,
        FailureKind.TIMEOUT_IDLE: Policy.RETRY,
        FailureKind.TIMEOUT_TOTAL: Policy.RETRY,
        FailureKind.BAD_OUTPUT: Policy.GIVE_UP,  # it was sent back before it counted as bad
        FailureKind.BAD_INPUT: Policy.GIVE_UP,
        FailureKind.AGENT_ERROR: Policy.RETRY,
        FailureKind.REFUSED_TO_START: Policy.STOP_JOB,
        FailureKind.PERMANENT: Policy.GIVE_UP,
        FailureKind.INTERRUPTED: Policy.AGAIN,
        FailureKind.NODE_LOST: Policy.AGAIN,
    }
)


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Try the unit again after `seconds`; `spends` says whether this counts towards `max_retries`."""

    seconds: float
    spends: bool = True


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The unit has failed for good."""

    reason: str


@dataclass(frozen=True, slots=True)
class WaitForGate:
    """No unit of this worker and account can go on for now; the unit goes back unspent."""


@dataclass(frozen=True, slots=True)
class HoldJob:
    """Nothing of this job can go on until a person mends it; the unit goes back unspent."""

    reason: str


Decision = RetryIn | GiveUp | WaitForGate | HoldJob

TIMEOUTS = frozenset({FailureKind.TIMEOUT_FIRST, FailureKind.TIMEOUT_IDLE, FailureKind.TIMEOUT_TOTAL})
GOES_ON = TIMEOUTS | {
    FailureKind.TRANSIENT,
    FailureKind.BAD_OUTPUT,
    FailureKind.USAGE_LIMIT,
    FailureKind.LOGIN,
}
"""What says nothing against an agent's session: the next attempt may go on with it."""

MOST_LOSSES = 3  # of its node, in a row, the last time of one that ran nothing else: it is what ends them
MOST_LOSSES_BESIDE = 6  # where others ran there, too: one of those may be to blame

CAN_NOT_START = "the worker's program could not be started"

BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 300.0  # also of a recipe's own base


def decide(
    kind: FailureKind,
    failures: int,
    max_retries: int,
    *,
    repeated: bool = False,
    losses: int = 0,
    alone: bool = False,
    jitter: float = 0.5,
    base_s: float = BACKOFF_BASE_S,
) -> Decision:
    """Say what follows from a failed attempt.

    `failures` is the number of failed attempts of this unit that count, this one included. `repeated` says
    that the attempt before failed on the same input for the same cause: only what comes from outside, and
    so passes by itself, is worth a third attempt then. `losses` is how many attempts in a row, this one
    included, have lost the node that they ran on; `alone` says that nothing else ran there. `jitter` in 0..1
    spreads the backoff over half to all of its length (`base_s` seconds, doubled with each failure).
    """
    match POLICIES[kind]:
        case Policy.AGAIN if losses >= (MOST_LOSSES if alone else MOST_LOSSES_BESIDE):
            return GiveUp(f"its node was lost {losses} times while it ran")
        case Policy.AGAIN:
            return RetryIn(0.0, spends=False)
        case Policy.GATE:
            return WaitForGate()
        case Policy.STOP_JOB:
            return HoldJob(CAN_NOT_START)
        case Policy.GIVE_UP:
            return GiveUp(kind.value)
    if repeated and kind is not FailureKind.TRANSIENT:
        return GiveUp("it failed twice in the same way")
    if failures > max_retries:
        return GiveUp(f"{failures} of {counted(max_retries + 1, 'attempt')} failed")
    return RetryIn(backoff(failures, jitter=jitter, base_s=base_s))


def backoff(failures: int, *, jitter: float, base_s: float = BACKOFF_BASE_S) -> float:
    """Seconds to wait after the n-th failure: doubling, capped, spread by `jitter` in 0..1."""
    full = min(BACKOFF_CAP_S, base_s * 2.0 ** min(failures - 1, 30))
    return full * (0.5 + 0.5 * jitter)


_SAYS_NOTHING = re.compile(
    r"((it )?ended (without|before) [^:]*, )?(exit code \d+|killed by (SIG\w+|signal \d+))|"
)


def names_cause(error: str) -> bool:
    """Whether an error says why: how a program ended is no cause, and two equal ends prove nothing."""
    return not _SAYS_NOTHING.fullmatch(error.strip())
