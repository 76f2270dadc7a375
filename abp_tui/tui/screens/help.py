"""All keys and all signs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.keys import key_to_character
from textual.widgets import Static

from abp_tui.tui.commands import SCOPES, bindings, commands
from abp_tui.tui.keys import Keys
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.glyphs import DIM, JOB_MARKS, MAP_MARKS, UNIT_MARKS, Mark
from abp_tui.tui.widgets.text import wrap
from abp_tui.tui.widgets.wrapped import WrappedView
from abp_tui.views import JobView

HEAD = 20
KEY = "bold $text-accent"
KEY_WORDS = {
    "escape": "esc",
    "space": "space",
    "pagedown": "page down",
    "pageup": "page up",
    "slash": "/",
    "plus": "+",
    "minus": "-",
}


@dataclass(frozen=True, slots=True)
class HelpLine:
    """A title, or a key or sign with what it means."""

    head: str
    style: str
    text: str = ""
    text_style: str = ""


BLANK = HelpLine("", "")


class HelpText(WrappedView[HelpLine]):
    """The help as lines that scroll, each wrapped beside its key."""

    def __init__(self, lines: Sequence[HelpLine]) -> None:
        super().__init__(follow=False)
        self._help = lines

    def on_mount(self) -> None:
        """Show it from its beginning."""
        self.append(self._help)

    def build(self, block: HelpLine, width: int) -> list[Content]:
        """The key, and its meaning with a hanging indent."""
        if not block.text:
            return [Content.styled(line, block.style) for line in wrap(block.head, width)]
        first, *more = wrap(block.text, max(10, width - HEAD))
        head = Content.assemble((f"  {block.head}".ljust(HEAD), block.style), (first, block.text_style))
        return [head, *(Content.assemble(" " * HEAD, (line, block.text_style)) for line in more)]


class HelpScreen(Dialog[None]):
    """Starts with the keys of the screen it was opened from."""

    BINDINGS = bindings("help")
    SCOPE = "help"
    DEFAULT_CSS = """
    HelpScreen HelpText { height: 1fr; background: $panel; }
    """

    def __init__(self, scopes: tuple[str, ...], keys: Keys, job: JobView | None) -> None:
        super().__init__()
        self._scopes = scopes
        self._keys = keys
        self._job = job

    def compose(self) -> ComposeResult:
        """Keys, signs, the keys of this screen itself."""
        with Vertical(classes="box wide"):
            yield HelpText(help_lines(self._scopes, self._keys, self._job))
            yield Static(self.keys(), classes="keys")


def help_lines(first: tuple[str, ...], keys: Keys, job: JobView | None) -> list[HelpLine]:
    """The whole help, the scopes named first at its beginning, with what of theirs the job is not for now."""
    here = [scope for scope in first if scope not in ("app", "screen")]
    others = [scope for scope in SCOPES if scope not in (*here, "app", "screen")]
    lines: list[HelpLine] = []
    for scope in here:
        lines += [HelpLine(SCOPES[scope], "bold"), *_now(scope, keys, job), BLANK]
    for scopes in (("app", "screen"), *((scope,) for scope in others)):
        lines += [HelpLine(SCOPES[scopes[0]], "bold"), *_commands(scopes, keys), BLANK]
    lines += [HelpLine("The map of all units: a cell is a unit or a range of them", "bold")]
    lines += [*_signs(MAP_MARKS.values()), BLANK, HelpLine("Signs", "bold")]
    return [*lines, *_signs([*JOB_MARKS.values(), *UNIT_MARKS.values()])]


def key_words(keys: str) -> str:
    """Keys as people know them."""
    return " ".join(KEY_WORDS.get(key) or key_to_character(key) or key for key in keys.split(","))


def _commands(scopes: Iterable[str], keys: Keys) -> list[HelpLine]:
    return [HelpLine(key_words(keys.of(command)), KEY, command.help) for command in commands(*scopes)]


def _now(scope: str, keys: Keys, job: JobView | None) -> Iterator[HelpLine]:
    for command in commands(scope):
        key = key_words(keys.of(command))
        if command.is_offered(job):
            yield HelpLine(key, KEY, command.help)
        else:
            yield HelpLine(key, DIM, f"{command.help} (not now)", DIM)


def _signs(marks: Iterable[Mark]) -> list[HelpLine]:
    unique = {mark.word: mark for mark in marks}
    return [HelpLine(mark.sign, mark.style, mark.word, DIM) for mark in unique.values()]
