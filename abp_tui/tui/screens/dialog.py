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
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        .box { width: 64; max-width: 90%; height: auto; max-height: 90%; background: $panel; padding: 1 3; }
        &.-narrow .box { max-width: 100%; padding: 1 2; }
        .box.wide { width: 100; height: 90%; }
        .box .question { text-style: bold; height: auto; }
        .box .detail { color: $foreground 70%; height: auto; margin: 1 0; }
        .box .remark { color: $text-warning; height: auto; margin-top: 1; }
        .box .wrong { color: $text-error; height: auto; margin-top: 1; }
        .box .keys { height: 1; margin-top: 1; }
        .box TextArea { height: 1fr; background: $surface; }
        &.-short .box.wide { width: 100%; max-width: 100%; height: 100%; max-height: 100%; }
    }
    """

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
