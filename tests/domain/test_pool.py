from __future__ import annotations

from datetime import UTC, datetime

import pytest

from abp_tui.domain.pilot import Pilot, Tried
from abp_tui.domain.pool import Pool, Trial
from abp_tui.domain.sample import Sample, draw
from abp_tui.domain.status import UnitStatus


def trial(number: int, sample: Sample, ended: int | None = None, dear: frozenset[int] = frozenset()) -> Trial:
    """A pilot of which the first so many units have ended; what a dear one costs is not known."""
    pilot = Pilot(
        id=number, job_id=1, recipe_version=1, sample=sample, after_attempt=0, created_at=datetime.now(UTC)
    )
    units = tuple(
        Tried(
            seq=seq,
            key=str(seq),
            status=UnitStatus.COMPLETED if ended is None or n < ended else UnitStatus.PENDING,
            cost_usd=None if seq in dear else 0.1,
            standing=True,
        )
        for n, seq in enumerate(sample.seqs)
    )
    return Trial(pilot=pilot, units=units)


def kinds(rare: int, of: int, without: tuple[int, ...] = ()) -> list[tuple[int, str]]:
    return [(n, "rare" if n < rare else "often") for n in range(of) if n not in without]


def test_units_of_pilots_in_proportion_weigh_the_same() -> None:
    first = draw(kinds(100, 1000), "kind", 30, seed=1)
    second = draw(kinds(100, 1000, first.seqs), "kind", 10, seed=2)
    units, weights = Pool([trial(1, first), trial(2, second)]).all()
    assert [unit.seq for unit in units] == [*first.seqs, *second.seqs]
    assert weights == pytest.approx([weights[0]] * 40, rel=0.05)


def test_that_a_later_pilot_is_of_fewer_does_not_make_its_units_weigh_less() -> None:
    first = draw([(n, 1) for n in range(100)], "n", 50, seed=1)
    second = draw([(n, 1) for n in range(100) if n not in first.seqs], "n", 40, seed=1)
    _, weights = Pool([trial(1, first), trial(2, second)]).rest()
    assert weights == pytest.approx([1.0] * 90)


def test_a_pilot_of_few_of_other_kinds_does_not_count_for_more_than_it_is_worth() -> None:
    """The second has half of its units of what is one in twenty."""
    first = draw([(n, n % 2) for n in range(1000)], "even", 30, seed=1)
    rows = kinds(50, 1000, first.seqs)
    second = draw(rows, "kind", 2, seed=1)
    _, weights = Pool([trial(1, first), trial(2, second)]).rest()
    share = {seq: w / sum(weights) for seq, w in zip([*first.seqs, *second.seqs], weights, strict=True)}
    rare, often = sorted(second.seqs)
    assert share[rare] < 0.06 / 30 < share[often] < 1.2 / 30
    assert share[first.seqs[0]] == pytest.approx(1 / 31, rel=0.05)


def test_what_left_a_kind_untried_is_not_counted_where_another_did_not() -> None:
    first, second = (draw(kinds(50, 100), "kind", 10, seed=seed) for seed in (1, 2))
    whole, broken = trial(1, first), trial(2, second, ended=3)
    assert Pool([whole, broken]).counted == Pool([whole]).counted == [whole]
    assert Pool([whole, broken]).uncounted == [broken]
    assert Pool([broken]).untried == ("often",)
    assert Pool([broken]).uncounted == []


def test_a_pilot_that_does_not_know_what_a_kind_costs_does_not_count_for_the_cost() -> None:
    first, second = (draw(kinds(50, 100), "kind", 10, seed=seed) for seed in (1, 2))
    dear = frozenset(range(50, 100))
    pool = Pool([trial(1, first), trial(2, second, dear=dear)])
    assert [unit.seq for unit in pool.rest_by_cost().units] == list(first.seqs)
    assert len(pool.rest().units) == 20
    assert Pool([trial(2, second, dear=dear)]).rest_by_cost().units == []
    assert Pool([trial(2, second, dear=dear)]).silent() == ("often",)
