"""`abp sources`: where items can come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from abp_tui.cli.common import json_option, put, put_json, say
from abp_tui.cli.layout import bold, dim, pairs
from abp_tui.cli.text import one_line
from abp_tui.errors import AbpError

if TYPE_CHECKING:
    from abp_tui.enumerators.base import Enumerator

Kind = type["Enumerator[Any]"]


@click.command()
@json_option
def sources(as_json: bool) -> None:
    """List the sources of items: their settings, and the fields of their items.

    The settings are what `abp new --source TYPE --config JSON` takes. Other packages can add sources.

    \b
    abp sources
    abp sources --json | jq -r '.[].name'
    """
    kinds = list(_kinds())
    if as_json:
        put_json([_document(kind) for kind in kinds])
        return
    for kind in kinds:
        put(f"{bold(kind.name)}  {one_line(kind.title)}")
        settings = kind.schema().get("properties", {})
        required = kind.schema().get("required", [])
        for line in pairs((name, _about(name in required, value)) for name, value in settings.items()):
            put(f"  {line}")
        put(dim(f"  items have {_fields(kind)}"))


def _kinds() -> Iterator[Kind]:
    """All that can be loaded; of the others is said why they can't."""
    from abp_tui.enumerators.base import registry

    for name in registry.names():
        try:
            yield registry.get(name)
        except AbpError as error:
            say(one_line(f"warning: {error}"))


def _document(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": kind.title,
        "fields": list(kind.fields),
        "metadata": list(kind.metadata),
        "schema": kind.schema(),
    }


def _about(required: bool, setting: Mapping[str, Any]) -> str:
    words = one_line(str(setting.get("description") or setting.get("title") or ""))
    default = setting.get("default")
    if required:
        return f"required. {words}"
    return f"{words} Default: {default}." if default not in (None, [], {}, "") else words


def _fields(kind: Kind) -> str:
    own = list(kind.fields) or ["the fields they have in the source"]
    return ", ".join([*own, *kind.metadata])
