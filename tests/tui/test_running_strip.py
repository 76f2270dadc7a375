from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from textual.app import App, ComposeResult

from abp_tui.domain.model import Event, EventKind
from abp_tui.feed import RunningUnit
from abp_tui.tui.widgets.running_strip import RunningStrip


class Shown(App[None]):
    def compose(self) -> ComposeResult:
        yield RunningStrip()


@pytest.mark.parametrize("speaks", [True, False])
async def test_an_agent_that_is_quiet_for_long_is_told_by_its_idle_seconds(speaks: bool) -> None:
    now = datetime.now(UTC)
    said = Event(kind=EventKind.TEXT, body="reading", at=now - timedelta(seconds=45))
    quiet = RunningUnit(1, 3, "item-3", now - timedelta(seconds=80), said if speaks else None)
    busy = RunningUnit(2, 4, "item-4", now - timedelta(seconds=80), said.model_copy(update={"at": now}))
    async with Shown().run_test(size=(80, 10)) as pilot:
        strip = pilot.app.query_one(RunningStrip)
        strip.running = (quiet, busy)
        first, second = strip.render().plain.splitlines()[1:]
    assert f"idle {45 if speaks else 80} s" in first
    assert "1:20" in second and "idle" not in second


async def test_agents_that_there_is_no_room_for_are_counted() -> None:
    now = datetime.now(UTC)
    units = tuple(RunningUnit(n, n, f"item-{n}", now, None) for n in range(6))
    async with Shown().run_test(size=(80, 4)) as pilot:
        strip = pilot.app.query_one(RunningStrip)
        strip.running = units
        assert [line.split()[1] for line in strip.render().plain.splitlines()[1:3]] == ["item-0", "item-1"]
        assert strip.render().plain.splitlines()[3].strip() == "and 4 more"
        strip.running = units[:3]
        assert "item-2" in strip.render().plain and "more" not in strip.render().plain
