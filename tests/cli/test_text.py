"""Columns are aligned whatever is in them."""

from __future__ import annotations

import io
import os
from unittest import mock

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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=90)), min_size=1, max_size=5))
def test_a_table_fits_into_a_terminal_by_the_columns_that_give(texts: list[tuple[str, str]]) -> None:
    rows = [
        (str(n), one_line(key), "PENDING", "$0.0100", one_line(note)) for n, (key, note) in enumerate(texts)
    ]
    head = ("SEQ", "KEY", "STATUS", "COST", "NOTE")
    with mock.patch.dict(os.environ, {"NO_COLOR": "1", "COLUMNS": "60"}):
        with mock.patch("sys.stdout", Terminal()):
            narrow = list(table(head, rows, right="SEQ COST", gives="KEY NOTE"))
        whole = list(table(head, rows, right="SEQ COST", gives="KEY NOTE"))
    assert all(width(line) <= 60 for line in narrow)
    assert all("PENDING" in line and "$0.0100" in line for line in narrow[1:])
    for line, (_, key, *_, note) in zip(whole[1:], rows, strict=True):
        assert key in line and line.endswith(note.rstrip())


def test_amounts_and_times() -> None:
    assert [money(amount) for amount in (None, 0.0, 0.0123, 12.5)] == ["-", "$0.00", "$0.0123", "$12.50"]
    assert money(0.5, at_least=True) == "≥$0.50"
    assert [span(s) for s in (None, 3.21, 61, 600, 9000)] == ["-", "3.2 s", "61 s", "10 min", "2 h 30 min"]
