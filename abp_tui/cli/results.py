"""Taking results out, and removing jobs."""

from __future__ import annotations

import sys
from pathlib import Path
from signal import SIGHUP, SIGTERM
from typing import TYPE_CHECKING, Any

import click

from abp_tui.cli.common import ended_as_by_ctrl_c, job_argument, open_orchestrator, say
from abp_tui.cli.layout import STATES
from abp_tui.cli.progress import Bar
from abp_tui.cli.summary import warn
from abp_tui.errors import InvalidInput
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Job
    from abp_tui.store.repository import Repository


@click.command()
@job_argument
@click.option("-o", "--output", default="-", metavar="FILE", help="Where to; by default, and for -, stdout.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "sqlite", "parquet"]),
    help="By default what FILE's suffix says; jsonl for stdout, or without one.",
)
@click.option("--status", type=click.Choice(STATES, case_sensitive=False), help="Only units in this state.")
@click.option("--fields", metavar="a,b", help="Only these fields, in this order.")
@click.option("--attempts", is_flag=True, help="A row per attempt rather than per unit.")
@click.option("--conversations", is_flag=True, help="As --attempts, with all that was said.")
@click.option("--safe", is_flag=True, help="In CSV, a ' before what a spreadsheet would take for a formula.")
def export(job: str, output: str, form: str | None, fields: str | None, **given: Any) -> None:
    """Write a job's results: a row per unit, in the order of the items.

    Works while the job runs. A file appears whole or not at all. JSON lines have the fields of `abp units
    --json`. The other formats have a column for each field of the items, which keep their names, one for
    each field of structured results (result_NAME where an item has that name), and then ours (abp_NAME
    where that is taken). What is nested is JSON text. SQLite gets the tables units, attempts and events.
    `abp fields` says what the fields are; --fields takes any of them, the items' own as well. Without verdict
    among them, units in doubt are left out, unless --status asks for them.

    What UTF-8 can't hold becomes an escape such as \\udc80. Parquet needs `pip install
    'abp-tui[parquet]'`.

    \b
    abp export docs -o docs.csv --safe
    abp export docs --status failed --fields key,error
    abp export docs -o docs.sqlite --conversations
    abp export docs | jq -r .output
    """
    from abp_tui.export import BINARY, format_of
    from abp_tui.export.table import Wanted

    target = None if output == "-" else Path(output).expanduser()
    form = form or format_of(target)
    if given["safe"] and form != "csv":
        raise click.UsageError("--safe is for CSV")
    if target is None and form in BINARY and sys.stdout.isatty():
        raise InvalidInput(f"{form} is nothing for a terminal", "name a file: -o FILE")
    wanted = Wanted(
        state=given["status"],
        fields=[name.strip() for name in fields.split(",")] if fields else None,
        attempts=given["attempts"],
        conversations=given["conversations"],
        safe=given["safe"],
    )
    orchestrator = open_orchestrator()
    found = orchestrator.repository.jobs.find(job)
    warn(orchestrator.status(found.id))
    counters = found.counters
    total = None if wanted.of_attempts else getattr(counters, wanted.state or "total")
    with ended_as_by_ctrl_c(SIGTERM, SIGHUP), Bar("written", total) as bar:
        written = orchestrator.export(found.id, target or sys.stdout.buffer, form, wanted, bar.show)
    if target:
        noun = "attempt" if wanted.of_attempts else "unit"
        say(f"{found.name}: {counted(written, noun)} written to {output}")
    if doubtful := orchestrator.repository.jobs.get(found.id).counters.suspect:
        how = (
            "left out, as --fields has no verdict"
            if wanted.leaves_out_doubtful
            else "their verdict is not ok"
        )
        say(f"in doubt, {how}: {counted(doubtful, 'unit')}. See: abp failures {found.name}")


@click.command()
@job_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(job: str, yes: bool) -> int:
    """Remove a job with all its units, conversations and results. A running one must be stopped first.

    \b
    abp rm docs
    """
    orchestrator = open_orchestrator()
    repository = orchestrator.repository
    found = repository.jobs.find(job)
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInput(f"{found.name} would be gone for good", "say --yes, or ask on a terminal")
        if not click.confirm(
            f"Remove {found.name} with its {counted(found.counters.total, 'unit')} for good?", err=True
        ):
            say("nothing was removed")
            return 1
    with (
        Bar("units removed", found.counters.total) as bar,
        bar.following(lambda: _removed(repository, found)),
    ):
        orchestrator.remove(found.id)
    say(f"{found.name} was removed")
    return 0


def _removed(repository: Repository, job: Job) -> int:
    """How many units are gone: they go from the first to the last."""
    left = repository.units.bounds(job.id)
    return left[0] if left else job.counters.total
