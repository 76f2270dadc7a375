"""The colours: Textual's own themes, and one of ours for eyes and screens that need contrast."""

from __future__ import annotations

from collections.abc import Iterable

from textual.theme import Theme

from abp_tui.errors import InvalidInput
from abp_tui.plugins import suggest

CONTRAST = Theme(
    name="high-contrast",
    dark=True,
    primary="#66d9ff",
    secondary="#ffffff",
    accent="#ffff66",
    warning="#ffd700",
    error="#ff7b7b",
    success="#5fff5f",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    variables={"limit": "#ff9dff"},
)


SHORT = {"dark": "textual-dark", "light": "textual-light"}
"""Names that people try first."""


def check_theme(name: str, known: Iterable[str]) -> str:
    """The theme's name as Textual has it; raises `InvalidInput` for one that there is not."""
    names = sorted(known)
    full = SHORT.get(name, name)
    if full not in names:
        raise InvalidInput(f"there is no theme {name!r}", suggest(name, [*SHORT, *names]))
    return full
