"""Labels and values in a narrow column, long values with a hanging indent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content

from abp_tui.tui.widgets.glyphs import DIM
from abp_tui.tui.widgets.text import clean, wrap

Fact = tuple[str, str, str] | tuple[str, str]


def facts(rows: Iterable[Fact], width: int, label_width: int = 10) -> list[Content]:
    """A line or more for each (label, value, style); a row without a value is left out."""
    lines: list[Content] = []
    for label, value, *style in rows:
        if value:
            lines.extend(_hanging(label, value, style[0] if style else "", width, label_width))
    return lines


def paragraph(text: str, width: int, style: str = DIM) -> list[Content]:
    """A text wrapped to the width."""
    return [Content.styled(line, style) for line in wrap(clean(text), width)]


def stack(lines: Iterable[Content]) -> Content:
    """Lines as one content."""
    return Content("\n").join(lines)


def fitted(lines: list[Content], keys: Sequence[Fact], width: int, height: int) -> Content:
    """Lines with the keys behind them, as far as there is room; what is left out is said."""
    behind = [Content(), *facts(keys, width, label_width=2)] if keys else []
    if len(lines) + len(behind) <= height:
        return stack([*lines, *behind])
    if len(lines) > height > 1:
        return stack([*lines[: height - 1], Content.styled("… more: make the terminal larger", DIM)])
    return stack(lines)


def _hanging(label: str, value: str, style: str, width: int, label_width: int) -> list[Content]:
    first, *more = wrap(clean(value), max(8, width - label_width - 1))
    head = Content.assemble((f"{label:<{label_width}} ", DIM), (first, style))
    indent = " " * (label_width + 1)
    return [head, *(Content.assemble(indent, (line, style)) for line in more)]
