"""The keys of the commands as a person has set them in `config.toml`, checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

from textual.keys import _character_to_key

from abp_tui.errors import InvalidInput
from abp_tui.tui.commands import COMMANDS, DIALOGS, SHARED, Command, check_names


class Keys:
    """The table's keys with a person's own in their place.

    Raises `InvalidInput` for a command that there is not, and where one key would mean two things.
    """

    def __init__(self, own: Mapping[str, str]) -> None:
        check_names(own)
        self.own = {name: ",".join(_names(keys)) for name, keys in own.items()}
        for name, keys in self.own.items():
            if not keys:
                raise InvalidInput(f"[keys]: {name} has no key", 'write one, as in "ctrl+n"')
        if self.own:
            self._check_clashes()

    def of(self, command: Command) -> str:
        """The keys of a command, separated by commas."""
        return self.own.get(command.id, command.keys)

    @property
    def keymap(self) -> dict[str, str]:
        """What Textual is given. It drops all bindings of a key whose command gets another one: those that
        share it are named too.
        """
        moved = {key for c in COMMANDS if c.id in self.own for key in c.keys.split(",")}
        kept = {c.id: c.keys for c in COMMANDS if moved & set(c.keys.split(","))}
        return {**kept, **self.own}

    def _check_clashes(self) -> None:
        for one, other in combinations(COMMANDS, 2):
            if not _meet(one, other):
                continue
            both = set(self.of(one).split(",")) & set(self.of(other).split(","))
            both -= set(one.keys.split(",")) & set(other.keys.split(","))  # the table's own: one at a time
            if both:
                key = sorted(both)[0]
                raise InvalidInput(
                    f"[keys]: {key} would mean {one.id} and {other.id} on one screen", "give one another key"
                )


def _names(keys: str) -> Iterable[str]:
    """Textual's names of keys that may be written as the character itself."""
    parts = [keys] if keys == "," else [part.strip() for part in keys.split(",")]
    return [_character_to_key(part) if len(part) == 1 else part for part in parts if part]


def _meet(one: Command, other: Command) -> bool:
    """Whether both are at hand at a time: a dialog has only its own, a screen also the shared ones."""
    if one.scope in DIALOGS or other.scope in DIALOGS:
        return one.scope == other.scope
    return one.scope == other.scope or bool({one.scope, other.scope} & SHARED)
