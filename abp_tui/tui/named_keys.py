"""Keys by the name of their command, for words that say what to press next."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual._context import active_app

from abp_tui.tui.commands import command

if TYPE_CHECKING:
    from abp_tui.tui.app import AbpApp

IN_WORDS = {"enter": "enter"}  # its sign is for the last line


def key(command_id: str) -> str:
    """The first key of a command, as a person has set it."""
    given = cast("AbpApp", active_app.get()).keys.of(command(command_id)).split(",")[0]
    return IN_WORDS.get(given) or cast("AbpApp", active_app.get()).key_of(command(command_id))
