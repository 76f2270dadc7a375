"""The gate of a worker and account: what closes it, who may try it, what opens it. Decisions as values."""

from __future__ import annotations

from datetime import datetime, timedelta

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Gate, Outcome
from abp_tui.domain.status import GateState

USAGE_LIMIT = "usage limit"
LOGIN_NEEDED = "login needed"

FIRST_WAIT = timedelta(minutes=5)  # where the agent does not say when its limit ends
LONGEST_WAIT = timedelta(hours=1)  # such a wait doubles up to this, with each try that meets the limit again
LONGEST_LIMIT = timedelta(days=8)  # a window is a week at most: whoever says more is tried then all the same

# Ends that show that the account works. What else ends a probe says nothing of the account.
_GOT_THROUGH = frozenset(
    {FailureKind.AGENT_ERROR, FailureKind.BAD_OUTPUT, FailureKind.PERMISSION, FailureKind.TIMEOUT_TOTAL}
)


def needs_person(gate: Gate) -> bool:
    """Whether it stays closed until a person says that it may be tried."""
    return gate.state is GateState.CLOSED and gate.until is None


def may_probe(gate: Gate, now: datetime) -> bool:
    """Whether one unit may try a closed gate."""
    return gate.state is GateState.CLOSED and gate.until is not None and gate.until <= now


def probing(gate: Gate, attempt_id: int) -> Gate:
    """The gate while one attempt tries it."""
    return gate.model_copy(update={"state": GateState.PROBING, "probe_attempt": attempt_id})


def lapsed(gate: Gate, now: datetime) -> Gate:
    """The gate once its probe is gone without an answer: the next one may try it at once."""
    return _closed(gate, gate.reason, now, gate.tries)


def asked(gate: Gate, now: datetime, *, login_only: bool = False) -> Gate:
    """The gate once a person has said that it may be tried now; with `login_only`, no usage limit is."""
    waits = needs_person(gate) if login_only else gate.state is GateState.CLOSED
    return lapsed(gate, now) if waits else gate


def got_through(outcome: Outcome) -> bool:
    """Whether an attempt that ended like this shows that its account works."""
    return outcome.ok or outcome.failure in _GOT_THROUGH


def after_attempt(gate: Gate, attempt_id: int, outcome: Outcome, now: datetime) -> Gate:
    """The gate once an attempt has ended; while one tries it, that one alone decides."""
    is_probe = gate.probe_attempt == attempt_id
    if gate.state is GateState.PROBING and not is_probe:
        return gate
    if outcome.ok or outcome.failure not in (FailureKind.USAGE_LIMIT, FailureKind.LOGIN):
        if not is_probe:
            return gate
        return Gate(scope=gate.scope) if got_through(outcome) else lapsed(gate, now)
    if outcome.failure is FailureKind.LOGIN:
        return _closed(gate, f"{LOGIN_NEEDED}: {outcome.error}", None)
    return _limited(gate, outcome.resets_at, now)


def _limited(gate: Gate, resets_at: datetime | None, now: datetime) -> Gate:
    """The gate once a usage limit was met. One that nobody knows the end of is tried after a while.

    A reset in the past is not known either: the limit is there still, so one of the clocks is wrong.
    """
    if needs_person(gate):
        return gate
    waits = gate.state is GateState.CLOSED
    if resets_at is not None and resets_at > now:
        until = min(resets_at, now + LONGEST_LIMIT)
        if waits and not gate.tries and gate.until is not None:
            until = max(until, gate.until)  # two windows: the gate waits for both
        return _closed(gate, USAGE_LIMIT, until)
    if waits:
        return gate
    tries = gate.tries + 1
    return _closed(gate, USAGE_LIMIT, now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries - 1, 10)), tries)


def _closed(gate: Gate, reason: str, until: datetime | None, tries: int = 0) -> Gate:
    return Gate(scope=gate.scope, state=GateState.CLOSED, until=until, reason=reason, tries=tries)
