"""Looking at jobs, units, conversations and logs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import job_argument, json_option, open_repository, put, put_json, say
from abp_tui.cli.layout import (
    STATES,
    ago,
    bold,
    dim,
    local,
    money,
    pairs,
    red,
    span,
    table,
    timer_words,
    tinted,
)
from abp_tui.cli.text import one_line
from abp_tui.terminal import harmless
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.domain.model import Job, LogEntry, UnitLine, WorkUnit
    from abp_tui.store.repository import Repository
    from abp_tui.views import JobView

SHOWN = 100
PAGE = 500


@click.command()
@json_option
def ls(as_json: bool) -> None:
    """List all jobs, newest first.

    \b
    abp ls
    abp ls --json | jq -r '.[] | select(.status == "FAILED") | .name'
    """
    from abp_tui.views import view_job

    views = [view_job(job) for job in open_repository().jobs.all()]
    if as_json:
        put_json([view.model_dump(mode="json") for view in views])
    elif not views:
        say("There are no jobs yet. Make one: abp new --help, or try: abp demo")
    else:
        head = ("ID", "NAME", "STATUS", "DONE", "FAILED", "SUSPECT", "TOTAL", "COST", "AGE", "NOTE")
        for line in table(
            head, map(_row, views), right="DONE FAILED SUSPECT TOTAL COST AGE", gives="NAME NOTE"
        ):
            put(line)


@click.command()
@job_argument
@json_option
def show(job: str, as_json: bool) -> None:
    """Show a job: its state, counts, cost, prompt and process.

    \b
    abp show docs
    abp show j3 --json
    """
    from abp_tui.views import view_job

    repository = open_repository()
    found = repository.jobs.find(job)
    view = view_job(found)
    if as_json:
        put_json(view.model_dump(mode="json"))
        return
    made = repository.attempts.results_by_version(found.id) if view.prompt_version > 1 else {}
    for line in pairs([*_facts(view), ("runs on", _places(repository, found)), ("results of", _mixed(made))]):
        put(line)
    for line in _question_lines(view):
        put(line)
    put(bold("prompt"))
    for line in view.prompt_template.splitlines():
        put(f"  {harmless(line)}")


@click.command()
@job_argument
@click.option("--status", type=click.Choice(STATES, case_sensitive=False), help="Only units in this state.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help=f"At most N; a table shows {SHOWN}.")
@json_option
def units(job: str, status: str | None, limit: int | None, as_json: bool) -> None:
    """List a job's units in order. Completed ones that are doubtful count as suspect.

    \b
    abp units docs --status failed
    abp units docs --json | jq '.[].output'
    """
    from abp_tui.cli.summary import warn
    from abp_tui.views import view_job

    repository = open_repository()
    found = repository.jobs.find(job)
    if as_json:
        _put_array(repository.units.stream(found.id, state=status), limit)
        return
    warn(view_job(found))
    put_units(repository, found, status, limit or SHOWN)


@click.command()
@job_argument
@click.option("--unit", "seq", type=int, required=True, metavar="SEQ", help="Which unit.")
@json_option
def events(job: str, seq: int, as_json: bool) -> None:
    """Print the conversation of a unit, attempt by attempt.

    \b
    abp events docs --unit 3
    """
    from abp_tui.cli.conversation import events_of, lines_of
    from abp_tui.cli.summary import warn
    from abp_tui.views import view_job

    repository = open_repository()
    found = repository.jobs.find(job)
    unit = repository.units.get(found.id, seq)
    attempts = repository.attempts.of_unit(unit.job_id, seq)
    if as_json:
        said = ((attempt, event) for attempt in attempts for event in events_of(repository, attempt.id))
        put_json([{"attempt": a.number, **event.model_dump(mode="json")} for a, event in said])
        return
    warn(view_job(found))
    for attempt in attempts:
        cost, began = money(attempt.usage.cost_usd), local(attempt.started_at)
        put(bold(f"attempt {attempt.number}: {attempt.purpose}, {attempt.status}, {began}, {cost}"))
        for event in events_of(repository, attempt.id):
            for line in lines_of(event):
                put(line)


@click.command()
@job_argument
@click.option("--follow", is_flag=True, help="Go on until the job has ended.")
@json_option
def log(job: str, follow: bool, as_json: bool) -> None:
    """Print what happened to a job.

    \b
    abp log docs --follow
    abp log docs --json | jq '.[] | select(.level == "error")'
    """
    from abp_tui.cli.summary import warn
    from abp_tui.cli.watching import changes
    from abp_tui.views import view_job

    if follow and as_json:
        raise click.UsageError("--follow has no end to close a JSON document with")
    repository = open_repository()
    found, last = repository.jobs.find(job), 0
    job_id = found.id
    if as_json:
        put_json([entry.model_dump(mode="json") for entry in repository.logs.all(job_id)])
        return
    warn(view_job(found))
    for _ in changes(repository):
        ended = repository.jobs.get(job_id).status.ended
        while entries := repository.logs.after(job_id, last):
            for entry in entries:
                put(_log_line(entry))
            last = entries[-1].id
        if ended or not follow:
            return


def put_units(repository: Repository, job: Job, state: str | None = None, limit: int = SHOWN) -> None:
    """A table of the first units, in all states or in one; says how many there are beyond it."""
    lines = _unit_lines(repository, job, state, limit)
    away = job.placement.engine != "local"
    head = ("SEQ", "KEY", "STATUS", "TRIES", "COST", "TIME", *(["HOST"] if away else []), "NOTE")
    for line in table(
        head, (_unit_row(line, away) for line in lines), right="SEQ TRIES COST TIME", gives="KEY HOST NOTE"
    ):
        put(line)
    there = getattr(job.counters, state or "total")
    if there > len(lines):
        say(f"{there - len(lines)} more; --limit {there} shows all")


def _places(repository: Repository, job: Job) -> str:
    """Where the units of a job run, and how many on which machine at this moment."""
    from collections import Counter

    if job.placement.engine == "local":
        return ""
    hosts = Counter(attempt.host for attempt in repository.attempts.running(job.id))
    now = ", ".join(f"{one_line(host)} {counted(number, 'unit')}" for host, number in sorted(hosts.items()))
    return f"{one_line(job.placement.words)}{f'; now {now}' if now else ''}"


def _row(view: JobView) -> tuple[str, ...]:
    from abp_tui.cli.summary import gate_words, state

    counts = (view.completed_units, view.failed_units, view.suspect_units, view.total_units)
    cost = money(view.cost_usd, view.cost_is_floor)
    name, note = one_line(view.name, 40), one_line("; ".join((*view.warnings, gate_words(view))), 60)
    return view.id, name, state(view), *map(str, counts), cost, ago(view.created_at), note


def _facts(view: JobView) -> Iterator[tuple[str, str]]:
    from abp_tui.cli.summary import gate_words, state
    from abp_tui.domain.check import check_words

    yield "job", f"{one_line(view.name)} ({view.id})"
    yield "status", tinted(state(view))
    yield "reason", one_line(view.pause_reason or "")
    yield "waits", one_line(view.waiting or "")
    yield "gate", one_line(gate_words(view))
    yield "intent", one_line(view.intent, 200)
    yield "asked by", one_line(view.client or "")
    yield "held", one_line("; ".join(view.held), 500)
    for name in STATES:
        yield name, str(getattr(view, f"{name}_units"))
    yield "total", str(view.total_units)
    yield "cost", money(view.cost_usd, view.cost_is_floor)
    yield "budget", money(view.budget_usd) if view.budget_usd is not None else ""
    yield "source", one_line(f"{view.enumerator_type} {view.enumerator_config}", 200)
    for words in view.warnings:
        yield "permissions", red(one_line(words))
    yield "worker", one_line(f"{view.worker} {view.worker_options or ''}", 200)
    yield "folder", one_line(view.cwd)
    yield "workers", str(view.max_workers)
    yield "retries", str(view.max_retries)
    row = counted(view.max_failures_in_row, "failure")
    yield "pauses after", f"{row} in a row" if view.max_failures_in_row else ""
    yield "timers", timer_words(view.timers)
    yield "schema", one_line(json.dumps(view.output_schema), 200) if view.output_schema is not None else ""
    for words in check_words(view.checks):
        yield "check", one_line(words, 200)
    yield "synthesis", f"{view.synthesis}, unit {view.total_units}" if view.synthesis else ""
    yield "created", local(view.created_at)
    yield "started", local(view.started_at)
    yield "finished", local(view.finished_at)
    if view.executor:
        yield "executor", f"process {view.executor.pid} on {view.executor.host}, {view.executor.state}"
    yield "prompt version", str(view.prompt_version)


def _mixed(results: dict[int, int]) -> str:
    """Which versions made the results, where it is not one alone."""
    if len(results) < 2:
        return ""
    return ", ".join(f"version {version}: {counted(units, 'unit')}" for version, units in results.items())


def _question_lines(view: JobView) -> Iterator[str]:
    from abp_tui.cli.summary import next_step

    if view.question is None:
        return
    yield bold("the agent asks")
    for line in harmless(view.question.text).splitlines():
        yield f"  {line}"
    for n, option in enumerate(view.question.options, 1):
        yield f"  {bold(str(n))} {one_line(option)}"
    yield f"  {next_step(view)}"


def _unit_lines(repository: Repository, job: Job, state: str | None, limit: int) -> list[UnitLine]:
    if state is None:
        return repository.units.lines(job.id, 0, limit)
    return repository.units.lines_in(job.id, state, limit=limit)


def _unit_row(line: UnitLine, away: bool) -> tuple[str, ...]:
    state = line.status if line.verdict in (None, "ok") else f"{line.status} {line.verdict}"
    cost, time = money(line.cost_usd), span(line.duration_s)
    return (
        str(line.seq),
        one_line(line.key, 50),
        state,
        str(line.attempts),
        cost,
        time,
        *([one_line(line.host or "", 30)] if away else []),
        one_line(line.note, 60),
    )


def _put_array(found: Iterator[WorkUnit], limit: int | None) -> None:
    """One JSON array, written while it is read: a job may have a million units."""
    from itertools import islice

    from abp_tui.export.jsonl import json_line

    separator = "[\n"
    for unit in islice(found, limit):
        sys.stdout.write(separator + json_line(unit))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def _log_line(entry: LogEntry) -> str:
    unit = f" unit {entry.seq}:" if entry.seq is not None else ""
    line = f"{local(entry.at)} {entry.level:7}{unit} {one_line(entry.message)}"
    return line if entry.level == "info" else tinted(line) if entry.level == "error" else dim(line)
