"""From what Claude Code was recorded to print when it failed, over the kind of failure, to what follows."""

from __future__ import annotations

import errno
from datetime import UTC, datetime

import pytest

from abp_tui.domain.failure import POLICIES, FailureKind, Policy
from abp_tui.domain.model import Job, Outcome
from abp_tui.domain.status import AttemptStatus, Purpose, UnitStatus, Verdict
from abp_tui.domain.structured import Schema
from abp_tui.execution.attempt import conclude
from abp_tui.execution.corrections import judged
from abp_tui.store.claims import Claim, Finished
from abp_tui.store.repository import Repository
from abp_tui.workers.claude_stream import ClaudeStream
from abp_tui.workers.process_end import ProcessEnd, start_failure
from abp_tui.workers.stream_json import outcome_of
from tests.factories import make_job
from tests.workers.helpers import TRANSCRIPTS

F, P = FailureKind, Policy
FAILED = ProcessEnd(exit_code=1)


def replay(name: str, end: ProcessEnd = FAILED, *, status: int | None = None) -> Outcome:
    """The outcome of a recorded run; `status` is another one that the API might have answered with."""
    data = (TRANSCRIPTS / f"{name}.jsonl").read_text()
    if status is not None:
        data = data.replace("401", str(status)).replace("authentication_failed", "unknown")
    stream = ClaudeStream()
    stream.feed(data.encode())
    stream.close()
    return outcome_of(stream, end, "s")


def timeout(kind: FailureKind) -> ProcessEnd:
    return ProcessEnd(signal=15, timeout=kind, timeout_s=1.0)


CASES = {
    "overload": (replay("v330_err529"), F.TRANSIENT, P.RETRY),
    "overload, older": (replay("err529_forever_default"), F.TRANSIENT, P.RETRY),
    "too many requests": (replay("v330_err429"), F.TRANSIENT, P.RETRY),
    "dropped connection": (replay("v330_drop_text"), F.TRANSIENT, P.RETRY),
    "malformed body": (replay("v330_bad_sse"), F.TRANSIENT, P.RETRY),
    "usage limit": (replay("v330_oauth_429"), F.USAGE_LIMIT, P.GATE),
    "login": (replay("v330_err401"), F.LOGIN, P.GATE),
    "login, older": (replay("err401"), F.LOGIN, P.GATE),
    "first event": (replay("text_partial", timeout(F.TIMEOUT_FIRST)), F.TIMEOUT_FIRST, P.RETRY),
    "idle": (replay("text_partial", timeout(F.TIMEOUT_IDLE)), F.TIMEOUT_IDLE, P.RETRY),
    "total": (replay("text_partial", timeout(F.TIMEOUT_TOTAL)), F.TIMEOUT_TOTAL, P.RETRY),
    "no structure": (
        judged(replay("v330_schema_text", ProcessEnd(exit_code=0)), Schema({"type": "object"})),
        F.BAD_OUTPUT,
        P.GIVE_UP,
    ),
    "max turns": (replay("v330_maxturns"), F.AGENT_ERROR, P.RETRY),
    "budget of the unit": (replay("v330_budget"), F.PERMANENT, P.GIVE_UP),
    "not installed": (
        start_failure(["claude"], "/", OSError(errno.ENOENT, "no such file", "claude")).outcome(),
        F.REFUSED_TO_START,
        P.STOP_JOB,
    ),
    "an argument too long": (
        start_failure(["claude"], "/", OSError(errno.E2BIG, "too long", "claude")).outcome(),
        F.BAD_INPUT,
        P.GIVE_UP,
    ),
    "400": (replay("v330_err401", status=400), F.PERMANENT, P.GIVE_UP),
    "403": (replay("v330_err401", status=403), F.PERMANENT, P.GIVE_UP),
    "404": (replay("v330_err401", status=404), F.PERMANENT, P.GIVE_UP),
    "413": (replay("v330_err401", status=413), F.PERMANENT, P.GIVE_UP),
    "stopped": (
        replay("v330_sigint_bash", ProcessEnd(exit_code=0, cancelled="stopped by a person")),
        F.INTERRUPTED,
        P.AGAIN,
    ),
}


@pytest.fixture
def job(repository: Repository) -> Job:
    return make_job(repository, max_retries=2)


def concluded(job: Job, outcome: Outcome, *, failures: int = 0, purpose: Purpose = Purpose.RUN) -> Finished:
    return conclude(Claim(1, 0, failures + 1, failures, purpose, {}, "p", 0.0), outcome, job, 0.5)


@pytest.mark.parametrize("case", CASES)
def test_the_kind_and_its_policy(case: str) -> None:
    outcome, kind, policy = CASES[case]
    assert (outcome.ok, outcome.failure) == (False, kind)
    assert POLICIES[kind] is policy


UNIT_AFTERWARDS = {  # with retries left: state, retries spent, whether it waits; then with none left
    P.RETRY: ((UnitStatus.PENDING, 1, True), (UnitStatus.FAILED, 3, False)),
    P.GATE: ((UnitStatus.PENDING, 0, False), (UnitStatus.PENDING, 2, False)),
    P.STOP_JOB: ((UnitStatus.PENDING, 0, False), (UnitStatus.PENDING, 2, False)),
    P.GIVE_UP: ((UnitStatus.FAILED, 1, False), (UnitStatus.FAILED, 3, False)),
    P.AGAIN: ((UnitStatus.PENDING, 0, False), (UnitStatus.PENDING, 2, False)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_becomes_of_the_unit(job: Job, case: str) -> None:
    outcome, _, policy = CASES[case]
    for failures, expected in zip((0, 2), UNIT_AFTERWARDS[policy], strict=True):
        end = concluded(job, outcome, failures=failures)
        assert (end.unit_status, end.failures, end.not_before is not None) == expected


@pytest.mark.parametrize("case", CASES)
def test_a_test_is_not_repeated_but_what_tested_nothing_leaves_its_unit_untested(job: Job, case: str) -> None:
    outcome, _, policy = CASES[case]
    end = concluded(job, outcome, purpose=Purpose.TEST)
    untested = policy in (P.GATE, P.AGAIN)
    assert end.unit_status is (UnitStatus.PENDING if untested else UnitStatus.FAILED)


def test_a_usage_limit_is_told_with_its_reset() -> None:
    assert replay("v330_oauth_429").resets_at == datetime.fromtimestamp(1795400000, UTC)


@pytest.mark.parametrize("name", ["v330_perm_none", "v330_tool_write_default", "tool_write_default"])
def test_a_denied_permission_is_no_success(job: Job, name: str) -> None:
    end = concluded(job, replay(name, ProcessEnd(exit_code=0)))
    assert (end.status, end.unit_status, end.verdict) == (
        AttemptStatus.COMPLETED,
        UnitStatus.COMPLETED,
        Verdict.BLOCKED,
    )
    assert end.outcome.error.startswith("permission denied: Write")


def test_an_agent_that_ends_for_want_of_a_permission_is_tried_once(job: Job) -> None:
    end = concluded(job, Outcome.failed(F.PERMISSION, "may not write"))
    assert end.unit_status is UnitStatus.FAILED
