"""Answers that are JSON or Markdown as lines to draw: all of it clean, nothing in it to be clicked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from rich.cells import cell_len
from textual.content import Content

from abp_tui.terminal import speaks_utf8
from abp_tui.tui.widgets.glyphs import DIM, GOOD, PRIMARY, TOOL, WARN
from abp_tui.tui.widgets.text import clean, fit, one_line, wrap

CODE = "on $surface"
NARROWEST = 10
DEEPEST = 60  # levels of lists and quotes; what is deeper is left out

Parts = list[tuple[str, str]]

_MARKS = re.compile(
    r"^(#{1,6} \S|```|~~~|> \S|[-*+] \S|\d{1,3}[.)] \S|\|.*\|\s*$)|\*\*\S[^*\n]*\*\*|\[[^\]\n]+\]\([^)\s]+\)",
    re.MULTILINE,
)
_JSON_LINE = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*": )?(.*?)(,?)$', re.DOTALL)
_PARSER = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST}).enable(["table", "strikethrough"])


def as_json(text: str) -> str | None:
    """The text as indented JSON; None where it is no JSON object or array."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def is_markdown(text: str) -> bool:
    """Whether the text uses signs of Markdown, so that drawing it is better than showing it."""
    return _MARKS.search(text) is not None


def json_lines(text: str, width: int) -> list[Content]:
    """Indented JSON, its keys and values told apart, wrapped."""
    return [part for line in clean(text).split("\n") for part in _json_line(line, width)]


def markdown_lines(text: str, width: int) -> list[Content]:
    """Markdown as headings, lists, tables and code."""
    return _children(SyntaxTreeNode(_PARSER.parse(clean(text))), max(width, NARROWEST))


def _json_line(line: str, width: int) -> Iterator[Content]:
    match = _JSON_LINE.match(line)
    assert match is not None, "every part of it may be empty"
    indent, key, value, comma = match.groups()
    whole = Content.assemble(indent, (key or "", PRIMARY), (value, _style_of(value)), comma)
    yield from whole.wrap(width) or [Content()]


def _style_of(value: str) -> str:
    if value.startswith('"'):
        return GOOD
    return "" if value[:1] in ("{", "[", "}", "]", "") else WARN


def _children(node: SyntaxTreeNode, width: int, gap: bool = True) -> list[Content]:
    """What is in a node, one below the other."""
    lines: list[Content] = []
    for child in node.children:
        block = _block(child, width)
        if lines and block and gap:
            lines.append(Content())
        lines += block
    return lines


def _block(node: SyntaxTreeNode, width: int) -> list[Content]:
    match node.type:
        case "heading":
            return _wrapped(_inline(node, f"bold {PRIMARY}"), width)
        case "bullet_list" | "ordered_list":
            return _list(node, width)
        case "blockquote":
            bar = "▌ " if speaks_utf8() else "| "
            return _hanging(_children(node, max(width - 2, NARROWEST)), (bar, DIM), (bar, DIM))
        case "fence" | "code_block":
            return _code(node, width)
        case "table":
            return _table(node, width)
        case "hr":
            return [Content.styled(("─" if speaks_utf8() else "-") * width, DIM)]
    return _wrapped(_inline(node, ""), width)


def _list(node: SyntaxTreeNode, width: int) -> list[Content]:
    start = int(node.attrs.get("start", 1))
    tight = all(
        child.hidden for item in node.children for child in item.children if child.type == "paragraph"
    )
    lines: list[Content] = []
    for n, item in enumerate(node.children, start):
        sign = f"{n}. " if node.type == "ordered_list" else "• " if speaks_utf8() else "- "
        inner = _children(item, max(width - len(sign), NARROWEST), gap=not tight) or [Content()]
        if lines and not tight:
            lines.append(Content())
        lines += _hanging(inner, (sign, DIM), (" " * len(sign), ""))
    return lines


def _hanging(lines: Sequence[Content], first: tuple[str, str], rest: tuple[str, str]) -> list[Content]:
    return [Content.assemble(rest if n else first, line) for n, line in enumerate(lines)]


def _code(node: SyntaxTreeNode, width: int) -> list[Content]:
    text = clean(node.content).rstrip("\n")
    if node.info.strip().lower() == "json" and (pretty := as_json(text)):
        return json_lines(pretty, width)
    return [Content.styled(fit(f" {line}", width), CODE) for line in wrap(text, width - 2)]


def _table(node: SyntaxTreeNode, width: int) -> list[Content]:
    rows = [[_plain(cell) for cell in row.children] for part in node.children for row in part.children]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=False)]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 3:
        widths[widths.index(max(widths))] -= 1
    head, *body = ["  ".join(map(fit, row, widths)) for row in rows]
    rule = ("─" if speaks_utf8() else "-") * min(cell_len(head), width)
    lines = [Content.styled(head, "bold"), Content.styled(rule, DIM)]
    return lines + [Content(line) for line in body]


def _plain(node: SyntaxTreeNode) -> str:
    return one_line("".join(text for text, _ in _inline(node, "")))


def _wrapped(parts: Parts, width: int) -> list[Content]:
    return Content.assemble(*parts).wrap(width) if parts else []


def _inline(node: SyntaxTreeNode, style: str) -> Parts:
    """The text of a node with its styles. What entities stand for is foreign, too: cleaned once more."""
    match node.type:
        case "text" | "html_inline" | "html_block":
            return [(clean(node.content), style)]
        case "code_inline":
            return [(clean(node.content), f"{style} {TOOL}")]
        case "softbreak":
            return [(" ", style)]
        case "hardbreak":
            return [("\n", style)]
        case "image":
            return [(clean(f"[{node.content}]"), style), (_target(node, "src"), DIM)]
        case "link":
            said = _nested(node, f"{style} underline")
            target = _target(node, "href")
            return said if target.strip(" ()") == "".join(t for t, _ in said) else [*said, (target, DIM)]
    more = {"strong": "bold", "em": "italic", "s": "strike"}.get(node.type, "")
    return _nested(node, f"{style} {more}".strip())


def _nested(node: SyntaxTreeNode, style: str) -> Parts:
    return [part for child in node.children for part in _inline(child, style)]


def _target(node: SyntaxTreeNode, name: str) -> str:
    return f" ({one_line(str(node.attrs.get(name, '')))})"
