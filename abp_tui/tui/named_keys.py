"""Keys in words, for whoever is told what to press."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual._context import active_app
from textual.keys import key_to_character

from abp_tui.tui.commands import command

if TYPE_CHECKING:
    from abp_tui.tui.app import AbpApp

KEY_WORDS = {
    "escape": "esc",
    "space": "space",
    "pagedown": "page down",
    "pageup": "page up",
    "slash": "/",
    "plus": "+",
    "minus": "-",
}


def key(command_id: str) -> str:
    """The first key of a command, as a person has set it."""
    return key_words(cast("AbpApp", active_app.get()).keys.of(command(command_id)).split(",")[0])


def key_words(keys: str) -> str:
    """Keys as people know them."""
    return " ".join(KEY_WORDS.get(key) or key_to_character(key) or key for key in keys.split(","))
