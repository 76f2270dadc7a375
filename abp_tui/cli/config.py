"""`abp config`: the settings, their values, and where those come from; the keys of the screens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from abp_tui.cli.common import BY_FLAG, json_option, put, put_json
from abp_tui.cli.layout import dim, table
from abp_tui.terminal import harmless

if TYPE_CHECKING:
    from abp_tui.settings import Origin


@click.command()
@click.option("--keys", "as_keys", is_flag=True, help="List all commands of the screens with their keys.")
@json_option
@click.pass_context
def config(ctx: click.Context, as_keys: bool, as_json: bool) -> None:
    """Show every setting, its value, and where it comes from: default, file, environment or flag.

    A flag goes over a variable, that over the file, the file over the default. The file is config.toml
    in your configuration folder, or the one that ABP_CONFIG names. With --keys it is every command of the
    screens, by the id that [keys] takes, the keys in force, and what it does.

    \b
    abp config
    abp config --keys | grep progress
    abp --database other.db config
    abp config --json | jq '.[] | select(.source != "default")'
    """
    from abp_tui.settings import origins

    found = origins(ctx.meta.get(BY_FLAG, {}))
    own = next(origin.value for origin in found if origin.name == "keys")
    if as_keys:
        _show_keys(own, as_json)
        return
    if own:
        from abp_tui.tui.keys import Keys

        Keys(own)  # refuses what the app would not start with
    _show_settings(found, as_json)


def _show_keys(own: Mapping[str, str], as_json: bool) -> None:
    """All commands; where a person's own keys can't be had, those there are without them, then the error."""
    from abp_tui.errors import InvalidInput
    from abp_tui.tui.keys import Keys

    try:
        keys, wrong = Keys(own), None
    except InvalidInput as error:
        keys, wrong = Keys({}), error
    listed = keys.listed()
    if as_json:
        put_json([asdict(each) for each in listed])
    else:
        for line in table(
            ("COMMAND", "KEYS", "DOES"), [(c.id, c.keys, c.help) for c in listed], gives="DOES"
        ):
            put(line)
    if wrong is not None:
        raise wrong


def _show_settings(found: Sequence[Origin], as_json: bool) -> None:
    from abp_tui import paths

    if as_json:
        put_json([asdict(origin) for origin in found])
        return
    rows = [(o.name, harmless(json.dumps(o.value, ensure_ascii=False)), harmless(o.source)) for o in found]
    for line in table(("SETTING", "VALUE", "FROM"), rows, gives="VALUE"):
        put(line)
    file = paths.config_path()
    put(dim(f"file: {harmless(str(file))}{'' if file.exists() else ' (not there)'}"))
