"""An address as a person writes it: `${VAR}` in it is a variable of the environment, `%XX` a character."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from abp_tui.errors import InvalidInput

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

_ONLY_VARIABLES = re.compile(rf"(?:{VARIABLE.pattern})+")
_HALF_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def only_variables(text: str) -> bool:
    """Whether nothing but variables is in it: then it may be shown as it is written."""
    return _ONLY_VARIABLES.fullmatch(text) is not None


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """The text with each `${VAR}` replaced; raises `InvalidInput` for one that is not set."""
    return VARIABLE.sub(lambda found: _value_of(found[1], variables), text)


class Address(NamedTuple):
    """An address whose kind is known; `variables` is None where it came out of one: `${…}` in it is text."""

    text: str
    variables: Mapping[str, str] | None

    def expanded(self, part: str) -> str:
        """A part of it with its variables replaced."""
        return part if self.variables is None else expanded(part, self.variables)

    def value(self, part: str) -> str:
        """What a part of it means: `%XX` decoded, the value of a variable just as it is.

        Raises `ValueError`, which shows nothing of it, for what no part of an address can mean.
        """
        if self.variables is None:
            return _usable(_decoded(part))
        pieces = VARIABLE.split(part)
        pieces[::2] = map(_decoded, pieces[::2])
        pieces[1::2] = [_value_of(name, self.variables) for name in pieces[1::2]]
        return _usable("".join(pieces))


def _value_of(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise InvalidInput(f"the variable {name} of the connection is not set", f"export {name}=…")
    return variables[name]


def _decoded(text: str) -> str:
    if _HALF_ESCAPE.search(text):
        raise ValueError("a % in it stands alone: write it as %25")
    try:
        return unquote_to_bytes(text.encode()).decode()
    except UnicodeError:
        raise ValueError("it is not UTF-8") from None


def _usable(text: str) -> str:
    """The text; raises `ValueError` for what neither a path nor a database can be called."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it has characters that no address can have")
    return text
