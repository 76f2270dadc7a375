"""What a node's side does where something goes wrong that nobody thought of. No cluster is there."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from abp_tui.execution.engines import dask_relay
from abp_tui.execution.engines.dask_node import Node, Rhythm
from abp_tui.execution.engines.dask_relay import Heard, Opened
from abp_tui.execution.engines.wire import News, Ready

PATIENCE_S = 20.0


class Script:
    """A cluster of one node, and who listens to it: what is asked and told, in order."""

    def __init__(self, closing: Callable[[], object] = lambda: None) -> None:
        self.told: list[str] = []
        self.left_behind = asyncio.Event()
        self.go_on = asyncio.Event()
        self._closing = closing

    async def run(self, _address: str, function: Any, *_arguments: Any, timeout: float) -> Any:
        if function is dask_relay.open_session:
            return Opened(Ready("host", "boot"), 4)
        if function is dask_relay.close_session:
            self.told.append("closing")
            await self.go_on.wait()
            self._closing()
            self.told.append("closed")
            return None
        return Heard(1, 1, [pickle.dumps(News(0.0, [], [], [], []))], 0, False)

    async def heard(self, _node: Node, _news: News) -> None:
        raise KeyError("a fault of ours")

    def left(self, node: Node, why: str) -> None:
        node.stop()
        self.told.append(f"left: {why}")
        self.left_behind.set()


async def faulty_node(script: Script, lost_s: float) -> Node:
    cluster: Any = script
    node = Node("a", cluster, lambda session: SimpleNamespace(session=session), Rhythm(lost_s))  # type: ignore[arg-type,return-value]
    await node.open(script)
    async with asyncio.timeout(PATIENCE_S):
        while not script.told:
            await asyncio.sleep(0.01)
    return node


async def test_after_a_fault_its_agents_have_ended_before_its_units_start_over() -> None:
    script = Script()
    node = await faulty_node(script, 3600.0)
    assert (script.told, node.free) == (["closing"], 0)
    script.go_on.set()
    await asyncio.wait_for(script.left_behind.wait(), PATIENCE_S)
    assert script.told[1] == "closed"
    assert script.told[2].endswith("a fault of ours'")
    assert len(script.told) == 3


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("its fault"), asyncio.CancelledError()])
async def test_where_they_cannot_be_ended_they_have_the_time_to_end_by_themselves(
    error: BaseException,
) -> None:
    def fail() -> None:
        raise error

    script = Script(fail)
    script.go_on.set()
    node = await faulty_node(script, 0.5)
    await asyncio.wait_for(script.left_behind.wait(), PATIENCE_S)
    assert node._is_late()
    assert len(script.told) == 2


async def test_who_lets_go_of_a_node_meanwhile_does_not_hear_of_it() -> None:
    script = Script()
    node = await faulty_node(script, 3600.0)
    node.stop()
    await asyncio.wait_for(asyncio.gather(*node._tasks, return_exceptions=True), PATIENCE_S)
    assert script.told == ["closing"]
