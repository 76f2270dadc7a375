from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from abp_tui.tui.collecting import ENOUGH, REST_S, TOO_MUCH, Collecting


@pytest.fixture
def now() -> Iterator[list[float]]:
    """The time, with the collector of this process put back as it was."""
    before = gc.get_threshold()
    yield [100.0]
    gc.set_threshold(*before)
    gc.unfreeze()


def taken_over(now: list[float]) -> Collecting:
    collecting = Collecting(lambda: now[0])
    collecting.take_over()
    gc.collect()
    return collecting


def made_since(times: int) -> None:
    """Collections that are not full ones, which the next full one has been waiting for."""
    for _ in range(times):
        gc.collect(1)


def test_no_full_collection_comes_by_itself(now: list[float]) -> None:
    taken_over(now)
    made: list[int] = []
    gc.callbacks.append(lambda phase, info: made.append(info["generation"]))
    try:
        kept = [[] for _ in range(300_000)]
    finally:
        gc.callbacks.pop()
    assert len(kept) and made.count(1) > 20
    assert 2 not in made


def test_it_waits_until_no_key_has_come_for_a_while(now: list[float]) -> None:
    collecting = taken_over(now)
    made_since(ENOUGH)
    now[0] += REST_S
    collecting.typed()
    collecting.rest()
    assert gc.get_count()[2] >= ENOUGH
    now[0] += REST_S
    collecting.rest()
    assert gc.get_count()[2] == 0


def test_little_is_left_alone(now: list[float]) -> None:
    collecting = taken_over(now)
    made_since(ENOUGH // 2)
    now[0] += 60
    collecting.rest()
    assert gc.get_count()[2] >= ENOUGH // 2


def test_it_does_not_wait_for_ever(now: list[float]) -> None:
    collecting = taken_over(now)
    gc.disable()
    made_since(TOO_MUCH)
    gc.enable()
    collecting.typed()
    collecting.rest()
    assert gc.get_count()[2] < ENOUGH
