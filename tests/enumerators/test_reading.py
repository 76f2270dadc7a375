"""What is read before an approval: the same in each face."""

from __future__ import annotations

import hashlib

from abp_tui.enumerators.base import Approval
from abp_tui.enumerators.dynamic import DynamicConfig, DynamicEnumerator
from abp_tui.enumerators.reading import Reading


def reading(code: str, **context: object) -> Reading:
    return Reading.of(DynamicEnumerator(DynamicConfig(code=code, context=context)).approval())


def test_lines_are_numbered_and_marked_where_something_would_be_hidden() -> None:
    page = reading("def f():\r\n\treturn 1\n# \x1b[2K\n" + "x\n" * 7)
    assert [line.margin for line in page.code][:4] == [" 1  ", " 2  ", " 3! ", " 4  "]
    assert [line.text for line in page.code][:3] == ["def f():", "    return 1", r"# \x1b[2K"]
    assert len(page.code) == 11 and page.context == ()
    assert page.remark.startswith("!") and "in line 3:" in page.remark


def test_the_context_is_shown_like_the_code() -> None:
    page = reading("x = 1", a="in\u202evisible\u200b", b="\x1b[2K\ud800")
    assert [line.text for line in page.context] == [
        "{",
        r'  "a": "in\u202evisible\u200b",',
        r'  "b": "\u001b[2K\ud800"',
        "}",
    ]
    assert [line.margin for line in page.context] == ["   ", " ! ", " ! ", "   "]
    assert "in the context" in page.remark


def test_what_hides_nothing_has_no_remark() -> None:
    page = reading("name = 'Grüße 風'\n\tpass\r\n", n="é")
    assert page.remark == ""


def test_the_remark_stays_short() -> None:
    page = reading("\n".join(["#\u200b"] * 40), a="\u200b")
    assert "in lines 1, 2, 3, 4, 5 and 35 more and in the context" in page.remark


def test_the_hash_says_what_it_covers() -> None:
    plain = reading("x = 1\n")
    assert plain.hash == f"SHA-256 of the code: {hashlib.sha256(b'x = 1' + bytes([10])).hexdigest()}"
    assert reading("x = 1\n", a=1).hash.startswith("SHA-256 of the code and the context: ")
    assert Reading.of(Approval("recipe", "12", "x", "")).hash == "SHA-256 of the recipe: 12"
