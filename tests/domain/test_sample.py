from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.sample import FEW, NONE, OTHER, Sample, allocate, draw


def types(*counts: tuple[str | None, int]) -> list[tuple[int, str | None]]:
    values = [value for value, count in counts for _ in range(count)]
    return list(enumerate(values))


def shares(sample: Sample) -> dict[str, int]:
    return {stratum.name: len(stratum.seqs) for stratum in sample.strata}


def test_few_values_are_taken_in_proportion_and_each_at_least_once() -> None:
    rows = types((".md", 700), (".txt", 290), (".rst", 9), (None, 1))
    sample = draw(rows, "type", 10, seed=1)
    assert shares(sample) == {".md": 6, ".txt": 2, ".rst": 1, NONE: 1}
    assert {stratum.name: stratum.waiting for stratum in sample.strata}[".md"] == 700
    values = dict(rows)
    for stratum in sample.strata:
        assert {values[seq] or NONE for seq in stratum.seqs} == {stratum.name}


def test_the_same_seed_chooses_the_same_units() -> None:
    rows = types(("a", 500), ("b", 500))
    assert draw(rows, "kind", 20, seed=7) == draw(rows, "kind", 20, seed=7)
    assert draw(rows, "kind", 20, seed=7).seqs != draw(rows, "kind", 20, seed=8).seqs


def test_a_sample_larger_than_what_waits_is_all_of_it() -> None:
    sample = draw(types(("a", 2), ("b", 3)), "kind", 10, seed=1)
    assert sample.seqs == (0, 1, 2, 3, 4)
    assert sample.is_everything
    assert (sample.asked, sample.waiting) == (10, 5)
    assert not draw(types(("a", 2), ("b", 3)), "kind", 4, seed=1).is_everything


def test_there_are_no_more_kinds_than_units_to_try_them() -> None:
    rows = types(("a", 5), ("b", 50), ("c", 20), ("d", 2))
    assert shares(draw(rows, "kind", 3, seed=1)) == {"b": 1, "c": 1, OTHER: 1}
    assert shares(draw(rows, "kind", 2, seed=1)) == {"b": 1, OTHER: 1}
    sizes = [(n, n * n) for n in range(1000)]
    assert [list(shares(draw(sizes, "size", n, seed=1)).values()) for n in (2, 3)] == [[1, 1], [1, 1, 1]]
    assert sum(shares(draw(sizes, "size", 1, seed=1)).values()) == 1


def test_a_number_of_many_values_is_taken_by_its_fifths() -> None:
    sample = draw([(n, n * n) for n in range(1000)], "size", 10, seed=3)
    assert list(shares(sample).values()) == [2, 2, 2, 2, 2]
    assert [s.waiting for s in sample.strata] == pytest.approx([200] * 5, abs=2)
    assert sample.strata[0].name == "up to 40,000"
    assert max(sample.strata[0].seqs) < min(sample.strata[1].seqs)


def test_a_number_that_is_nearly_always_the_same_has_fewer_kinds() -> None:
    rows = [(n, 7 if n > 20 else n) for n in range(1000)]
    sample = draw(rows, "size", 10, seed=3)
    assert sum(shares(sample).values()) == 10


def test_a_number_of_few_values_has_a_kind_for_each() -> None:
    assert shares(draw([(n, n % 3) for n in range(30)], "n", 6, seed=1)) == {"0": 2, "1": 2, "2": 2}


def test_of_too_many_values_the_rare_ones_are_one_kind() -> None:
    rows = [(n, f"v{min(n % 100, 60)}" if n < 900 else f"rare {n}") for n in range(5000)]
    sample = draw(rows, "tag", 50, seed=1)
    assert len(sample.strata) == FEW
    assert sample.strata[-1].name == OTHER
    assert sum(stratum.waiting for stratum in sample.strata) == 5000


def test_of_nothing_nothing_is_chosen() -> None:
    assert draw([], "size", 10, seed=1).seqs == ()
    assert draw([], "size", 10, seed=1).is_everything


def test_a_long_value_does_not_make_a_long_name() -> None:
    rows = [(0, "x" * 5000), (1, "y" * 5000), (2, "x" * 5000)]
    sample = draw(rows, "text", 2, seed=1)
    assert all(len(stratum.name) <= 60 for stratum in sample.strata)


def test_units_stand_for_those_of_their_kind_that_are_left() -> None:
    sample = draw(types(("a", 90), ("b", 10)), "kind", 10, seed=1)
    assert sample.weights(sample.seqs, set(sample.seqs)) == pytest.approx([9.0] * 10)


def test_what_has_not_ended_stands_for_nothing_and_waits_with_the_others() -> None:
    sample = draw(types(("a", 90), ("b", 10)), "kind", 10, seed=1)
    of_a, of_b = (stratum.seqs for stratum in sample.strata)
    ended = [*of_a[:3], *of_b]
    assert sample.weights(ended, set(ended)) == pytest.approx([(90 - 3) / 3] * 3 + [9.0])
    assert sample.weights(ended, set(of_a[:3]))[-1] == pytest.approx(10.0), (
        "one of b has failed, and runs again"
    )
    assert sample.untried(ended, set(ended)) == ()
    assert sample.untried(of_a, set(of_a)) == ("b",)
    assert sum(sample.weights(of_a, set(of_a))) == pytest.approx(81), "nothing stands for those of b"


def test_of_a_kind_that_is_all_done_nothing_need_be_tried() -> None:
    sample = draw(types(("a", 90), ("b", 1)), "kind", 10, seed=1)
    of_a, of_b = (stratum.seqs for stratum in sample.strata)
    assert sample.untried(of_a, set(of_b)) == ()


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=14), st.integers(0, 3000))
def test_shares_add_up_and_none_is_larger_than_its_group(sizes: list[int], count: int) -> None:
    given_out = allocate(sizes, count)
    assert sum(given_out) == min(count, sum(sizes))
    assert all(0 <= share <= size for share, size in zip(given_out, sizes, strict=True))
    if count >= len(sizes):
        assert all(share for share, size in zip(given_out, sizes, strict=True) if size)


@given(
    st.lists(st.sampled_from(["a", "b", None, 3, 4.5]), max_size=60), st.integers(0, 80), st.integers(0, 9)
)
def test_whatever_the_values_each_unit_is_in_one_kind(values: list[object], count: int, seed: int) -> None:
    sample = draw(list(enumerate(values)), "f", count, seed)  # type: ignore[arg-type]
    assert len(sample.seqs) == len(set(sample.seqs)) == min(count, len(values))
    assert sum(stratum.waiting for stratum in sample.strata) == len(values)
    assert max(Counter(s.name for s in sample.strata).values(), default=1) == 1
