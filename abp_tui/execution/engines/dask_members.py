"""Which nodes are of use to a job: those that are there when it begins, and those that come later."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Protocol

from abp_tui.domain.failure import backoff
from abp_tui.errors import EngineUnavailable
from abp_tui.execution.engines.dask_cluster import CLOSE_S, UNREACHABLE, Cluster, Unanswered
from abp_tui.execution.engines.dask_node import Listener, Node

LOOK_S = 1.0
RETURN_S = 1.0  # until a node that has failed is begun with again; doubled with each time in a row
CAUTION = 8  # by how much fewer units it is given then; doubled with each that ends well
MOST_FAULTS = 5  # in a row, after which a node has had its chances
MOST_NODES = 400  # each takes one of the scheduler's connections all the time, of 512 by default


class Owner(Listener, Protocol):
    """Who gives the nodes their work, and is told of them on the event loop."""

    def joined(self, node: Node) -> None:
        """A node can be given claims."""

    def known(self) -> Collection[str]:
        """Where the nodes are that can be given claims."""

    def note(self, words: str) -> None:
        """Have something be said in the job's log."""

    def woken(self) -> None:
        """The executor is to look again."""


class Returns:
    """Which nodes that have failed may be begun with again: later each time, after `MOST_FAULTS` never."""

    def __init__(self) -> None:
        self._faults: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}

    @property
    def out(self) -> set[str]:
        """The nodes that have had their chances."""
        return {address for address, faults in self._faults.items() if faults >= MOST_FAULTS}

    def failed(self, address: str) -> bool:
        """Take note of a failure; says whether it was the last one."""
        self._faults[address] += 1
        faults = self._faults[address]
        self._not_before[address] = time.monotonic() + backoff(faults, jitter=1.0, base_s=RETURN_S)
        return faults == MOST_FAULTS

    def well(self, address: str) -> None:
        """Forget the failures of a node: a unit has ended well there."""
        self._faults.pop(address, None)
        self._not_before.pop(address, None)

    def room(self, address: str, slots: int) -> int:
        """How many of a node's slots to use at first: a unit that ends nodes takes few others along then."""
        return max(1, slots // CAUTION ** self._faults[address]) if self._faults[address] else slots

    def may(self, address: str) -> bool:
        """Whether this node may be begun with now."""
        return self._faults[address] < MOST_FAULTS and time.monotonic() >= self._not_before.get(address, 0.0)


class Members:
    """Opens a session on each node, and watches whether the scheduler is there. On the event loop."""

    def __init__(
        self, cluster: Cluster, new_node: Callable[[str], Node], owner: Owner, lost_s: float
    ) -> None:
        self._cluster = cluster
        self._new_node = new_node
        self._owner = owner
        self._patience_s = lost_s / 2
        self._refused: set[str] = set()
        self._opening: dict[str, asyncio.Task[EngineUnavailable | None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._ending = False
        self._returns = Returns()
        self.scheduler_gone: str | None = None
        self.none_left: str | None = None

    async def begin(self) -> None:
        """Begin with all that are there; raises `EngineUnavailable` where all refuse."""
        try:
            addresses = await self._cluster.addresses()
        except UNREACHABLE as error:
            raise EngineUnavailable(f"the scheduler at {self._cluster.name} is gone: {error}") from error
        answers = await asyncio.gather(*map(self._admit, addresses[:MOST_NODES]))
        refusals = [each for each in answers if each and not isinstance(each, Unanswered)]
        if refusals and not self._owner.known():
            raise refusals[0]
        self._watch = asyncio.create_task(self._watch_scheduler())

    async def end(self, nodes: Sequence[Node]) -> None:
        """Admit nobody more, and let go of these."""
        self._ending = True
        for task in (self._watch, *self._opening.values()):
            if task is not None:
                task.cancel()
        for node in nodes:
            node.stop()
        if self.scheduler_gone is None:
            with suppress(TimeoutError):  # a node that does not answer ends its session by itself
                await asyncio.wait_for(asyncio.gather(*(node.close() for node in nodes)), CLOSE_S)

    def lost(self, address: str) -> None:
        """A node that was begun with is lost, or could not begin."""
        if self._returns.failed(address):
            self._owner.note(f"left out of this run: {_too_often(address)}")

    def well(self, address: str) -> None:
        """A unit has ended well on a node."""
        self._returns.well(address)

    def room(self, address: str, slots: int) -> int:
        """How many of its slots a node may use at first."""
        return self._returns.room(address, slots)

    async def _admit(self, address: str) -> EngineUnavailable | None:
        """Open a session on a node; returns why it can't be had, if so."""
        node = self._new_node(address)
        try:
            await self._cluster.check_versions(address)
            await node.open(self._owner)
        except (*UNREACHABLE, Unanswered) as error:  # it is asked again as long as the scheduler knows it
            return Unanswered(f"the node {address} does not answer: {error}")
        except EngineUnavailable as problem:
            return self._leave_aside(address, problem)
        except Exception as error:  # noqa: BLE001 - what a node raises may be anything
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            words = f"the node {address} could not begin: {why}"
            return self._leave_aside(address, EngineUnavailable(words, "its log says why"))
        self._owner.joined(node)
        return None

    def _leave_aside(self, address: str, problem: EngineUnavailable) -> EngineUnavailable:
        self._refused.add(address)
        self._owner.note(f"left aside: {problem}")
        self.lost(address)
        return problem

    async def _watch_scheduler(self) -> None:
        """Admit nodes that come, and see whether the scheduler is there, until that is lost for good."""
        answered = time.monotonic()
        while True:
            try:
                addresses = await self._cluster.addresses()
                answered = time.monotonic()
            except (*UNREACHABLE, asyncio.CancelledError) as error:
                if self._ending:
                    return
                if time.monotonic() - answered > self._patience_s:
                    why = str(error).partition("\n")[0] or "no answer"
                    self.scheduler_gone = f"the scheduler at {self._cluster.name} is lost: {why}"
                    self._owner.woken()
                    return
            else:
                self._admit_new(addresses)
                self._look_for_hope(addresses)
            await asyncio.sleep(LOOK_S)

    def _admit_new(self, addresses: list[str]) -> None:
        """Begin with nodes that have come; one that does not answer holds no other back."""
        self._refused &= set(addresses)
        self._opening = {address: task for address, task in self._opening.items() if not task.done()}
        known = {*self._owner.known(), *self._refused, *self._opening}
        room = MOST_NODES - len(self._owner.known()) - len(self._opening)
        for address in [each for each in addresses if each not in known and self._returns.may(each)][:room]:
            self._opening[address] = asyncio.create_task(self._admit(address))

    def _look_for_hope(self, addresses: list[str]) -> None:
        """See whether of the nodes that are there one can still be of use, if some were left out."""
        out = self._returns.out.intersection(addresses)
        if out and not self._owner.known() and out.issuperset(set(addresses) - self._refused):
            why = _too_often(next(each for each in addresses if each in out))
            self.none_left = f"no node is left for it at {self._cluster.name}: {why}"
            self._owner.woken()


def _too_often(address: str) -> str:
    return f"the node {address} failed {MOST_FAULTS} times in a row, and no unit ended well on it in between"
