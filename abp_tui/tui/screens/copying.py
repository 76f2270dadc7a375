"""Taking what a screen shows elsewhere, by way of the terminal's clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

from abp_tui.tui.named_keys import key
from abp_tui.tui.widgets.figures import count

if TYPE_CHECKING:
    from abp_tui.tui.app import AbpApp

MOST_COPIED = 100_000  # characters: terminals drop what is longer


def copy(screen: Screen[Any], text: str, save: str = "") -> None:
    """Put a text on the clipboard (OSC 52), and say so; `save` is the command that takes longer ones."""
    app = cast("AbpApp", screen.app)
    if not text:
        app.tell("there is nothing to copy yet")
    elif len(text) > MOST_COPIED:
        much = f"{len(text):,} characters are more than terminals copy"
        app.tell(f"{much}: {key(save)} saves them to a file" if save else much)
    else:
        app.copy_to_clipboard(text)
        app.tell(f"{count(len(text), 'character')} copied, if your terminal lets programs copy")
