"""What the keys do on a screen at this moment: what the help has first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from textual.widget import Widget
from textual.widgets import Input, Select, TextArea

from abp_tui.tui.commands import Command, commands
from abp_tui.tui.keys import is_letter
from abp_tui.tui.screens.base import AbpScreen

Field = Literal["line", "text", "choice"]


@dataclass(frozen=True, slots=True)
class Moment:
    """The scopes at hand, the keys that do a command now by its id, and what kind of field is in focus."""

    scopes: tuple[str, ...] = ()
    now: Mapping[str, str] = field(default_factory=dict)
    field: Field | None = None
    is_form: bool = False


def moment_of(screen: AbpScreen) -> Moment:
    """How it is on this screen now. The screen itself is asked, which knows more than the job does."""
    scopes = tuple(dict.fromkeys((*screen.SCOPES, "screen", "app")))
    now = {command.id: keys for command in commands(*scopes) if (keys := _keys_now(screen, command))}
    return Moment(scopes, now, _field(screen.focused), screen.is_form)


def _keys_now(screen: AbpScreen, command: Command) -> str:
    """The keys that do it, less those that the field in focus takes; nothing where it can't be done."""
    if screen.abp.place_of(command, screen) is None:
        return ""
    keys = screen.abp.keys.of(command).split(",")
    return ",".join(key for key in keys if command.priority or not _takes(screen.focused, key))


def _takes(focused: Widget | None, key: str) -> bool:
    """Whether the field in focus has a use of its own for a key."""
    if not isinstance(focused, Input | TextArea):
        return False
    return is_letter(key) or key == "enter" or key in focused._bindings.key_to_bindings


def _field(focused: Widget | None) -> Field | None:
    if focused is None:
        return None
    if isinstance(focused, Select) or isinstance(focused.parent, Select):  # closed, or the list that it opens
        return "choice"
    return "line" if isinstance(focused, Input) else "text" if isinstance(focused, TextArea) else None
