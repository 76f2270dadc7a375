"""Foreign text made safe to draw, and text cut to cells: all that items, agents and files say."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

TAB = "    "

_SEQUENCES = re.compile(
    r"\x1b[\]P^_X].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, PM, APC, SOS: up to their end
    r"|[\x90\x98\x9d\x9e\x9f].*?(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?",
    re.MULTILINE,
)
_LINE_ENDS = re.compile("\r\n|\r|\x85|\u2028|\u2029|\x0b|\x0c")
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # C0 and C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"  # zero width, bidi, fillers, variation selectors, tags
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_BLANKS = re.compile(r"\s+")


def clean(text: str) -> str:
    """The text without anything that moves the cursor, hides, reorders or recolours; lines end in `\\n`."""
    text = _LINE_ENDS.sub("\n", _SEQUENCES.sub("", text)).replace("\t", TAB)
    return _SURROGATES.sub("\ufffd", _HIDDEN.sub("", text))


def one_line(text: str, limit: int = 500) -> str:
    """The clean text on one line, blanks folded; of a long text, its first `limit` characters."""
    return _BLANKS.sub(" ", clean(text[: limit * 2])).strip()[:limit]


def fit(text: str, width: int, *, right: bool = False, keep_end: bool = False) -> str:
    """The one-line text in exactly `width` cells: padded, or cut at its end (or start)."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length <= width:
        return " " * (width - length) + text if right else text + " " * (width - length)
    if keep_end:
        return "…" + _last_cells(text, width - 1)
    return set_cell_size(text, width - 1) + "…"


def wrap(text: str, width: int) -> list[str]:
    """The clean text in lines of at most `width` cells, broken at blanks where there are any."""
    width = max(width, 2)
    lines: list[str] = []
    for line in text.split("\n"):
        lines.extend(_wrap_line(line.rstrip(), width))
    return lines


def _wrap_line(line: str, width: int) -> list[str]:
    lines = []
    while cell_len(line) > width:
        head = _first_cells(line, width)
        blank = head.rfind(" ") if line[len(head)] != " " else len(head)
        if blank > len(head) - len(head.lstrip()):
            head = head[:blank]
        lines.append(head)
        line = line[len(head) :].lstrip(" ")
    return [*lines, line]


def _first_cells(text: str, width: int) -> str:
    """As many characters as fit, at least one."""
    head = text[:width]
    while len(head) > 1 and cell_len(head) > width:
        head = head[:-1]
    return head


def _last_cells(text: str, width: int) -> str:
    tail = text[-width:]
    while cell_len(tail) > width:
        tail = tail[1:]
    return " " * (width - cell_len(tail)) + tail
