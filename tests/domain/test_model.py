from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import (
    Attempt,
    Counters,
    Denial,
    Event,
    EventKind,
    Frozen,
    Gate,
    Job,
    Lease,
    LogEntry,
    Outcome,
    Recipe,
    TestResult,
    Timers,
    Usage,
    WorkUnit,
)
from abp_tui.domain.status import AttemptStatus, GateState, JobStatus, Purpose, UnitStatus, Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

RECIPE = Recipe(
    job_id=1,
    version=2,
    prompt_template="Do {n}",
    worker_options={"model": "small", "argv": ["a", "b"]},
    checks=({"kind": "not_empty"},),
    output_schema={"type": "object"},
    created_at=NOON,
)
LEASE = Lease(executor="e-1", host="here", boot_id="b", pid=7, pid_started=1.5, beat=3, beat_at=NOON)
JOB = Job(
    id=12,
    name="words",
    intent="Count {n}",
    status=JobStatus.RUNNING,
    enumerator_type="file",
    enumerator_config={"base_directory": "/srv/texts"},
    worker="sample",
    cwd="/srv",
    max_workers=4,
    max_retries=3,
    recipe=RECIPE,
    counters=Counters(total=3, pending=1, completed=1, suspect=1),
    desired_workers=4,
    lease=LEASE,
    created_at=NOON,
)
UNIT = WorkUnit(
    job_id=12,
    seq=0,
    key="a.md",
    payload={"n": 1, "tags": ["x", None]},
    status=UnitStatus.COMPLETED,
    verdict=Verdict.SUSPECT,
    output="done",
    result={"sector": "baking"},
)
OUTCOME = Outcome(
    ok=False,
    error="denied",
    failure=FailureKind.PERMISSION,
    usage=Usage(cost_usd=0.25, turns=2),
    denials=(Denial(tool="Bash", detail="rm"),),
    resets_at=NOON,
)
ATTEMPT = Attempt(
    id=5,
    job_id=12,
    seq=0,
    number=1,
    purpose=Purpose.TEST,
    recipe_version=2,
    prompt="Do 1",
    executor="e-1",
    host="here",
    boot_id="b",
    status=AttemptStatus.FAILED,
    outcome=OUTCOME,
    usage=OUTCOME.usage,
    started_at=NOON,
    ended_at=NOON + timedelta(seconds=90),
)
EVENT = Event(kind=EventKind.TOOL_CALL, title="Bash", ref="t1", body="ls", raw='{"a": 1}', at=NOON, id=9)

VALUES: list[Frozen] = [
    Timers(idle_s=5),
    RECIPE,
    LEASE,
    JOB,
    UNIT,
    OUTCOME,
    ATTEMPT,
    EVENT,
    LogEntry(id=1, at=NOON, level="info", message="started", seq=3),
    Gate(scope="claude:ab", state=GateState.CLOSED, until=NOON, reason="usage limit"),
    TestResult(job=JOB, unit=UNIT, attempt=ATTEMPT, events=(EVENT,)),
]
NAMES = [type(value).__name__ for value in VALUES]


@pytest.mark.parametrize("value", VALUES, ids=NAMES)
def test_a_value_survives_the_way_through_json(value: Frozen) -> None:
    assert type(value).model_validate_json(value.model_dump_json()) == value


@pytest.mark.parametrize("value", VALUES, ids=NAMES)
def test_a_value_can_not_be_changed_and_takes_no_unknown_field(value: Frozen) -> None:
    first = next(iter(type(value).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(value, first, getattr(value, first))
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(value).model_validate({**value.model_dump(), "no_such_field": 1})


def test_a_job_is_written_as_people_name_it_and_shows_its_recipe() -> None:
    assert JOB.ref == "j12"
    assert JOB.prompt_template == "Do {n}"


def test_an_attempt_lasts_from_start_to_end() -> None:
    assert ATTEMPT.duration_s == 90.0
    assert ATTEMPT.model_copy(update={"ended_at": None}).duration_s is None


def test_a_failed_outcome_says_why() -> None:
    outcome = Outcome.failed(FailureKind.LOGIN, "log in first", exit_code=1)
    assert (outcome.ok, outcome.failure, outcome.error, outcome.exit_code) == (
        False,
        FailureKind.LOGIN,
        "log in first",
        1,
    )


def test_a_test_result_speaks_for_its_unit_and_attempt() -> None:
    good = UNIT.model_copy(update={"verdict": Verdict.OK})
    result = TestResult(job=JOB, unit=good, attempt=ATTEMPT, events=(EVENT,))
    assert (result.passed, result.output, result.error) == (True, "done", None)
    assert (result.conversation, result.cost_usd) == ((EVENT,), 0.25)
    failed = UNIT.model_copy(update={"status": UnitStatus.FAILED, "output": None, "error": "no"})
    result = result.model_copy(update={"unit": failed})
    assert (result.passed, result.output, result.error) == (False, "", "no")


@pytest.mark.parametrize("name", Timers.model_fields)
def test_no_timer_is_negative(name: str) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Timers.model_validate({name: -1})
