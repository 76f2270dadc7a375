"""A job in one line, and as an exit code."""

from __future__ import annotations

from abp_tui.cli.common import say
from abp_tui.cli.layout import money, red, span
from abp_tui.cli.text import one_line
from abp_tui.domain.status import JobStatus, Phase, UnitStatus
from abp_tui.views import JobView
from abp_tui.words import counted

REASON_CELLS = 200
NEEDS_A_PERSON = 3
INTERRUPTED = 4
IN_DOUBT = 5


def exit_code(view: JobView) -> int:
    """What a wait for this job ends with."""
    if view.phase is Phase.INTERRUPTED:
        return INTERRUPTED
    if view.status is JobStatus.COMPLETED and view.suspect_units:
        return IN_DOUBT
    return {JobStatus.COMPLETED: 0, JobStatus.FAILED: 1}.get(view.status, NEEDS_A_PERSON)


def state(view: JobView) -> str:
    """The status, with the phase where that says more, or that the executor does not answer."""
    if view.stalled:
        return f"{view.status} stalled"
    return f"{view.status} {view.phase}" if view.phase and view.phase != view.status.lower() else view.status


def summary(view: JobView) -> str:
    """A job's state, counts and cost."""
    parts = [f"{view.completed_units} of {view.total_units} done"]
    if view.suspect_units:
        parts.append(f"{view.suspect_units} suspect")
    if view.failed_units:
        parts.append(f"{view.failed_units} failed")
    if view.cost_usd is not None:
        parts.append(money(view.cost_usd, view.cost_is_floor))
    if view.synthesis:
        parts.append(f"synthesis {view.synthesis.lower()}")
    return f"{view.name}: {state(view)}{_reason(view)}: {', '.join(parts)}"


def warn(view: JobView) -> None:
    """Say in red what agents of a job may do that a person must not overlook, if there is such a thing."""
    for words in view.warnings:
        say(red(one_line(f"{view.name}: each agent {words}")))


def gate_words(view: JobView) -> str:
    """What keeps a job's agents from starting, and for how long; empty where nothing does."""
    return view.gate.words(span) if view.gate else ""


def next_step(view: JobView) -> str:
    """What a person can do with a job that goes no further by itself; empty where nothing needs doing."""
    name = view.name
    budget = " --budget USD" if view.lacks_budget else ""
    if view.phase is Phase.INTERRUPTED:
        trial = "test" if view.pilot_id is None else "pilot"
        verb = trial if view.status is JobStatus.TESTING else "resume"
        return f"Its process is gone. Go on: abp {verb} {name}"
    if view.phase is Phase.HELD:
        return f"Next: abp approve {name}, once you have read what it asks for"
    if view.question is not None:
        numbers = "|".join(str(n) for n, _ in enumerate(view.question.options, 1))
        return f"The agent asks. Next: abp answer {name} {numbers}"
    return {
        JobStatus.CREATED: f"Next: abp test {name}",
        JobStatus.TESTING: _after_test(view),
        JobStatus.PAUSED: f"Next: {_first(view)}abp resume {name}{budget}",
        JobStatus.COMPLETED: _after_doubt(view) if view.suspect_units else "",
        JobStatus.FAILED: _after_failure(view),
    }.get(view.status, "")


def _first(view: JobView) -> str:
    return "log in, then " if view.gate and view.gate.needs_login else ""


def _after_doubt(view: JobView) -> str:
    units = f"{counted(view.suspect_units, 'unit')} {'is' if view.suspect_units == 1 else 'are'}"
    return f"{units} in doubt, not done. Next: abp failures {view.name}, then abp retry or abp accept"


def _after_failure(view: JobView) -> str:
    name = view.name
    if view.synthesis is UnitStatus.FAILED:
        step = f"--unit {view.total_units}"
        return f"Next: abp events {name} {step}, then abp retry {name} {step}"
    waive = f". abp waive {name} runs the synthesis without them" if view.synthesis else ""
    return f"Next: abp units {name} --status failed, then abp retry {name}{waive}"


def _after_test(view: JobView) -> str:
    name = view.name
    if view.pilot_id is not None:
        return f"Next: abp quote {name}, then abp approve {name}, or abp reject {name}"
    if view.failed_units:
        return f"Next: abp reject {name}, then test again. abp approve {name} runs the rest all the same"
    return f"Next: abp approve {name}, or abp pilot {name}, or abp reject {name}"


def _reason(view: JobView) -> str:
    paused = view.status is JobStatus.PAUSED
    reason = view.pause_reason if paused else view.waiting or gate_words(view)
    return f" ({one_line(reason, REASON_CELLS)})" if reason else ""
