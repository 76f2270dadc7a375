"""Foreign text made safe to draw, and text cut to cells: all that items, agents and files say."""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

from abp_tui.terminal import harmless

TAB = "    "
MOST_PER_CELL = 4  # characters that are drawn over one another

_BLANKS = re.compile(r"\s+")


def clean(text: str) -> str:
    """The harmless text with its tabs as blanks."""
    return harmless(text).replace("\t", TAB)


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
    lines, at = [], 0
    # Only what could fit is measured: a line may be as long as a file.
    while len(line) - at > MOST_PER_CELL * width or cell_len(line[at:]) > width:
        head = _first_cells(line[at : at + width], width)
        blank = head.rfind(" ") if line[at + len(head)] != " " else len(head)
        if blank > len(head) - len(head.lstrip()):
            head = head[:blank]
        lines.append(head)
        at += len(head)
        while line[at : at + 1] == " ":
            at += 1
    return [*lines, line[at:]]


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
