"""Verifying the database, and mending what can be counted again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import json_option, open_repository, put, put_json, say
from abp_tui.cli.text import one_line
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.store.check import Check, Finding, Repair, Report


@click.command()
@click.option("--quick", is_flag=True, help="Do not compare each index with its table.")
@click.option("--repair", is_flag=True, help="Count again what is counted wrongly, job by job.")
@json_option
def check(quick: bool, repair: bool, as_json: bool) -> int:
    """Verify the database: the file itself, and that each job's counts and costs agree with its units.

    Prints a line per finding. Works while jobs run, and on a file that may only be read. A repair writes
    counts, costs and the map of a job; it never touches a unit, an attempt or a conversation.

    Exits 0 if all is well or was repaired, 1 if something is left.

    \b
    abp check
    abp check --quick --json | jq '.findings[].what'
    abp check --repair
    """
    check = open_repository().check
    report = check.run(quick=quick)
    repairs = _repair(check, report) if repair else []
    left = _left(report, repairs)
    if as_json:
        put_json(_document(report, repairs, left))
    else:
        for line in (*map(_finding, left), *_repaired(repairs)):
            put(line)
        _conclude(report, left, repairs)
    return 1 if left else 0


def _repair(check: Check, report: Report) -> list[Repair]:
    jobs = dict.fromkeys(finding.mends for finding in report.findings if finding.mends is not None)
    return [check.repair(job_id) for job_id in jobs]


def _left(report: Report, repairs: list[Repair]) -> list[Finding]:
    """The findings that no repair has dealt with."""
    done = {repair.job_id for repair in repairs if not repair.skipped}
    return [finding for finding in report.findings if finding.mends not in done]


def _finding(finding: Finding) -> str:
    return one_line(f"{finding.where}: {finding.what} ({finding.todo})")


def _repaired(repairs: list[Repair]) -> list[str]:
    lines = []
    for repair in repairs:
        lines += [one_line(f"{repair.where}: repaired: {what}") for what in repair.mended]
        if repair.skipped:
            lines.append(one_line(f"{repair.where}: not repaired: {repair.skipped}"))
    return lines


def _conclude(report: Report, left: list[Finding], repairs: list[Repair]) -> None:
    if left:
        say(counted(len(left), "finding"))
        return
    numbers = ((report.jobs, "job"), (report.units, "unit"), (report.attempts, "attempt"))
    counts = ", ".join(counted(number, noun) for number, noun in numbers)
    say(f"{counts}: all is well{' now' if repairs else ''}")


def _document(report: Report, repairs: list[Repair], left: list[Finding]) -> dict[str, object]:
    counts = {name: getattr(report, name) for name in ("jobs", "units", "attempts")}
    return {
        "ok": not left,
        **counts,
        "findings": list(map(asdict, left)),
        "repairs": list(map(asdict, repairs)),
    }
