"""Foreign text on a terminal: made harmless, measured in cells, cut to size."""

from __future__ import annotations

import unicodedata

from abp_tui.terminal import harmless


def one_line(text: str, cells: int = 0) -> str:
    """Foreign text as one harmless line, cut with `…` where it is wider than `cells` (0: never)."""
    line = " ".join(harmless(text).split())
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
