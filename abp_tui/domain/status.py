"""The states that jobs, units and attempts can be in, and the steps allowed between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from abp_tui.errors import IllegalTransition


class JobStatus(StrEnum):
    """Where a job stands."""

    CREATED = "CREATED"
    TESTING = "TESTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"

    @property
    def ended(self) -> bool:
        """Whether every unit has its final state."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED)


PAUSED_BY_A_PERSON = "paused by a person"
STOPPED_BY_A_PERSON = "stopped by a person"
BY_A_PERSON = (PAUSED_BY_A_PERSON, STOPPED_BY_A_PERSON)


class Occasion(StrEnum):
    """What a person may want to be told of a job."""

    REVIEW = "review"  # its test is done and waits for a decision
    QUESTION = "question"  # the agent under test asks
    PAUSED = "paused"  # but not by a person
    LIMIT = "limit"  # a usage limit or a login keeps its agents from starting
    INTERRUPTED = "interrupted"  # its process is gone
    COMPLETED = "completed"
    FAILED = "failed"


class UnitStatus(StrEnum):
    """Where one work unit stands."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class Verdict(StrEnum):
    """What a completed unit is worth: good, doubtful, or kept from doing its work."""

    OK = "ok"
    SUSPECT = "suspect"
    BLOCKED = "blocked"


class AttemptStatus(StrEnum):
    """How one execution of a unit ended, or that it runs."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


class Purpose(StrEnum):
    """Why an attempt was made."""

    TEST = "test"
    PILOT = "pilot"
    RUN = "run"
    POST = "post"


class Mark(StrEnum):
    """What came of a unit, as a person thinks of it; or of a whole test or pilot, as it ended."""

    PASS = "pass"
    DOUBTFUL = "doubtful"
    FAIL = "fail"


class UnitKind(StrEnum):
    """An item of the source, or the synthesis step that runs once over the results."""

    ITEM = "item"
    POST = "post"


class Desired(StrEnum):
    """What the faces ask of a running executor."""

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"


class Phase(StrEnum):
    """What is going on within a status, for people."""

    HELD = "held"
    ENUMERATING = "enumerating"
    TESTING = "testing"
    PILOT = "pilot"
    REVIEW = "review"
    RUNNING = "running"
    GATED = "gated"
    INTERRUPTED = "interrupted"


class GateState(StrEnum):
    """Whether new attempts of a worker and account may start."""

    OPEN = "open"
    CLOSED = "closed"
    PROBING = "probing"


JOB_STEPS: Mapping[JobStatus, frozenset[JobStatus]] = MappingProxyType(
    {
        JobStatus.CREATED: frozenset({JobStatus.TESTING, JobStatus.RUNNING}),
        JobStatus.TESTING: frozenset({JobStatus.RUNNING, JobStatus.CREATED}),
        JobStatus.RUNNING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.PAUSED}),
        JobStatus.PAUSED: frozenset({JobStatus.RUNNING}),
        JobStatus.COMPLETED: frozenset({JobStatus.RUNNING}),
        JobStatus.FAILED: frozenset({JobStatus.RUNNING}),
    }
)

UNIT_STEPS: Mapping[UnitStatus, frozenset[UnitStatus]] = MappingProxyType(
    {
        UnitStatus.PENDING: frozenset({UnitStatus.PROCESSING}),
        UnitStatus.PROCESSING: frozenset({UnitStatus.COMPLETED, UnitStatus.FAILED, UnitStatus.PENDING}),
        UnitStatus.COMPLETED: frozenset({UnitStatus.PENDING}),
        UnitStatus.FAILED: frozenset({UnitStatus.PENDING}),
    }
)


def check_job_step(name: str, old: JobStatus, new: JobStatus) -> None:
    """Raise `IllegalTransition` unless the job called `name` may go from `old` to `new`."""
    if new not in JOB_STEPS[old]:
        raise IllegalTransition(f"job {name} is {old} and can't become {new}", _hint(JOB_STEPS[old]))


def check_unit_step(seq: int, old: UnitStatus, new: UnitStatus) -> None:
    """Raise `IllegalTransition` unless unit `seq` may go from `old` to `new`."""
    if new not in UNIT_STEPS[old]:
        raise IllegalTransition(f"unit {seq} is {old} and can't become {new}", _hint(UNIT_STEPS[old]))


def _hint(steps: frozenset[JobStatus] | frozenset[UnitStatus]) -> str:
    return f"from there it can only become {' or '.join(sorted(steps))}"
