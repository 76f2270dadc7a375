"""Foreign text on a terminal: made harmless, measured in cells, cut to size."""

from __future__ import annotations

import re
import unicodedata

# Escape sequences whole (CSI, OSC and other strings, two-character ones), then what is left of control
# characters: C0 but for tab and newline, DEL, C1, marks that turn the direction of text, lone surrogates.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """Foreign text without anything that a terminal would obey; lines and tabs stay."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(text: str, cells: int = 0) -> str:
    """Foreign text as one harmless line, cut with `…` where it is wider than `cells` (0: never)."""
    line = " ".join(clean(text).split())
    return cut(line, cells) if cells else line


def width(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, cells: int) -> str:
    """The text, or as much of it as fits into `cells` with `…` at its end."""
    if width(text) <= cells:
        return text
    kept, used = [], 1
    for char in text:
        used += _cells(char)
        if used > cells:
            break
        kept.append(char)
    return "".join(kept) + "…"


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
