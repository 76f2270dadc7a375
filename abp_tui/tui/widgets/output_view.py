"""What an agent answered: as Markdown or JSON where it is, or raw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from abp_tui.tui.widgets.markup_lines import as_json, is_markdown, json_lines, markdown_lines
from abp_tui.tui.widgets.wrapped import WrappedView, plain_lines

MOST_DRAWN = 50_000  # characters: a longer text is shown as it is, so that it shows at once


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the answer. Only an `answer` is more than plain text."""

    text: str
    style: str = ""
    answer: bool = False


class OutputView(WrappedView[Piece]):
    """Pieces one below the other; `raw` shows them as they came."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, follow=False)
        self.raw = False

    def show(self, pieces: Sequence[Piece] = ()) -> None:
        """Show these and nothing else; does nothing if it shows them already."""
        if list(pieces) != self._blocks:
            self.clear()
            self.append(pieces)

    @property
    def text(self) -> str:
        """All of the pieces, as they came."""
        return "\n".join(piece.text for piece in self.blocks)

    def toggle_raw(self) -> str:
        """Show the answer as it came, or drawn again; returns in words which it is."""
        self.raw = not self.raw
        self.rebuild()
        forms = {form_of(piece.text) for piece in self.blocks if piece.answer} - {"plain text"}
        if not forms:
            return "the output is plain text: it is shown as it came"
        return "the output as it came" if self.raw else f"the output as {' and '.join(sorted(forms))}"

    def build(self, block: Piece, width: int) -> list[Content]:
        """The lines of one piece."""
        form = form_of(block.text) if block.answer and not self.raw else "plain text"
        if form == "JSON":
            return json_lines(as_json(block.text) or "", width)
        if form == "Markdown" and (lines := markdown_lines(block.text, width)):
            return lines
        return plain_lines(block.text, block.style, width)


def form_of(text: str) -> str:
    """What a text is drawn as: `JSON`, `Markdown` or `plain text`."""
    if len(text) > MOST_DRAWN:
        return "plain text"
    if as_json(text) is not None:
        return "JSON"
    return "Markdown" if is_markdown(text) else "plain text"
