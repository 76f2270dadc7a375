"""The flags that say what each outcome is checked for."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from abp_tui.cli.common import json_object, read_text
from abp_tui.errors import InvalidInput

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--check",
        "check_commands",
        multiple=True,
        metavar="COMMAND",
        help="A command that must succeed on each item. Repeatable.",
    ),
    click.option("--check-timeout", type=float, metavar="S", help="The longest that such a command may run."),
    click.option("--check-regex", multiple=True, metavar="REGEX", help="Each output must match. Repeatable."),
    click.option(
        "--check-schema", multiple=True, metavar="FILE", help="Each output must fit this JSON schema."
    ),
    click.option("--check-changed", is_flag=True, help="Each item's file must be another one afterwards."),
    click.option("--check-not-empty", is_flag=True, help="No output may be empty."),
    click.option("--no-tells", is_flag=True, help="Look for no signs of doubt in what an agent says."),
    click.option("--no-tell", multiple=True, metavar="NAME", help="Not this one: question, refusal or same."),
)
CHECK_FLAGS = (
    "check_commands check_timeout check_regex check_schema check_changed check_not_empty no_tells no_tell"
).split()


def check_options(command: F) -> F:
    """The options that `checks_of` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def checks_of(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The checks that were asked for, as a recipe keeps them; raises `InvalidInput`."""
    seconds = given["check_timeout"]
    more = {} if seconds is None else {"timeout_s": seconds}
    checks = [{"kind": "command", "argv": _words(text), **more} for text in given["check_commands"]]
    if seconds is not None and not checks:
        raise InvalidInput("--check-timeout is for a command", "name one with --check")
    checks += [{"kind": "regex", "pattern": pattern} for pattern in given["check_regex"]]
    checks += [{"kind": "schema", "json_schema": _schema(file)} for file in given["check_schema"]]
    checks += [{"kind": "changed"}] * given["check_changed"] + [{"kind": "not_empty"}] * given[
        "check_not_empty"
    ]
    if given["no_tells"]:
        return [*checks, {"kind": "tells"}]
    return [*checks, {"kind": "tells", "off": list(given["no_tell"])}] if given["no_tell"] else checks


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInput(f"--check {command!r} can't be read: {error}", "close the quotation") from None
    if not words:
        raise InvalidInput(
            "--check names no command", "write a program, as in --check 'ruff check {file_path}'"
        )
    return words


def _schema(file: str) -> dict[str, Any]:
    return json_object(read_text(Path(file)), f"the schema {file}")
