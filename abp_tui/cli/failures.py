"""Why units failed, cause by cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import job_argument, json_option, open_orchestrator, put, put_json, put_text, say
from abp_tui.cli.layout import bold, table
from abp_tui.cli.summary import warn
from abp_tui.cli.text import one_line
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Cause, Job
    from abp_tui.orchestrator import Orchestrator

ERROR_WIDTH = 80


@click.command()
@job_argument
@click.option(
    "--cause", metavar="ID", help="One of them in full; the beginning of its id will do.", default=None
)
@json_option
def failures(job: str, cause: str | None, as_json: bool) -> None:
    """List why units failed or are in doubt, grouped by cause, the most frequent first.

    Errors that differ only in numbers, paths, ids and what the item holds are one cause; another exit code,
    another status or another last tool call is another.

    \b
    abp failures docs
    abp failures docs --cause 5f0c
    abp retry docs --cause 5f0c --test-first
    """
    orchestrator = open_orchestrator()
    if cause is not None:
        _show(orchestrator, job, orchestrator.cause(job, cause), as_json)
        return
    found = orchestrator.causes(job)
    if as_json:
        put_json([cause.model_dump(mode="json") for cause in found])
        return
    warn(orchestrator.status(job))
    if again := orchestrator.causes_run_again(job):
        units = counted(sum(cause.units for cause in again), "unit")
        say(f"beside what is listed, run again or wait for it: {units} of {counted(len(again), 'cause')}")
    if not found:
        say(_nothing(orchestrator.repository.jobs.find(job)))
        return
    rows = (
        (
            each.fingerprint,
            str(each.units),
            _kind(each),
            str(each.first_seq),
            one_line(each.error, ERROR_WIDTH),
        )
        for each in found
    )
    for line in table(("CAUSE", "UNITS", "KIND", "FIRST", "ERROR"), rows, right="UNITS FIRST", gives="ERROR"):
        put(line)


def _show(orchestrator: Orchestrator, job: str, cause: Cause, as_json: bool) -> None:
    """A cause with its whole error, and how to see and to mend it."""
    if as_json:
        put_json(cause.model_dump(mode="json"))
        return
    view = orchestrator.status(job)
    warn(view)
    put(bold(f"{counted(cause.units, 'unit')}, {_kind(cause)}, first: unit {cause.first_seq}"))
    put_text(cause.error)
    see = f"abp events {view.name} --unit {cause.first_seq}"
    say(f"Next: {see}, then abp retry {view.name} --cause {cause.fingerprint} --test-first")


def _kind(cause: Cause) -> str:
    return (cause.failure_kind or "unknown") if cause.failed else "in doubt"


def _nothing(job: Job) -> str:
    """That there is no cause to list; where failures have paused the job, where to find them."""
    words = f"{job.name}: no unit has failed for good or is in doubt"
    if job.pause_reason is None:
        return words
    return one_line(f"{words}. It paused: {job.pause_reason}. See: abp units {job.name}")
