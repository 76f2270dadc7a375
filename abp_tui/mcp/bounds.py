"""Answers within bounds: what agents and items say may be of any length, what a client can take is not."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

ANSWER_CHARS = 60_000
MEMBERS = 100
KEY_CHARS = 200
LEAST = 40  # characters of a text that are always shown
DEPTH = 20

M = TypeVar("M", bound=BaseModel)


class Bounds:
    """Cuts the texts of one answer, each at `text` characters, and all of them where they are too many.

    What was cut says so in its place: a mark at the end of a text, a last member of a list or an object.
    """

    def __init__(self, text: int = 4_000, answer: int = ANSWER_CHARS) -> None:
        self._text = text
        self._left = answer

    def model(self, value: M) -> M:
        """The same model with its texts cut."""
        return type(value).model_validate(self.value(value.model_dump(mode="json")))

    def value(self, value: Any, depth: int = DEPTH) -> Any:
        """The same JSON with its texts cut."""
        if isinstance(value, str):
            return self._cut(value)
        if not isinstance(value, (dict, list)):
            return value
        if depth == 0:
            return self._cut("[too deep to be shown]")
        if isinstance(value, list):
            kept = [self.value(member, depth - 1) for member in value[:MEMBERS]]
            return kept + [_more(len(value) - MEMBERS)] * (len(value) > MEMBERS)
        kept_members = list(value.items())[:MEMBERS]
        shown = {key[:KEY_CHARS]: self.value(member, depth - 1) for key, member in kept_members}
        return shown | ({"…": _more(len(value) - MEMBERS)} if len(value) > MEMBERS else {})

    def _cut(self, text: str) -> str:
        room = max(LEAST, min(self._text, self._left))
        self._left -= min(len(text), room)
        return text if len(text) <= room else f"{text[:room]} [cut here: {len(text) - room} more characters]"


def _more(count: int) -> str:
    return f"[cut here: {count} more]"
