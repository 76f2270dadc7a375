"""`abp doctor`: is this machine fit for it."""

from __future__ import annotations

from dataclasses import asdict

import click

from abp_tui.cli.common import json_option, put, put_json
from abp_tui.cli.layout import dim, pairs, wants_colour
from abp_tui.cli.text import one_line

COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Look at this machine: agents, memory, database, logout, terminal; each line says what to do.

    Exits with 1 where something is a problem.

    \b
    abp doctor
    abp doctor --json | jq '.[] | select(.grade != "ok")'
    """
    from abp_tui.doctor import Grade, examine
    from abp_tui.settings import load_settings

    found = list(examine(load_settings()))
    if as_json:
        put_json([asdict(finding) for finding in found])
    else:
        told = [(f.about, f"{_graded(f.grade)}  {one_line(f.detail)}{_todo(f.hint)}") for f in found]
        for line in pairs(told):
            put(line)
    return int(any(finding.grade is Grade.BAD for finding in found))


def _graded(grade: str) -> str:
    word = f"{grade:<7}"
    return click.style(word, fg=COLOURS[grade]) if wants_colour() else word


def _todo(hint: str) -> str:
    return dim(f"  ({one_line(hint)})") if hint else ""
