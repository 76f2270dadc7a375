"""What is drawn where a person wants no colours: what only a colour set apart is reversed instead."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

STANDS_OUT = 0.05  # of the way from black to white: what is chosen differs from its surroundings by more


class Colourless(LineFilter):
    """Takes all colours away. Bold, underlined and reversed text stays what it is."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments without colours, those on a ground that stands out reversed."""
        return [
            Segment(text, _plain(style, background) if style else style, control)
            for text, style, control in segments
        ]


@lru_cache(1024)
def _plain(style: Style, background: Color) -> Style:
    ground = Color.from_rich_color(style.bgcolor) if style.bgcolor else background
    stands_out = abs(ground.brightness - background.brightness) > STANDS_OUT
    plain = style.without_color + Style(meta=style.meta or None)
    return plain + Style(reverse=True) if stands_out and not style.reverse else plain
