"""`abp accept`: what the checks doubt, and a person does not."""

from __future__ import annotations

import click

from abp_tui.cli.common import job_argument, open_orchestrator, say
from abp_tui.cli.summary import warn
from abp_tui.words import counted


@click.command()
@job_argument
@click.argument("seqs", nargs=-1, type=int, metavar="[SEQ]..")
@click.option(
    "--cause", metavar="ID", help="All units in doubt for one cause; the beginning of its id will do."
)
def accept(job: str, seqs: tuple[int, ...], cause: str | None) -> None:
    """Count suspect units as good: you have looked at them, and find them so.

    They are exported with the verdict "ok"; what was found against them stays on them, and the log says who
    accepted them. `abp retry` takes that back by running one again.

    \b
    abp accept docs 3 8
    abp accept docs --cause 5f0c
    """
    if bool(seqs) is bool(cause):
        raise click.UsageError("name units, or a cause with --cause")
    orchestrator = open_orchestrator()
    warn(orchestrator.status(job))
    before = orchestrator.repository.jobs.find(job).counters.suspect
    done = orchestrator.accept_cause(job, cause) if cause else orchestrator.accept(job, seqs)
    left = done.counters.suspect
    say(f"{done.name}: {counted(before - left, 'unit')} accepted, {left:,} left in doubt")
