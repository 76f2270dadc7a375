"""All keys and all signs."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.keys import key_to_character
from textual.widgets import Static

from abp_tui.tui.commands import SCOPES, bindings, commands
from abp_tui.tui.keys import Keys
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.glyphs import DIM, JOB_MARKS, MAP_MARKS, UNIT_MARKS, Mark
from abp_tui.tui.widgets.lines import LineView

KEY_WORDS = {
    "escape": "esc",
    "space": "space",
    "pagedown": "page down",
    "pageup": "page up",
    "slash": "/",
    "plus": "+",
    "minus": "-",
}


class HelpText(LineView):
    """The help as lines that scroll."""

    def __init__(self, lines: list[Content]) -> None:
        super().__init__()
        self._lines = lines

    @property
    def line_count(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def line(self, index: int, width: int) -> Content:
        """One line."""
        return self._lines[index]

    def on_resize(self) -> None:
        """Let it scroll as far as it must."""
        self.measure()


class HelpScreen(Dialog[None]):
    """Starts with the keys of the screen it was opened from."""

    BINDINGS = bindings("help")
    SCOPE = "help"

    def __init__(self, scopes: tuple[str, ...], keys: Keys) -> None:
        super().__init__()
        self._scopes = scopes
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Keys, signs, the keys of this screen itself."""
        with Vertical(classes="box wide"):
            yield HelpText(help_lines(self._scopes, self._keys))
            yield Static(self.keys(), classes="keys")


def help_lines(first: tuple[str, ...], keys: Keys) -> list[Content]:
    """The whole help, the scopes named first at its beginning."""
    here = [scope for scope in first if scope not in ("app", "screen")]
    others = [scope for scope in SCOPES if scope not in (*here, "app", "screen")]
    lines: list[Content] = []
    for scopes in (*((scope,) for scope in here), ("app", "screen"), *((scope,) for scope in others)):
        lines += [Content.styled(SCOPES[scopes[0]], "bold"), *_commands(scopes, keys), Content()]
    lines += [Content.styled("The map of all units: a cell is a unit or a range of them", "bold")]
    lines += [*_signs(MAP_MARKS.values()), Content(), Content.styled("Signs", "bold")]
    return [*lines, *_signs([*JOB_MARKS.values(), *UNIT_MARKS.values()])]


def key_words(keys: str) -> str:
    """Keys as people know them."""
    return " ".join(KEY_WORDS.get(key) or key_to_character(key) or key for key in keys.split(","))


def _commands(scopes: Iterable[str], keys: Keys) -> list[Content]:
    return [
        Content.assemble((f"  {key_words(keys.of(command)):<18}", "bold $text-accent"), command.help)
        for command in commands(*scopes)
    ]


def _signs(marks: Iterable[Mark]) -> list[Content]:
    unique = {mark.word: mark for mark in marks}
    return [
        Content.assemble((f"  {mark.sign}", mark.style), " " * 17, (mark.word, DIM))
        for mark in unique.values()
    ]
