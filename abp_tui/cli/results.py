"""Taking results out, and removing jobs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from abp_tui.cli.common import job_argument, open_orchestrator, open_repository, say
from abp_tui.errors import InvalidInput
from abp_tui.words import counted


@click.command()
@job_argument
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to; - is stdout.")
@click.option("--format", "form", type=click.Choice(["jsonl"]), default="jsonl", show_default=True)
def export(job: str, output: str, form: str) -> None:
    """Write a line of JSON per unit, with the fields that `abp units --json` has.

    Works while the job runs. A file appears whole or not at all.

    \b
    abp export docs -o docs.jsonl
    abp export docs -o - | jq -r .output
    """
    from abp_tui.export import export_jsonl

    repository = open_repository()
    found = repository.jobs.find(job)
    if output == "-":
        export_jsonl(repository, found.id, sys.stdout)
    else:
        written = export_jsonl(repository, found.id, Path(output).expanduser())
        say(f"{found.name}: {counted(written, 'unit')} written to {output}")
    if doubtful := repository.jobs.get(found.id).counters.suspect:
        say(f"in doubt, their verdict is not ok: {counted(doubtful, 'unit')}. See: abp failures {found.name}")


@click.command()
@job_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(job: str, yes: bool) -> int:
    """Remove a job with all its units, conversations and results. A running one must be stopped first.

    \b
    abp rm docs
    """
    orchestrator = open_orchestrator()
    found = orchestrator.repository.jobs.find(job)
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInput(f"{found.name} would be gone for good", "say --yes, or ask on a terminal")
        if not click.confirm(
            f"Remove {found.name} with its {counted(found.counters.total, 'unit')} for good?", err=True
        ):
            say("nothing was removed")
            return 1
    orchestrator.remove(found.id)
    say(f"{found.name} was removed")
    return 0
