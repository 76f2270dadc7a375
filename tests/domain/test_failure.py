from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.failure import (
    BACKOFF_CAP_S,
    CAN_NOT_START,
    MOST_LOSSES,
    MOST_LOSSES_BESIDE,
    POLICIES,
    FailureKind,
    GiveUp,
    HoldJob,
    Policy,
    RetryIn,
    WaitForGate,
    backoff,
    decide,
    names_cause,
)

TRIED_AGAIN = [
    FailureKind.TRANSIENT,
    FailureKind.TIMEOUT_FIRST,
    FailureKind.TIMEOUT_IDLE,
    FailureKind.TIMEOUT_TOTAL,
    FailureKind.AGENT_ERROR,
]
NEVER_AGAIN = [
    FailureKind.PERMANENT,
    FailureKind.BAD_INPUT,
    FailureKind.PERMISSION,
    FailureKind.BAD_OUTPUT,
]
AT_THE_GATE = [FailureKind.USAGE_LIMIT, FailureKind.LOGIN]


def test_each_kind_of_failure_has_one_policy() -> None:
    expected = {
        **dict.fromkeys(TRIED_AGAIN, Policy.RETRY),
        **dict.fromkeys(NEVER_AGAIN, Policy.GIVE_UP),
        **dict.fromkeys(AT_THE_GATE, Policy.GATE),
        FailureKind.REFUSED_TO_START: Policy.STOP_JOB,
        FailureKind.INTERRUPTED: Policy.AGAIN,
        FailureKind.NODE_LOST: Policy.AGAIN,
    }
    assert dict(POLICIES) == expected
    assert set(expected) == set(FailureKind)


@pytest.mark.parametrize(("alone", "most"), [(True, MOST_LOSSES), (False, MOST_LOSSES_BESIDE)])
def test_a_unit_may_lose_its_node_so_often_and_less_often_where_nothing_else_ran_there(
    alone: bool, most: int
) -> None:
    decisions = [
        decide(FailureKind.NODE_LOST, 1, 0, losses=losses, alone=alone) for losses in range(1, most + 1)
    ]
    assert decisions[:-1] == [RetryIn(0.0, spends=False)] * (most - 1)
    assert decisions[-1] == GiveUp(f"its node was lost {most} times while it ran")


@pytest.mark.parametrize("kind", TRIED_AGAIN)
def test_an_ordinary_failure_is_tried_again_until_the_retries_are_spent(kind: FailureKind) -> None:
    decisions = [decide(kind, failures, 2, jitter=1.0) for failures in (1, 2, 3)]
    assert decisions[:2] == [RetryIn(1.0, spends=True), RetryIn(2.0, spends=True)]
    assert decisions[2] == GiveUp("3 of 3 attempts failed")


@pytest.mark.parametrize("kind", TRIED_AGAIN)
def test_no_retries_means_one_attempt(kind: FailureKind) -> None:
    assert decide(kind, 1, 0) == GiveUp("1 of 1 attempt failed")


@pytest.mark.parametrize("kind", NEVER_AGAIN)
def test_what_can_only_fail_again_is_not_tried_again(kind: FailureKind) -> None:
    assert isinstance(decide(kind, 1, 100), GiveUp)


def test_what_would_fail_for_every_unit_holds_the_job_even_with_no_retries_left() -> None:
    assert decide(FailureKind.REFUSED_TO_START, 99, 0, repeated=True) == HoldJob(CAN_NOT_START)


@pytest.mark.parametrize("kind", AT_THE_GATE)
def test_what_is_the_accounts_waits_for_the_gate_even_with_no_retries_left(kind: FailureKind) -> None:
    assert decide(kind, 99, 0, repeated=True) == WaitForGate()


@pytest.mark.parametrize("kind", sorted({*TRIED_AGAIN} - {FailureKind.TRANSIENT}))
def test_what_fails_twice_in_the_same_way_is_not_tried_a_third_time(kind: FailureKind) -> None:
    assert decide(kind, 2, 5, repeated=True) == GiveUp("it failed twice in the same way")


def test_what_passes_by_itself_is_tried_again_also_where_it_looks_the_same() -> None:
    assert decide(FailureKind.TRANSIENT, 2, 5, repeated=True, jitter=1.0) == RetryIn(2.0)


def test_an_interrupted_attempt_costs_no_retry_and_no_wait() -> None:
    assert decide(FailureKind.INTERRUPTED, 99, 0) == RetryIn(0.0, spends=False)


@given(failures=st.integers(1, 10_000), jitter=st.floats(0, 1), base_s=st.floats(0, 1000))
def test_a_backoff_lies_between_half_and_all_of_its_length_and_under_the_cap(
    failures: int, jitter: float, base_s: float
) -> None:
    full = backoff(failures, jitter=1.0, base_s=base_s)
    assert full / 2 <= backoff(failures, jitter=jitter, base_s=base_s) <= full <= BACKOFF_CAP_S


def test_a_backoff_doubles() -> None:
    assert [backoff(n, jitter=1.0, base_s=0.5) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert backoff(1, jitter=0.0, base_s=0.5) == 0.25


@pytest.mark.parametrize(
    "error",
    [
        "",
        "exit code 1",
        "killed by SIGKILL",
        "killed by signal 77",
        "ended without a result, killed by SIGKILL",
        "ended without a result, exit code 143",
        "ended without an answer, exit code 1",
        "it ended before it answered session/prompt, exit code 143",
    ],
)
def test_how_a_program_ended_is_no_cause(error: str) -> None:
    assert not names_cause(error)


@pytest.mark.parametrize(
    "error",
    [
        "disk full",
        "exit code 1: disk full",
        "ended without a result, exit code 1: there is no disk, exit code 1",
    ],
)
def test_what_a_program_complained_of_is_a_cause(error: str) -> None:
    assert names_cause(error)
