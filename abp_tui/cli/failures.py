"""Why units failed, cause by cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import job_argument, json_option, open_orchestrator, put, put_json, say
from abp_tui.cli.layout import table
from abp_tui.cli.summary import warn
from abp_tui.cli.text import one_line
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Job

ERROR_WIDTH = 80


@click.command()
@job_argument
@json_option
def failures(job: str, as_json: bool) -> None:
    """List why units failed or are in doubt, grouped by cause, the most frequent first.

    Errors that differ only in numbers, paths, ids and what the item holds are one cause; another exit code,
    another status or another last tool call is another.

    \b
    abp failures docs
    abp retry docs --cause 5f0c31a2b7d4
    """
    orchestrator = open_orchestrator()
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
            cause.fingerprint,
            str(cause.units),
            (cause.failure_kind or "unknown") if cause.failed else "in doubt",
            str(cause.first_seq),
            one_line(cause.error, ERROR_WIDTH),
        )
        for cause in found
    )
    for line in table(("CAUSE", "UNITS", "KIND", "FIRST", "ERROR"), rows, right="UNITS FIRST", gives="ERROR"):
        put(line)


def _nothing(job: Job) -> str:
    """That there is no cause to list; where failures have paused the job, where to find them."""
    words = f"{job.name}: no unit has failed for good or is in doubt"
    if job.pause_reason is None:
        return words
    return one_line(f"{words}. It paused: {job.pause_reason}. See: abp units {job.name}")
