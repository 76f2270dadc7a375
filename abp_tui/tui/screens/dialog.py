"""What dialogs share: a box over the dimmed screen, and its keys in its last line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual.content import Content
from textual.keys import key_to_character
from textual.screen import ModalScreen

from abp_tui.tui.commands import commands
from abp_tui.tui.screens.fitted import Fitted
from abp_tui.tui.widgets.glyphs import DIM

if TYPE_CHECKING:
    from abp_tui.tui.app import AbpApp

T = TypeVar("T")


class Dialog(Fitted[T], ModalScreen[T]):
    """A question or a text in a box. Only its own keys work while it is open."""

    SCOPE = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-wide")]

    def keys(self) -> Content:
        """The keys of this dialog, in words."""
        parts: list[tuple[str, str]] = []
        for command in commands(self.SCOPE):
            if command.action.startswith("allow(") or not command.footer:
                continue  # what its keys are about stands above
            key = cast("AbpApp", self.app).keys.of(command).split(",")[0]
            sign = (key_to_character(key) or "").strip()  # of space there is none to be seen
            shown = "esc" if key == "escape" else sign or key.replace("ctrl+", "^")
            parts += [(shown, "bold $text-accent"), (f" {command.label}   ", DIM)]
        return Content.assemble(*parts)
