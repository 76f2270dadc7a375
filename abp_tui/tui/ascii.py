"""What is drawn where the terminal's locale has no more than ASCII: each sign in as many cells as before."""

from __future__ import annotations

from rich.cells import get_character_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

STAND_INS = {
    "·": "-", "…": "~", "×": "x", "›": ">", "≥": ">", "•": "*", "–": "-", "—": "-", "−": "-",
    "─": "-", "━": "-", "│": "|", "┃": "|", "▌": "|", "▎": "|", "▊": "|", "█": "#", "■": "#", "●": "*",
    "▼": "v", "▲": "^", "▾": "v", "▸": ">", "🔎": "/ ", "⏎": "<",
    "‘": "'", "’": "'", "“": '"', "”": '"', "\N{NO-BREAK SPACE}": " ",
    **dict.fromkeys("▁▂▃▄▅▆▇▔▀", " "),  # ends of scroll bars, edges of fields
}  # fmt: skip


class Ascii(LineFilter):
    """Puts a stand-in for every character that is not ASCII, `?` for those that have none."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments with other characters."""
        return [
            segment
            if segment.control or segment.text.isascii()
            else Segment("".join(map(_stand_in, segment.text)), segment.style)
            for segment in segments
        ]


def _stand_in(sign: str) -> str:
    return sign if sign.isascii() else STAND_INS.get(sign, "?" * get_character_cell_size(sign))
