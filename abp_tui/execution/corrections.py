"""An answer that misses the schema is sent back with what is wrong, a few times, within its attempt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.follow_up import missed, missed_before
from abp_tui.domain.model import Event, EventKind, Outcome, Usage
from abp_tui.domain.structured import NoJson, Schema, find_json
from abp_tui.workers.base import Sink, Task

MOST = 2  # they cost no retry

Run = Callable[[Task], Outcome]


def run_to_schema(task: Task, schema: Schema, run: Run, sink: Sink, *, resumes: bool) -> Outcome:
    """Run the task until its answer fits the schema; BAD_OUTPUT where it does not in the end.

    The outcome is that of the last run, with what all of them cost. All of them share the total timer. `run`
    says `INTERRUPTED` where the attempt is to end, and nothing is sent back then.
    """
    began = time.monotonic()
    outcome = judged(run(task), schema)
    for _ in range(MOST):
        if outcome.failure is not FailureKind.BAD_OUTPUT:
            break
        again = _corrected(task, outcome, time.monotonic() - began, resumes)
        if again is None:
            break
        sink.event(Event(kind=EventKind.PROMPT, body=again.words))
        outcome = added(outcome, judged(run(again), schema))
    return outcome


def judged(outcome: Outcome, schema: Schema) -> Outcome:
    """The outcome with the result that was found in it, or as the miss that it is."""
    if not outcome.ok:
        return outcome
    try:
        result = find_json(outcome.output) if outcome.result is None else outcome.result
    except NoJson as error:
        why = str(error)
    else:
        differences = schema.differences(result)
        if not differences:
            return outcome.model_copy(update={"result": result})
        why = f"the answer does not fit the schema: {differences}"
    miss = {"ok": False, "result": None, "failure": FailureKind.BAD_OUTPUT, "error": why}
    return outcome.model_copy(update=miss)


def added(earlier: Outcome, last: Outcome) -> Outcome:
    """The last outcome, with what the runs before it consumed and were denied."""
    denials = dict.fromkeys((*earlier.denials, *last.denials))
    return last.model_copy(
        update={
            "usage": _sum(earlier.usage, last.usage),
            "denials": tuple(denials),
            "session_id": last.session_id or earlier.session_id,
        }
    )


def _sum(one: Usage, other: Usage) -> Usage:
    """What both consumed; unknown where either is."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in Usage.model_fields}
    return Usage(**{name: None if None in pair else sum(pair) for name, pair in pairs.items()})


def _corrected(task: Task, miss: Outcome, seconds: float, resumes: bool) -> Task | None:
    """The task again, its answer sent back; None where no time is left for it."""
    total_s = task.timers.total_s
    if total_s and total_s <= seconds:
        return None
    timers = task.timers.model_copy(update={"total_s": total_s - seconds if total_s else 0.0})
    return replace(
        task,
        prompt=missed_before(task.prompt, miss.error, miss.output),
        timers=timers,
        session_id=miss.session_id if resumes else None,
        follow_up=missed(miss.error),
    )
