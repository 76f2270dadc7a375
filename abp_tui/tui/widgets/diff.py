"""Lines of a diff in colours that also have their signs."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from abp_tui.tui.widgets.glyphs import BAD, DIM, GOOD, PRIMARY
from abp_tui.tui.widgets.text import clean, wrap

STYLES = {"+": GOOD, "-": BAD, "@": PRIMARY, " ": "", "[": DIM, "\\": DIM}


def diff_lines(patch: str, width: int) -> list[Content]:
    """The hunks of a patch, wrapped; what git writes above the first one is left out."""
    lines = []
    for line in _hunks(patch):
        style = STYLES.get(line[:1], "")
        first, *more = wrap(clean(line).replace("\n", " "), width - 1)
        lines += [Content.styled(first, style), *(Content.styled(f" {part}", style) for part in more)]
    return lines


def _hunks(patch: str) -> Iterator[str]:
    begun = False
    for line in patch.rstrip("\n").split("\n"):
        begun = begun or line.startswith("@@")
        if begun:
            yield line
