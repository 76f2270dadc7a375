from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.gate import (
    FIRST_WAIT,
    LONGEST_LIMIT,
    LONGEST_WAIT,
    after_attempt,
    asked,
    got_through,
    lapsed,
    may_probe,
    needs_person,
    probing,
)
from abp_tui.domain.model import Gate, Outcome
from abp_tui.domain.status import GateState

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OPEN = Gate(scope="claude:a")
HOUR = timedelta(hours=1)


def limit(resets_in: timedelta | None = HOUR) -> Outcome:
    resets_at = None if resets_in is None else NOW + resets_in
    return Outcome.failed(FailureKind.USAGE_LIMIT, "You've hit your limit", resets_at=resets_at)


def closed(until: datetime | None, tries: int = 0, reason: str = "usage limit") -> Gate:
    return OPEN.model_copy(
        update={"state": GateState.CLOSED, "until": until, "reason": reason, "tries": tries}
    )


LOGIN = Outcome.failed(FailureKind.LOGIN, "Invalid API key")
NEEDS_LOGIN = closed(None, reason="login needed: Invalid API key")
WAITS = closed(NOW + HOUR)
PROBING = probing(closed(NOW), 7)


def after(gate: Gate, outcome: Outcome, attempt_id: int = 1, now: datetime = NOW) -> Gate:
    return after_attempt(gate, attempt_id, outcome, now)


def test_a_usage_limit_closes_it_until_the_reset_that_the_agent_told() -> None:
    assert after(OPEN, limit()) == WAITS


def test_a_login_error_closes_it_until_a_person_says_otherwise() -> None:
    gate = after(OPEN, LOGIN)
    assert gate == NEEDS_LOGIN
    assert needs_person(gate)
    assert not may_probe(gate, NOW + 1000 * HOUR)


@pytest.mark.parametrize("resets_in", [None, timedelta(0), -HOUR])
def test_a_limit_without_a_reset_to_come_is_tried_after_five_minutes(resets_in: timedelta | None) -> None:
    gate = after(OPEN, limit(resets_in))
    assert gate == closed(NOW + timedelta(minutes=5), tries=1)


def test_each_try_that_meets_a_limit_of_unknown_end_doubles_the_wait_up_to_an_hour() -> None:
    gate, waits = after(OPEN, limit(None)), []
    for attempt in range(1, 2000):
        assert gate.until is not None
        now = gate.until
        gate = after_attempt(probing(gate, attempt), attempt, limit(None), now)
        assert gate.until is not None
        waits.append(gate.until - now)
    assert waits[:4] == [2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT, LONGEST_WAIT]
    assert set(waits[4:]) == {LONGEST_WAIT}


def test_a_try_that_learns_the_reset_waits_for_that() -> None:
    assert after(probing(closed(NOW, tries=4), 7), limit(), 7) == WAITS


def test_who_says_that_a_limit_lasts_for_years_is_tried_after_a_week() -> None:
    assert after(OPEN, limit(timedelta(days=4000))).until == NOW + LONGEST_LIMIT


def test_of_two_windows_that_are_used_up_the_gate_waits_for_the_later_one() -> None:
    assert after(WAITS, limit(HOUR / 2)) == WAITS
    assert after(WAITS, limit(2 * HOUR)) == closed(NOW + 2 * HOUR)


def test_a_reset_that_is_told_is_better_than_a_guess() -> None:
    guess = closed(NOW + FIRST_WAIT, tries=1)
    assert after(guess, limit(HOUR / 60)) == closed(NOW + HOUR / 60)


def test_those_that_ran_when_it_closed_and_know_nothing_more_change_nothing() -> None:
    for gate in (WAITS, closed(NOW + FIRST_WAIT, tries=1), NEEDS_LOGIN):
        assert after(gate, limit(None)) == gate
    assert after(NEEDS_LOGIN, limit()) == NEEDS_LOGIN
    assert after(WAITS, Outcome(ok=True)) == WAITS


def test_a_login_problem_outweighs_a_usage_limit() -> None:
    assert after(WAITS, LOGIN) == NEEDS_LOGIN


@pytest.mark.parametrize(
    ("until", "may"), [(NOW - HOUR, True), (NOW, True), (NOW + timedelta(seconds=1), False), (None, False)]
)
def test_it_may_be_tried_once_its_time_has_come(until: datetime | None, may: bool) -> None:
    assert may_probe(closed(until), NOW) is may


def test_it_is_tried_by_one_attempt_at_a_time_and_an_open_one_by_none() -> None:
    assert not may_probe(PROBING, NOW)
    assert not may_probe(OPEN, NOW)
    assert (PROBING.state, PROBING.probe_attempt) == (GateState.PROBING, 7)


@pytest.mark.parametrize("outcome", [Outcome(ok=True), limit(), LOGIN], ids=["ok", "limit", "login"])
def test_while_one_tries_it_no_other_decides(outcome: Outcome) -> None:
    assert after(PROBING, outcome, attempt_id=8) == PROBING


def test_a_try_that_succeeds_opens_it_and_nothing_of_the_past_is_left() -> None:
    assert after(probing(closed(NOW, tries=4), 7), Outcome(ok=True), 7) == OPEN
    assert after(probing(closed(NOW, reason="login needed: x"), 7), Outcome(ok=True), 7) == OPEN


THROUGH = {
    FailureKind.AGENT_ERROR,
    FailureKind.BAD_OUTPUT,
    FailureKind.PERMISSION,
    FailureKind.TIMEOUT_TOTAL,
}


@pytest.mark.parametrize("kind", sorted(set(FailureKind) - {FailureKind.USAGE_LIMIT, FailureKind.LOGIN}))
def test_a_try_that_fails_otherwise_opens_it_only_where_the_agent_could_work(kind: FailureKind) -> None:
    outcome = Outcome.failed(kind, "no")
    assert got_through(outcome) is (kind in THROUGH)
    gate = after(PROBING, outcome, 7)
    assert gate == (OPEN if kind in THROUGH else closed(NOW))
    assert may_probe(gate, NOW) is (kind not in THROUGH)


def test_a_try_that_fails_for_the_limit_or_the_login_closes_it_again() -> None:
    assert after(PROBING, limit(), 7) == WAITS
    assert after(PROBING, LOGIN, 7) == NEEDS_LOGIN


def test_a_probe_that_is_gone_leaves_it_to_the_next_one_and_keeps_count() -> None:
    gate = lapsed(probing(closed(NOW - HOUR, tries=3), 7), NOW)
    assert gate == closed(NOW, tries=3)
    assert may_probe(gate, NOW)


@pytest.mark.parametrize(
    ("gate", "any_reason", "login_only"),
    [(NEEDS_LOGIN, True, True), (WAITS, True, False), (OPEN, False, False), (PROBING, False, False)],
)
def test_a_person_may_have_it_tried_now(gate: Gate, any_reason: bool, login_only: bool) -> None:
    assert may_probe(asked(gate, NOW), NOW) is any_reason
    assert may_probe(asked(gate, NOW, login_only=True), NOW) is login_only
    assert asked(gate, NOW).reason == gate.reason
