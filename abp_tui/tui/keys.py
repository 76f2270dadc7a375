"""The keys of the commands as a person has set them in `config.toml`, checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations

from textual.keys import Keys as Named
from textual.keys import _character_to_key, key_to_character

from abp_tui.errors import InvalidInput
from abp_tui.paths import config_path
from abp_tui.plugins import nearest
from abp_tui.settings import line_of
from abp_tui.tui.commands import COMMANDS, DIALOGS, SHARED, Bound, Command, check_names, command

MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
TAKEN = {
    "ctrl+p": "opens the palette",
    "ctrl+q": "leaves at once",
    "ctrl+c": "copies what is selected",
    "tab": "goes to the next field",
    "shift+tab": "goes to the field before",
    "f1": "is for help",
}
"""What the keys do that no command of the table may take."""
AS_IN = 'write one, as in "ctrl+n"'

Place = Callable[[str], str]  # where a setting stands, by the name of its command


def in_config(name: str) -> str:
    """The file that sets the keys, and the line of this command's."""
    file = config_path()
    return f"{file}{line_of(file, 'keys', name)}"


class Keys:
    """The table's keys with a person's own in their place.

    Raises `InvalidInput` for a command or a key that there is not, and where one key would mean two things.
    """

    def __init__(self, own: Mapping[str, str], place: Place = in_config) -> None:
        check_names(own, place)
        self._place = place
        self.own = {name: ",".join(self._names(name, keys)) for name, keys in own.items()}
        if self.own:
            self._check_clashes()

    def of(self, command: Command) -> str:
        """The keys of a command, separated by commas."""
        return self.own.get(command.id, command.keys)

    def listed(self) -> list[Bound]:
        """All commands with their keys, as `config.toml` takes both."""
        return [Bound(c.id, _written(self.of(c)), c.help) for c in COMMANDS]

    @property
    def keymap(self) -> dict[str, str]:
        """What Textual is given. It drops all bindings of a key whose command gets another one: those that
        share it are named too.
        """
        moved = {key for c in COMMANDS if c.id in self.own for key in c.keys.split(",")}
        kept = {c.id: c.keys for c in COMMANDS if moved & set(c.keys.split(","))}
        return {**kept, **self.own}

    def _names(self, name: str, keys: str) -> list[str]:
        """Textual's names of a command's keys, which may be written as the characters themselves."""
        parts = [keys] if keys == "," else [part for text in keys.split(",") if (part := text.strip())]
        if not parts:
            raise InvalidInput(f"{self._place(name)}: {name} has no key", AS_IN)
        for part in parts:
            if not _is_key(part):
                raise InvalidInput(
                    f"{self._place(name)}: {name}: there is no key {part!r}", nearest(part, _known(), AS_IN)
                )
            if part in TAKEN and part not in command(name).keys.split(","):
                raise InvalidInput(
                    f"{self._place(name)}: {name}: {part} {TAKEN[part]}", "give it another key"
                )
        return [_character_to_key(part) if len(part) == 1 else part for part in parts]

    def _check_clashes(self) -> None:
        for one, other in combinations(COMMANDS, 2):
            if not _meet(one, other):
                continue
            both = set(self.of(one).split(",")) & set(self.of(other).split(","))
            both -= set(one.keys.split(",")) & set(other.keys.split(","))  # the table's own: one at a time
            if both:
                key, where = sorted(both)[0], self._place(one.id if one.id in self.own else other.id)
                raise InvalidInput(
                    f"{where}: {key} would mean {one.id} and {other.id} on one screen", "give one another key"
                )


def is_letter(key: str) -> bool:
    """Whether a key, by Textual's name, is one that writes something where something is written."""
    character = _characters().get(key) or key_to_character(key)
    return character is not None and character.isprintable()


def _is_key(part: str) -> bool:
    """Whether it is a character, or a key by Textual's name, with any modifiers before it."""
    *modifiers, base = part.split("+") if len(part) > 1 else [part]
    return set(modifiers) <= MODIFIERS and (len(base) == 1 or base in _known() or part in _known())


def _written(keys: str) -> str:
    """Keys as a person writes them: what is a character as itself, but for the comma, which parts them."""
    return ",".join(_characters().get(key, key) for key in keys.split(","))


@cache
def _characters() -> dict[str, str]:
    return {_character_to_key(sign): sign for code in range(0x21, 0x7F) if (sign := chr(code)) != ","}


@cache
def _known() -> list[str]:
    """The names of all keys that a keyboard has."""
    special = [key.value for key in Named if not key.value.startswith("<")]
    return sorted({*special, *(_character_to_key(chr(code)) for code in range(0x21, 0x7F))})


def _meet(one: Command, other: Command) -> bool:
    """Whether both are at hand at a time: a dialog has only its own, a screen also the shared ones."""
    if one.scope in DIALOGS or other.scope in DIALOGS:
        return one.scope == other.scope
    return one.scope == other.scope or bool({one.scope, other.scope} & SHARED)
