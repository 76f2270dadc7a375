from __future__ import annotations

import pytest

from abp_tui.domain.pace import INTERVAL_S, INTERVALS, PaceMeter


def test_ends_are_counted_by_interval_and_the_one_that_is_not_over_waits() -> None:
    meter = PaceMeter(100.0, 100.0, 0)
    looks = ((101, 3), (109, 4), (110, 4), (131, 9))
    seen = [meter.pace(at, ended, 100, at - 100).recent for at, ended in looks]
    assert seen == [(), (), (4,), (4, 0, 0)]
    assert meter.pace(140.0, 9, 100, 40.0).recent == (4, 0, 0, 5)


def test_the_rate_is_of_late_and_what_is_left_follows_from_it() -> None:
    meter = PaceMeter(1000.0, 1000.0, 500)
    pace = meter.pace(1020.0, 540, 740, 10_000.0)
    assert (pace.per_s, pace.left_s) == (2.0, 100.0)


def test_just_after_a_rest_it_is_the_mean_of_all_that_was_worked() -> None:
    pace = PaceMeter(1000.0, 1000.0, 50).pace(1002.0, 51, 151, 510.0)
    assert (pace.per_s, pace.left_s) == (0.1, 1000.0)


def test_what_a_test_or_a_pilot_came_to_is_no_pace_of_the_batch() -> None:
    meter = PaceMeter(1000.0, 1001.0, 10, [940.0, 970.0])
    for at in (1001.0, 1020.0, 1100.0):
        pace = meter.pace(at, 10, 40, at - 1000.0)
        assert (pace.per_s, pace.left_s) == (None, None)


def test_agents_that_end_together_make_a_steady_pace() -> None:
    meter = PaceMeter(0.0, 0.0, 1)  # four agents of 30 s each, after a test
    rates = []
    for second in range(1, 180):
        pace = meter.pace(float(second), 1 + 4 * (second // 30), 100, float(second))
        rates.append(pace.per_s)
    assert set(rates[:29]) == {None}
    assert all(rate == pytest.approx(4 / 30, rel=0.1) for rate in rates[29:])


def test_many_that_end_in_a_moment_are_a_pace_and_few_are_none() -> None:
    assert PaceMeter(0.0, 0.0, 0).pace(2.0, 7, 100, 2.0).per_s is None
    assert PaceMeter(0.0, 0.0, 0).pace(2.0, 8, 100, 2.0).per_s == 4.0


def test_a_pace_falls_once_nothing_ends_for_longer_than_ever() -> None:
    meter = PaceMeter(0.0, 0.0, 0)
    meter.pace(30.0, 4, 100, 30.0)
    assert meter.pace(60.0, 4, 100, 60.0).per_s == pytest.approx(4 / 30)
    assert meter.pace(120.0, 4, 100, 120.0).per_s == pytest.approx(4 / 90)


def test_what_ended_before_the_first_look_counts_since_the_job_works() -> None:
    now = 1000.0
    meter = PaceMeter(now - 60, now, 800, [now - 5000, now - 50, now - 45, now - 15])
    pace = meter.pace(now, 800, 830, 90_000.0)
    assert pace.recent == (0, 2, 0, 0, 1, 0)
    assert pace.per_s == 3 / 45  # the last 15 s are no longer than what there was already


def test_units_put_back_are_no_ends_and_old_intervals_are_forgotten() -> None:
    meter = PaceMeter(0.0, 0.0, 10)
    assert meter.pace(5.0, 4, 10, 100.0).recent == ()
    assert meter.pace(9.0, 6, 10, 100.0).recent == ()
    assert meter.pace(10.0, 6, 10, 100.0).recent == (2,)
    late = meter.pace(INTERVAL_S * (INTERVALS + 5), 7, 10, 1000.0)
    assert late.recent == (0,) * INTERVALS
    assert len(meter._counts) <= INTERVALS + 1


@pytest.mark.parametrize("total", [7, 8])
def test_nothing_is_left_at_the_end(total: int) -> None:
    assert PaceMeter(0.0, 0.0, 0).pace(7.0, 7, total, 7.0).left_s == total - 7
