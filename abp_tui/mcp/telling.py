"""Jobs and units as answers: bounded, with what waits for a person and what to do next."""

from __future__ import annotations

from abp_tui.domain.model import WorkUnit
from abp_tui.domain.status import BY_A_PERSON, JobStatus, Phase
from abp_tui.errors import PersonNeeded
from abp_tui.mcp.answers import JobAnswer, Said, StatusAnswer, UnitAnswer, WaitsForPerson
from abp_tui.mcp.bounds import Bounds
from abp_tui.orchestrator import Orchestrator
from abp_tui.views import JobView, UnitView, view_unit

CONVERSATION = 100
WHOLE = 10_000  # messages that are looked through for the last ones


def tell_job(orchestrator: Orchestrator, view: JobView, needed: PersonNeeded | None = None) -> JobAnswer:
    """A job whole, with its tested unit while that waits for review."""
    bounds = Bounds()
    tested = orchestrator.test_result(view.id) if view.phase is Phase.REVIEW else None
    waits = _waits(view, needed)
    return JobAnswer(
        job=bounds.model(view),
        waiting_for_person=bounds.model(waits) if waits else None,
        test=bounds.model(view_unit(tested.unit)) if tested else None,
        next=_next(view, waits),
    )


def tell_status(view: JobView, bounds: Bounds | None = None) -> StatusAnswer:
    """How far a job is."""
    bounds = bounds or Bounds()
    waits = _waits(view)
    same = {name: getattr(view, name) for name in StatusAnswer.model_fields if name in JobView.model_fields}
    return bounds.model(StatusAnswer(**same, waiting_for_person=waits, next=_next(view, waits)))


def tell_units(units: list[WorkUnit]) -> list[UnitView]:
    """Units, each of them short."""
    bounds = Bounds(text=1_000)
    return [bounds.model(view_unit(unit)) for unit in units]


def tell_unit(orchestrator: Orchestrator, unit: WorkUnit) -> UnitAnswer:
    """A unit with the end of the conversation of its last attempt."""
    bounds = Bounds()
    attempts = orchestrator.repository.attempts.of_unit(unit.job_id, unit.seq)
    last = attempts[-1] if attempts else None
    events = orchestrator.repository.attempts.events(last.id, limit=WHOLE) if last else []
    return UnitAnswer(
        unit=bounds.model(view_unit(unit)),
        attempt=last.number if last else None,
        prompt=bounds.value(last.prompt) if last else None,
        conversation=[bounds.model(Said.of(event)) for event in events[-CONVERSATION:]],
        left_out=max(0, len(events) - CONVERSATION),
    )


def _waits(view: JobView, needed: PersonNeeded | None = None) -> WaitsForPerson | None:
    """What a person decides now: what was just asked for, else what the job itself waits for."""
    if needed is not None:
        return WaitsForPerson(why=needed.message, command=needed.command)
    if view.phase is Phase.HELD:
        return WaitsForPerson(why=f"it {'; '.join(view.held)}", command=f"abp approve {view.id}")
    if view.question is not None:
        options = ", ".join(f"{n} {option}" for n, option in enumerate(view.question.options, 1))
        why = f"its agent asks: {view.question.text} ({options})"
        return WaitsForPerson(why=why, command=f"abp answer {view.id} NUMBER")
    if view.phase is Phase.REVIEW:
        return WaitsForPerson(
            why="its test is done: a person looks at it, and lets the batch run",
            command=f"abp approve {view.id}",
        )
    if view.status is JobStatus.PAUSED and view.pause_reason in BY_A_PERSON:
        return WaitsForPerson(why=f"it was {view.pause_reason}", command=f"abp resume {view.id}")
    return None


def _next(view: JobView, waits: WaitsForPerson | None) -> str:
    if waits is not None:
        return f"Waiting for a person. Tell them to run `{waits.command}`; you can't. Then call `wait`."
    if view.phase in (Phase.TESTING, Phase.RUNNING, Phase.GATED, Phase.ENUMERATING):
        return "It goes on by itself: call `wait`."
    if view.phase is Phase.INTERRUPTED:
        return "Its process is gone: call `start_job` after a test, `resume_job` else."
    return {
        JobStatus.CREATED: "Call `start_job`: it tests one unit.",
        JobStatus.PAUSED: "Call `resume_job` once the reason of the pause is gone.",
        JobStatus.FAILED: "See `list_units` with status failed, then call `retry_job`.",
    }.get(view.status, "It is done: see `list_units`.")
