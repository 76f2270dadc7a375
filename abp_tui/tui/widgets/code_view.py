"""What a person reads before they approve it: every line of it, its margin kept free of it."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content

from abp_tui.domain.visible import fold
from abp_tui.enumerators.reading import Line
from abp_tui.tui.widgets.glyphs import DIM, WARN
from abp_tui.tui.widgets.wrapped import WrappedView

HEADING = "bold"


class CodeView(WrappedView[Line | str]):
    """Lines with their margins, and headings between them. Nothing is cut, however long it is."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, follow=False)

    def build(self, block: Line | str, width: int) -> list[Content]:
        """The lines that one line makes."""
        if isinstance(block, str):
            return [Content.styled(block, HEADING)]
        size = len(block.margin)
        first, *others = fold(block.text, max(width - size, 2), cell_len)
        style = WARN if "!" in block.margin else DIM
        return [
            Content.assemble((block.margin, style), first),
            *(Content(" " * size + piece) for piece in others),
        ]
