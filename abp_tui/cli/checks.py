"""The flags that say what each outcome is checked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import click

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
    click.option(
        "--no-tell",
        multiple=True,
        metavar="NAME",
        help="Not this one: question, refusal, permission or same.",
    ),
)
_VALUED = {"command": "check_commands", "regex": "check_regex", "schema": "check_schema"}
_PLAIN = {"changed": "check_changed", "not-empty": "check_not_empty", "no-tells": "no_tells"}
CHECK_FLAGS = (*_VALUED.values(), *_PLAIN.values(), "check_timeout", "no_tell")


def check_options(command: F) -> F:
    """The options that `checks_of` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def checks_of(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The checks that were asked for, as a recipe keeps them; raises `InvalidInput`."""
    from abp_tui.verbs import typed_checks

    return typed_checks.checks_of(_said(given))


def _said(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each flag as the word that it is in a line of the screens."""
    for word, flag in _VALUED.items():
        yield from ((word, value) for value in given[flag])
    if given["check_timeout"] is not None:
        yield "timeout", given["check_timeout"]
    yield from ((word, "") for word, flag in _PLAIN.items() if given[flag])
    if not given["no_tells"]:
        yield from (("no-tell", name) for name in given["no_tell"])
