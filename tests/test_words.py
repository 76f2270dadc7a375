from __future__ import annotations

import pytest

from abp_tui.words import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 units"), (1, "1 unit"), (2, "2 units"), (23_000, "23,000 units")]
)
def test_one_is_not_many(number: int, words: str) -> None:
    assert counted(number, "unit") == words


def test_a_noun_may_take_more_than_an_s() -> None:
    assert [counted(n, "retry", "retries") for n in (1, 2)] == ["1 retry", "2 retries"]
