from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.content import Content

from abp_tui.tui.widgets.markup_lines import as_json, is_markdown, json_lines, markdown_lines
from abp_tui.tui.widgets.output_view import MOST_DRAWN, OutputView, Piece, form_of

DOCUMENT = """\
# Heading *one*

Some **bold** and `code`, a [link](http://x/y) and <http://auto/z>.
Second line.

- first
  continued
- second
  1. deep
  2. deeper

> quoted
> twice

```python
if x:
    y = "[/nope]"
```

| name | what |
|------|------|
| a | **strong** |
| b | x |

***
<b>raw</b>
"""


def texts(lines: list[Content]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def test_markdown_is_drawn_in_its_parts() -> None:
    assert texts(markdown_lines(DOCUMENT, 40)) == [
        "Heading one",
        "",
        "Some bold and code, a link (http://x/y)",
        "and http://auto/z. Second line.",
        "",
        "• first continued",
        "• second",
        "  1. deep",
        "  2. deeper",
        "",
        "▌ quoted twice",
        "",
        " if x:",
        '     y = "[/nope]"',
        "",
        "name  what",
        "────────────",
        "a     strong",
        "b     x",
        "",
        "─" * 40,
        "",
        "<b>raw</b>",
    ]


def test_json_is_indented_and_told_apart() -> None:
    pretty = as_json('{"a": [1, "x, y: z", null], "b": {}}')
    assert pretty is not None
    lines = json_lines(pretty, 40)
    assert texts(lines)[1:4] == ['  "a": [', "    1,", '    "x, y: z",']
    styles = {str(span.style) for line in lines for span in line.spans}
    assert len(styles) >= 3, "keys, strings and other values have styles of their own"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"a": 1}', "JSON"),
        ("[1, 2]", "JSON"),
        ("[link](x) and more", "Markdown"),
        ("1. one\n2. two", "Markdown"),
        ("a plain answer, 3 * 4 = 12, and _so on_", "plain text"),
        ("[not json", "plain text"),
        ("[" * 30_000, "plain text"),
        ('{"a": ' * 9_000, "plain text"),
        ('"a string"', "plain text"),
        ("# " + "x" * MOST_DRAWN, "plain text"),
        ("", "plain text"),
    ],
)
def test_what_a_text_is(text: str, form: str) -> None:
    assert form_of(text) == form


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["[", "*a ", "`", "> ", "- ", "![](", "<a ", "|a", "_*", "&#27;[31m ", "a\n"]
)
def test_what_is_meant_to_be_slow_is_not(part: str) -> None:
    view = OutputView()
    view.show([Piece((part * MOST_DRAWN)[:MOST_DRAWN], answer=True)])
    assert view.plain


def test_entities_links_and_code_bring_no_control_in() -> None:
    evil = "a &#27;[31m &#x202e; [x](http://y&#27;z) `\x1b]8;;u\x07` ![\x9bz](q)\n\n    \x1b[2J"
    for line in texts(markdown_lines(evil, 60)):
        assert line.isprintable(), repr(line)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.sampled_from('ab漢🙂\u202e\x1b[]()*_`#>-|\n 1.\t&;x27\\"{}:,@='), max_size=200))
def test_whatever_it_is_lines_fit_and_are_clean(text: str) -> None:
    lines = markdown_lines(text, 30)
    if (pretty := as_json(text)) is not None:
        lines += json_lines(pretty, 30)
    for line in lines:
        assert line.plain.isprintable(), repr(line.plain)
        assert "@click" not in str(line.spans)
    is_markdown(text)


def test_raw_shows_it_as_it_came() -> None:
    view = OutputView()
    view.show([Piece("oh no\n", "red"), Piece("# T", answer=True)])
    assert view.plain == "oh no\n\nT"
    assert view.toggle_raw() == "the output as it came"
    assert view.plain == "oh no\n\n# T"
    assert view.toggle_raw() == "the output as Markdown"
    view.show([Piece("plain", answer=True)])
    assert "plain text" in view.toggle_raw()
