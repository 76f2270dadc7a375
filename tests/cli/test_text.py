"""Foreign text is harmless, columns are aligned whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.cli.layout import money, span, table
from abp_tui.cli.text import clean, cut, one_line, width


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\dcs", "dcs"),
        ("\x9b2Jc1", "c1"),
        ("\x1bcreset", "reset"),
        ("a\rb\r\nc", "a\nb\nc"),
        ("\x00\x07\x08\x7f", ""),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("broken \udcff name", "broken  name"),
        ("Grüße 風", "Grüße 風"),
    ],
)
def test_clean(text: str, harmless: str) -> None:
    assert clean(text) == harmless


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    left = clean("\x1b[" + text + "\x9d")
    assert not any((ord(char) < 32 and char not in "\n\t") or 0x7F <= ord(char) < 0xA0 for char in left)
    left.encode()


@given(st.text(), st.integers(1, 40))
def test_cut_text_fits(text: str, cells: int) -> None:
    assert width(cut(text, cells)) <= cells
    assert "\n" not in one_line(text)


def test_columns_are_aligned_also_with_wide_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    lines = list(table(("KEY", "N", "NOTE"), [("風.txt", "7", "a"), ("plain.txt", "12", "b")], right="N"))
    assert lines == ["KEY         N  NOTE", "風.txt      7  a", "plain.txt  12  b"]


def test_amounts_and_times() -> None:
    assert [money(amount) for amount in (None, 0.0, 0.0123, 12.5)] == ["-", "$0.00", "$0.0123", "$12.50"]
    assert money(0.5, at_least=True) == "≥$0.50"
    assert [span(s) for s in (None, 3.21, 61, 600, 9000)] == ["-", "3.2 s", "61 s", "10 min", "2 h 30 min"]
