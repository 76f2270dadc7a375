"""The last door to the terminal: what can't be printed doesn't go through, whichever widget has drawn it."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

UNKNOWN = "\N{REPLACEMENT CHARACTER}"


class Printable(LineFilter):
    """Screens make foreign text harmless where they draw it; fields for typing draw what they are given."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, each as wide as it was."""
        if all(text.isprintable() for text, _, _ in segments):
            return segments
        return [Segment(_printable(text), style, control) for text, style, control in segments]


@lru_cache(1024)
def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else UNKNOWN * cell_len(char) for char in text)
