"""Columns are aligned whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.cli.layout import money, span, table
from abp_tui.cli.text import cut, one_line, width


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
