"""All keys and all signs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from abp_tui.tui.commands import SCOPES, Command, bindings, commands
from abp_tui.tui.keys import Keys
from abp_tui.tui.moment import Field, Moment
from abp_tui.tui.named_keys import key_words
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.glyphs import DIM, JOB_MARKS, MAP_MARKS, UNIT_MARKS, Mark
from abp_tui.tui.widgets.text import wrap
from abp_tui.tui.widgets.wrapped import WrappedView

HEAD = 20
KEY = "bold $text-accent"


@dataclass(frozen=True, slots=True)
class HelpLine:
    """A title, or a key or sign with what it means."""

    head: str
    style: str
    text: str = ""
    text_style: str = ""


BLANK = HelpLine("", "")
EVERYWHERE = ("app", "screen")
FIELDS: dict[Field, tuple[str, dict[str, str]]] = {
    "line": ("In a line", {"letters": "Are written; they give no command", "enter": "To the next field"}),
    "text": (
        "In a text",
        {
            "letters": "Are written; they give no command",
            "enter": "A new line",
            "tab": "To the next field; shift+tab to the one before",
        },
    ),
    "choice": (
        "In a choice",
        {
            "enter": "Open it; once it is open, take what is marked",
            "up down, letters": "Where it is open: mark by arrows, or by the first letters",
            "esc": "Where it is open: close it, and leave it as it was",
            "tab": "To the next field; shift+tab to the one before",
        },
    ),
}
"""What keys do that belong to the field in focus, by its kind: its title, and each key with its meaning."""


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

    def __init__(self, moment: Moment, keys: Keys) -> None:
        super().__init__()
        self._moment = moment
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Keys, signs, the keys of this screen itself."""
        with Vertical(classes="box wide"):
            yield HelpText(help_lines(self._moment, self._keys))
            yield Static(self.keys(), classes="keys")


def help_lines(moment: Moment, keys: Keys) -> list[HelpLine]:
    """What can be done here and now, then all else; in a form nothing but the form."""
    here = [scope for scope in moment.scopes if scope not in EVERYWHERE]
    lines: list[HelpLine] = []
    if moment.field:
        lines += _section(*_field(moment.field, moment))
    for scope in here:
        lines += _section(SCOPES[scope], _now((scope,), keys, moment))
    if moment.is_form:
        for field in FIELDS:
            lines += _section(*_field(field, moment)) if field != moment.field else []
    lines += _section(SCOPES["app"], _now(EVERYWHERE, keys, moment))
    return lines if moment.is_form else [*lines, *_elsewhere(here, keys), *_all_signs()]


def _elsewhere(here: Collection[str], keys: Keys) -> Iterator[HelpLine]:
    for scope in SCOPES:
        if scope not in (*here, *EVERYWHERE):
            told = (HelpLine(_keys(some, keys.of), KEY, _words(some)) for some in _told_at_once((scope,)))
            yield from _section(SCOPES[scope], told)


def _all_signs() -> Iterator[HelpLine]:
    yield from _section(
        "The map of all units: a cell is a unit or a range of them", _signs(MAP_MARKS.values())
    )
    yield from _section("Signs", _signs([*JOB_MARKS.values(), *UNIT_MARKS.values()]))


def _section(title: str, lines: Iterable[HelpLine]) -> list[HelpLine]:
    return [HelpLine(title, "bold"), *lines, BLANK]


def _now(scopes: Collection[str], keys: Keys, moment: Moment) -> Iterator[HelpLine]:
    """What can be done first. A key that does something now is not listed for what can't be done."""
    told = _told_at_once(scopes)
    for some in told:
        if some[0].id in moment.now:
            yield HelpLine(_keys(some, lambda command: moment.now[command.id]), KEY, _words(some))
    used = {key for command in commands(*scopes) for key in moment.now.get(command.id, "").split(",")}
    for some in told:
        is_free = not used & set(keys.of(some[0]).split(","))
        if some[0].id not in moment.now and is_free and not some[0].together:
            yield HelpLine(_keys(some, keys.of), DIM, f"{some[0].help} (not now)", DIM)


def _told_at_once(scopes: Collection[str]) -> list[list[Command]]:
    """The commands of these scopes, those in one list that are told in one line."""
    return [
        list(some) for _, some in groupby(commands(*scopes), lambda command: command.together or command.id)
    ]


def _words(some: Sequence[Command]) -> str:
    return some[0].together or some[0].help


def _keys(some: Sequence[Command], of: Callable[[Command], str]) -> str:
    """The keys of commands that are told in one line: of many the first and the last."""
    shown = [key_words(of(command)) for command in some]
    return shown[0] if len(shown) == 1 else f"{shown[0]}-{shown[-1]}"


def _field(field: Field, moment: Moment) -> tuple[str, list[HelpLine]]:
    """What the keys do in a field of a kind: its title, and its lines."""
    back = key_words(moment.now.get("screen.back", ""))
    title, rows = FIELDS[field]
    if field == "line" and not moment.is_form:
        rows = {**rows, "enter": "Keep what is written, and go to the list", back: "Show all again"}
    shown = [HelpLine(key, KEY, words) for key, words in rows.items() if key]
    return title, shown


def _signs(marks: Iterable[Mark]) -> list[HelpLine]:
    unique = {mark.word: mark for mark in marks}
    return [HelpLine(mark.sign, mark.style, mark.word, DIM) for mark in unique.values()]
