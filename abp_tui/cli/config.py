"""`abp config`: the settings, their values, and where those come from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import BY_FLAG, json_option, put, put_json
from abp_tui.cli.layout import dim, table
from abp_tui.terminal import harmless

if TYPE_CHECKING:
    from abp_tui.settings import Origin


def _check_keys(found: list[Origin]) -> None:
    """Raise `InvalidInput` where keys are set that the app would not start with."""
    keys = next(origin for origin in found if origin.name == "keys")
    if keys.value:
        from abp_tui.tui.keys import Keys

        Keys(keys.value)


@click.command()
@json_option
@click.pass_context
def config(ctx: click.Context, as_json: bool) -> None:
    """Show every setting, its value, and where it comes from: default, file, environment or flag.

    A flag goes over a variable, that over the file, the file over the default. The file is config.toml
    in your configuration folder, or the one that ABP_CONFIG names.

    \b
    abp config
    abp --database other.db config
    abp config --json | jq '.[] | select(.source != "default")'
    """
    from abp_tui import paths
    from abp_tui.settings import origins

    found = origins(ctx.meta.get(BY_FLAG, {}))
    _check_keys(found)
    if as_json:
        put_json([asdict(origin) for origin in found])
        return
    rows = [(o.name, harmless(json.dumps(o.value, ensure_ascii=False)), harmless(o.source)) for o in found]
    for line in table(("SETTING", "VALUE", "FROM"), rows, gives="VALUE"):
        put(line)
    file = paths.config_path()
    put(dim(f"file: {harmless(str(file))}{'' if file.exists() else ' (not there)'}"))
