"""What dialogs share: a box over the dimmed screen, and its keys in its last line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from textual.content import Content
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
            parts += [
                (cast("AbpApp", self.app).key_of(command), "bold $text-accent"),
                (f" {command.label}   ", DIM),
            ]
        return Content.assemble(*parts)
