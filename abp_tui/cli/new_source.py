"""The sources of `abp new`: flags to the name of a source and its configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TypeVar

import click

from abp_tui.cli.common import say, text_or_file
from abp_tui.cli.layout import bold
from abp_tui.cli.text import width
from abp_tui.domain.visible import fold
from abp_tui.errors import ApprovalNeeded, InvalidInput
from abp_tui.verbs.typed import json_object, key_value

if TYPE_CHECKING:
    from abp_tui.creation import Plan
    from abp_tui.enumerators.base import Approval
    from abp_tui.enumerators.reading import Line
    from abp_tui.orchestrator import Orchestrator

F = TypeVar("F", bound=Callable[..., Any])
Config = dict[str, Any]

_OPTIONS = (
    click.option("--files", metavar="DIR", help="One item per file below this folder."),
    click.option("--pattern", multiple=True, metavar="GLOB", help="Which files, e.g. '*.md'. Repeatable."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Which files not. Repeatable."),
    click.option("--hidden", is_flag=True, help="Hidden files and folders as well."),
    click.option("--files-from", metavar="FILE|-", help="One item per path in this list, or on stdin."),
    click.option("--csv", metavar="FILE", help="One item per row of a CSV file."),
    click.option("--delimiter", metavar="CHAR|tab", help="What divides the fields of --csv; else found."),
    click.option("--no-header", is_flag=True, help="The first row of --csv is an item, too."),
    click.option("--columns", metavar="a,b", help="Names of the columns of --csv, instead of its own."),
    click.option("--json-file", metavar="FILE", help="One item per value of a JSON or JSON Lines file."),
    click.option("--items-path", metavar="a.b", help="Where in the JSON document the array is."),
    click.option("--encoding", metavar="NAME", help="Of the file of --csv or --json-file; else utf-8."),
    click.option("--sql", metavar="URL", help="One item per row of --query: sqlite:///FILE, postgresql://…"),
    click.option("--query", metavar="SQL|@FILE", help="The query of --sql; it can only read."),
    click.option("--code", metavar="FILE.py", help="One item per dictionary of enumerate_items(context)."),
    click.option("--context", metavar="JSON|@FILE", help="What --code is called with."),
    click.option("--approve-code", metavar="SHA256", help="Run --code without asking, if this is its hash."),
    click.option("--source", metavar="TYPE", help="Any source of `abp sources`, with --config."),
    click.option("--config", metavar="JSON|@FILE", help="The configuration of --source."),
    click.option(
        "--source-option",
        "source_options",
        multiple=True,
        metavar="K=V",
        help="Any other setting of `abp sources`, for any source. Repeatable; V may be JSON.",
    ),
    click.option("--id-column", "--id-field", metavar="C", help="What tells the rows or values apart."),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N items only."),
)

# The flags that name a source, each with those that say more about it.
_SOURCES = {
    "files": ("pattern", "exclude", "hidden"),
    "files_from": (),
    "csv": ("delimiter", "no_header", "columns", "encoding", "id_column"),
    "json_file": ("items_path", "encoding", "id_column"),
    "sql": ("query", "id_column"),
    "code": ("context", "approve_code"),
    "source": ("config", "approve_code"),
}


def source_options(function: F) -> F:
    """All options that say where the items come from."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def source_of(given: Config) -> tuple[str, Config]:
    """The name of the source and its configuration; raises `InvalidInput` where the flags contradict."""
    named = [flag for flag in _SOURCES if given[flag] is not None]
    if len(named) != 1:
        those = " and ".join(map(_flag, named)) or "nothing"
        raise InvalidInput(
            f"the source of the items is not clear: {those} names it",
            f"give one of {', '.join(map(_flag, _SOURCES))}",
        )
    [flag] = named
    for stray in _strays(given, flag):
        owners = " or ".join(_flag(owner) for owner, own in _SOURCES.items() if stray in own)
        raise InvalidInput(f"{_flag(stray)} is for {owners}, not for {_flag(flag)}", "leave it out")
    name, config = _READERS[flag](given)
    more = dict(key_value(text, "--source-option") for text in given["source_options"])
    settings = {**config, "limit": given["limit"], **more}
    return name, {key: value for key, value in settings.items() if value not in (None, [])}


def _strays(given: Config, flag: str) -> Iterator[str]:
    """The flags that say more about another source than the one that was named."""
    others = dict.fromkeys(name for own in _SOURCES.values() for name in own if name not in _SOURCES[flag])
    return (name for name in others if given[name] not in (None, (), False))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _files(given: Config) -> tuple[str, Config]:
    return "file", {
        "base_directory": str(Path(given["files"]).expanduser().absolute()),
        "pattern": list(given["pattern"]),
        "exclude_patterns": list(given["exclude"]),
        "include_hidden": given["hidden"],
    }


def _files_from(given: Config) -> tuple[str, Config]:
    return "paths", {"list_file": given["files_from"], "base_directory": os.curdir}


def _csv(given: Config) -> tuple[str, Config]:
    return "csv", {
        "file_path": given["csv"],
        "delimiter": given["delimiter"],
        "has_header": False if given["no_header"] else None,
        "columns": given["columns"],
        "encoding": given["encoding"],
        "id_column": given["id_column"],
    }


def _json(given: Config) -> tuple[str, Config]:
    return "json", {
        "file_path": given["json_file"],
        "items_path": given["items_path"],
        "encoding": given["encoding"],
        "id_field": given["id_column"],
    }


def _sql(given: Config) -> tuple[str, Config]:
    if given["query"] is None:
        raise InvalidInput("--sql needs a --query", "give one SELECT")
    query = text_or_file(given["query"])
    return "sql", {"connection_string": given["sql"], "query": query, "id_column": given["id_column"]}


def _code(given: Config) -> tuple[str, Config]:
    from abp_tui.enumerators.reading import read_code

    context = json_object(text_or_file(given["context"]) or "{}", "--context")
    return "dynamic", {"code": read_code(Path(given["code"])), "context": context or None}


def _any(given: Config) -> tuple[str, Config]:
    return given["source"], json_object(text_or_file(given["config"]) or "{}", "--config")


_READERS: dict[str, Callable[[Config], tuple[str, Config]]] = {
    "files": _files,
    "files_from": _files_from,
    "csv": _csv,
    "json_file": _json,
    "sql": _sql,
    "code": _code,
    "source": _any,
}


def see_to_approval(orchestrator: Orchestrator, plan: Plan, sha256: str | None, *, keep: bool) -> None:
    """Have a person approve the code of a plan, if it has any; raises `ApprovalNeeded` where nobody does."""
    if sha256 is not None:
        orchestrator.approve_source(plan, sha256.strip().lower(), keep=keep)
        return
    wanted = orchestrator.missing_approval(plan)
    if wanted is None:
        return
    plan.enumerator.validate()
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ApprovalNeeded(
            "this code runs only after a person has approved it",
            f"read it, then add --approve-code {wanted.sha256}",
        )
    show_code(wanted)
    if not click.confirm("Run this code on this machine, as you?", err=True):
        raise ApprovalNeeded("the code was not approved", "nothing was run and nothing written")
    orchestrator.approve_source(plan, wanted.sha256, keep=keep)


def show_code(wanted: Approval) -> None:
    """The whole code with line numbers, what it is called with, and the hash of both."""
    from abp_tui.enumerators.reading import Reading

    reading = Reading.of(wanted)
    _say_lines(reading.code)
    if reading.context:
        say(bold("called with this context:"))
        _say_lines(reading.context)
    if reading.remark:
        say(reading.remark)
    say(bold(reading.hash))


def _say_lines(lines: Sequence[Line]) -> None:
    """Lines folded to the terminal, so that what stands in their margin is always ours."""
    columns = get_terminal_size().columns
    for line in lines:
        margin = line.margin
        for piece in fold(line.text, max(columns - len(margin), 8), width):
            say(f"{margin}{piece}".rstrip())
            margin = " " * len(margin)
