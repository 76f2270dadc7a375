"""The built-in signs of doubt by name; `signs` finds them, with patterns that take a while to load."""

from __future__ import annotations

from enum import StrEnum


class Tell(StrEnum):
    """A built-in sign of doubt."""

    QUESTION = "question"
    REFUSAL = "refusal"
    PERMISSION = "permission"
    SAME = "same"

    @property
    def words(self) -> str:
        """The sign, for people."""
        return {
            Tell.QUESTION: "the output ends in a question to you",
            Tell.REFUSAL: "the output says that it could not be done",
            Tell.PERMISSION: "the output says that a permission was lacking",
            Tell.SAME: "two items have the same long output",
        }[self]
