"""Text as a person must see it who approves it: nothing in it hidden, obeyed or reordered."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

INDENT = "    "

# Printable by their category, and yet drawn as nothing or as a blank: joiners, fillers, variation selectors.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)
_INDENTATION = re.compile(r"^[ \t]+")


def visible(line: str) -> str:
    """The line with an escape for each character that a terminal would not show plainly.

    A tab of its indentation is four blanks; the return of an end of line is left out.
    """
    return _escaped(_laid_out(line))


def hides_something(line: str) -> bool:
    """Whether there are escapes in what `visible` makes of the line."""
    plain = _laid_out(line)
    return _escaped(plain) != plain


def fold(text: str, width: int, cells: Callable[[str], int]) -> list[str]:
    """The text in pieces of at most `width` cells, at least one, every blank kept."""
    pieces, start, used = [], 0, 0
    for at, char in enumerate(text):
        size = cells(char)
        if used + size > width and at > start:
            pieces.append(text[start:at])
            start, used = at, 0
        used += size
    return [*pieces, text[start:]]


def _laid_out(line: str) -> str:
    line = line.removesuffix("\r")
    return _INDENTATION.sub(lambda found: found[0].replace("\t", INDENT), line)


def _escaped(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    shown, before = [], " "
    for char in line:
        if _is_plain(char, before):
            shown.append(char)
            before = char
        else:
            shown.append(char.encode("unicode_escape").decode())
            before = " "
    return "".join(shown)


def _is_plain(char: str, before: str) -> bool:
    """Whether the character can be seen as what it is, behind the one before it."""
    if not char.isprintable() or _BLANK.match(char):
        return False
    if unicodedata.category(char) in ("Mn", "Me"):  # drawn over what it follows, which must stay legible
        return not before.isascii() or len(unicodedata.normalize("NFC", before + char)) == 1
    return True
