"""Nothing is hidden from a person who reads before they approve."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.visible import fold, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x = {'a': \"é ß 風 Ж א ก็ हिन्दी ☃ 🙂\"}  # plain", None),
        ("e\u0301", None),
        ("\t\tindented", "        indented"),
        ("a\tb", r"a\tb"),
        ("windows\r", "windows"),
        ("two\rlines\r", r"two\rlines"),
        ("\x1b[2K\x07\x00\x7f", r"\x1b[2K\x07\x00\x7f"),
        ("\x9b1m \x85", r"\x9b1m \x85"),
        ("if a\u202e b\u2066 c\u200f", r"if a\u202e b\u2066 c\u200f"),
        ("o\u200bs\u2060.\ufeff\u00ad", r"o\u200bs\u2060.\ufeff\xad"),
        ("a\u00a0b\u3000c\u2003", r"a\xa0b\u3000c\u2003"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("a\u3164b\uffa0c\u115f\u1160\u2800", r"a\u3164b\uffa0c\u115f\u1160\u2800"),
        ("a\ufe0f\U000e0100\U000e0041", r"a\ufe0f\U000e0100\U000e0041"),
        ("a\u034fb", r"a\u034fb"),
        ("f\u0338 x\u20dd \u200b\u0301", r"f\u0338 x\u20dd \u200b\u0301"),
        ("\u0301first", r"\u0301first"),
        ("\ud800 \ue000 \U0010ffff", r"\ud800 \ue000 \U0010ffff"),
    ],
)
def test_what_would_not_be_seen_is_an_escape(text: str, shown: str | None) -> None:
    assert visible(text) == (text if shown is None else shown)


@given(st.text())
def test_only_what_can_be_seen_is_left(text: str) -> None:
    left = visible(text)
    assert left.isprintable()
    assert not any(unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF") for char in left)
    assert visible(left) == left


def cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


@given(st.text("ab 風  "), st.integers(2, 9))
def test_folded_lines_fit_and_keep_every_blank(text: str, width: int) -> None:
    folded = fold(text, width, cells)
    assert "".join(folded) == text
    assert all(cells(line) <= width for line in folded)
    assert all(folded[:-1]) and folded


def test_a_long_line_is_folded_at_once() -> None:
    assert len(fold("x" * 1_000_000, 80, cells)) == 12_500
