"""`abp fields`: what the fields of `--json`, of exports and of notices are, from the models themselves."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click

from abp_tui.cli.common import json_option, put, put_json
from abp_tui.cli.layout import bold, dim, table
from abp_tui.errors import NotFound
from abp_tui.plugins import suggest

MODELS = {
    "job": ("abp_tui.views:JobView", "abp ls --json, abp show --json"),
    "unit": ("abp_tui.views:UnitView", "abp units --json, abp export"),
    "attempt": ("abp_tui.views:AttemptView", "abp export --attempts"),
    "event": ("abp_tui.views:EventView", "abp events --json, abp export --conversations"),
    "log": ("abp_tui.domain.model:LogEntry", "abp log --json"),
    "cause": ("abp_tui.domain.model:Cause", "abp failures --json"),
    "notice": ("abp_tui.notify:Notice", "the command and the webhook of abp notify"),
    "setting": ("abp_tui.settings:Origin", "abp config --json"),
    "command": ("abp_tui.tui.commands:Bound", "abp config --keys --json"),
    "finding": ("abp_tui.doctor:Finding", "abp doctor --json"),
}


@click.command()
@click.argument("what", required=False, metavar="WHAT")
@json_option
def fields(what: str | None, as_json: bool) -> None:
    """Say what fields there are in JSON, in exports and in notices; they keep their names.

    WHAT is job, unit, attempt, event, log, cause, notice, setting, command or finding; all of them without
    it. With --json they are JSON schemas.

    \b
    abp fields unit
    abp fields job --json
    """
    if what is not None and what not in MODELS:
        raise NotFound(f"there is no {what!r} with fields", suggest(what, list(MODELS)))
    schemas = {name: _schema(MODELS[name][0]) for name in ([what] if what else MODELS)}
    if as_json:
        put_json(schemas[what] if what else schemas)
        return
    for name, schema in schemas.items():
        put(f"{bold(name)}  {dim(MODELS[name][1])}")
        for line in table(("FIELD", "TYPE", ""), _rows(schema)):
            put(f"  {line}")


def _schema(path: str) -> dict[str, Any]:
    from pydantic import TypeAdapter

    module, _, name = path.partition(":")
    model = getattr(import_module(module), name)
    return TypeAdapter(model).json_schema(mode="serialization")


def _rows(schema: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, field in schema["properties"].items():
        options = [_resolved(option, schema) for option in field.get("anyOf", [field])]
        values = [str(value) for option in options for value in option.get("enum", ())]
        said = [str(field.get("description", "")), f"One of {', '.join(values)}." if values else ""]
        yield name, " or ".join(dict.fromkeys(map(_type, options))), " ".join(filter(None, said))


def _resolved(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The field, or what it refers to."""
    return schema["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field


def _type(field: dict[str, Any]) -> str:
    """A field's JSON type in a word."""
    return "time" if field.get("format") == "date-time" else str(field.get("type", "any"))
