"""Units on the nodes of a Dask cluster, its connections those of Dask: only their ends are the executor's.

The executor's thread gives claims and orders; one thread with an event loop talks with the nodes. What the
two share, the claims that each node has, is under one lock. A claim that is no node's any more is over: what
comes of it later is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from types import TracebackType

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import MAX_WORKERS, Event, EventKind, Outcome, Placement, Usage
from abp_tui.domain.status import Purpose
from abp_tui.errors import AbpError, InvalidInput
from abp_tui.execution.attempt import Ended
from abp_tui.execution.engines.base import Engine, Stage
from abp_tui.execution.engines.dask_cluster import Cluster, travelling
from abp_tui.execution.engines.dask_members import Members
from abp_tui.execution.engines.dask_node import Node, Rhythm
from abp_tui.execution.engines.dask_relay import Ticket
from abp_tui.execution.engines.local import LocalEngine
from abp_tui.execution.engines.shipping import MB, keep, parcel
from abp_tui.execution.engines.wire import CancelAll, End, Hurry, News, Opening, Over, packed
from abp_tui.paths import artifacts_folder
from abp_tui.store.claims import Claim, Started
from abp_tui.words import counted

CLOSE_LOOK_S = 0.2
LOOPBACK = ("tcp://127.", "tcp://[::1]", "tcp://localhost:")

log = logging.getLogger(__name__)


class DaskCluster:
    """The cluster that a placement names, connected to for as long as this context lasts."""

    away = True

    def __init__(self, placement: Placement) -> None:
        self._cluster = Cluster(placement)

    def __enter__(self) -> DaskCluster:
        self._cluster.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.close()

    def engine(self, stage: Stage) -> Engine:
        """The engine of one job on all nodes that are there; raises `EngineUnavailable` where all refuse."""
        engine = DaskEngine(stage, self._cluster)
        engine.begin()
        return engine


class DaskEngine:
    """Runs the claims of one job on the nodes of a cluster; a synthesis step here, where its results are."""

    def __init__(self, stage: Stage, cluster: Cluster) -> None:
        placement = stage.job.placement
        self._stage = stage
        self._cluster = cluster
        self._rhythm = Rhythm(placement.node_lost_s)
        self._most_bytes = int(placement.ship_files_mb * MB)
        self._here = LocalEngine(stage.runners.run, stage.ended, 1)
        self._lock = threading.Lock()
        self._size = stage.size
        self._nodes: dict[str, Node] = {}
        self._closing = False
        self._variables = travelling(os.environ)
        self._members = Members(cluster, self._new_node, self, self._rhythm.lost_s)

    def begin(self) -> None:
        """Open a session on each node that is there; raises `EngineUnavailable` where all refuse."""
        self._cluster.call(self._members.begin())
        self._stage.mailbox.note(self._summary())

    # For the executor's thread

    @property
    def running(self) -> frozenset[int]:
        """The attempts that are running or about to."""
        with self._lock:
            away = {attempt for node in self._nodes.values() for attempt in node.claims}
        return self._here.running | away

    def demand(self) -> int:
        """How many more claims can be used now."""
        with self._lock:
            free = sum(node.free for node in self._nodes.values())
            given = sum(len(node.claims) for node in self._nodes.values()) + len(self._here.running)
        return max(0, min(self._size - given, free))

    def give(self, works: Iterable[Claim]) -> None:
        """Hand over claims, each to the node with the most room."""
        homeless: list[Claim] = []
        for claim in works:
            if claim.purpose is Purpose.POST:
                self._here.give([claim])
            elif not self._place(claim):
                homeless.append(claim)
        for claim in homeless:  # their node was lost a moment ago
            self._stage.ended(claim, _interrupted("no node has room any more"))

    def resize(self, size: int) -> None:
        """Change how many run side by side."""
        with self._lock:
            self._size = size

    def cancel(self, reason: str) -> None:
        """End all running attempts."""
        self._here.cancel(reason)
        self._to_all(CancelAll(reason))

    def end(self, attempt_ids: Iterable[int], reason: str) -> None:
        """End these attempts for good."""
        ids = list(attempt_ids)
        self._here.end(ids, reason)
        with self._lock:
            where = [(node, i) for i in ids for node in self._nodes.values() if i in node.claims]
        for node, attempt in where:
            self._post(node, End(attempt, reason))

    def hurry(self) -> None:
        """Have all attempts that are being ended be over now; a silent node is not waited for."""
        self._here.hurry()
        with self._lock:
            for node in self._nodes.values():
                node.hurried = True
        self._to_all(Hurry())

    def close(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait until all that was given has ended, then let go of the nodes and of the cluster."""
        self._here.close(meanwhile)
        while self.running:
            time.sleep(CLOSE_LOOK_S)
            meanwhile()
        self._cluster.call(self._end())
        self._cluster.close()

    def lacks(self) -> str | None:
        """A node, where none is there."""
        with self._lock:
            return None if self._nodes else f"no node is there for it at {self._cluster.name}"

    def lost(self) -> str | None:
        """That the scheduler is gone, or all nodes were lost too often."""
        return self._members.scheduler_gone or self._members.none_left

    # On the event loop

    async def heard(self, node: Node, news: News) -> None:
        """Leave what has come for the writer; of attempts that are not this node's (any more), nothing."""
        shift = time.time() - news.sent_at  # its clock may be another
        box = self._stage.mailbox
        box.forward(
            [(i, at + shift, event) for i, at, event in news.events if i in node.claims],
            [(i, session) for i, session in news.sessions if i in node.claims],
            [started for started in news.started if started.attempt_id in node.claims],
        )
        for over in news.over:
            if over.attempt_id in node.claims:
                await self._over(node, over)

    def joined(self, node: Node) -> None:
        """A node can be given claims."""
        node.room = self._members.room(node.address, node.slots)
        with self._lock:
            self._nodes[node.address] = node
        self._stage.mailbox.wake()

    def known(self) -> Collection[str]:
        """Where the nodes are that can be given claims."""
        return self._nodes.keys()

    def note(self, words: str) -> None:
        """Have something be said in the job's log."""
        log.warning("%s", words)
        self._stage.mailbox.note(words, "warning")

    def woken(self) -> None:
        """The executor is to look again."""
        self._stage.mailbox.wake()

    def left(self, node: Node, why: str) -> None:
        """A node is lost: its units wait again, and nothing that may still come of them counts."""
        node.stop()
        with self._lock:
            if self._nodes.get(node.address) is node:
                del self._nodes[node.address]
            claims, node.claims = list(node.claims.values()), {}
        if not self._closing:
            units = (
                f"{counted(len(claims), 'unit')} of it start over elsewhere" if claims else "it ran nothing"
            )
            self.note(f"a node is lost, {units}: {why}")
            self._members.lost(node.address)
        for claim in claims:
            self._stage.ended(claim, self._lost_with(node, why, alone=len(claims) == 1))

    def _lost_with(self, node: Node, why: str, *, alone: bool) -> Ended:
        """What became of a unit by the loss of its node, which is no loss where all is given up anyway."""
        given_up = self._closing or node.hurried or self._members.scheduler_gone is not None
        kind = FailureKind.INTERRUPTED if given_up else FailureKind.NODE_LOST
        return Ended(Outcome.failed(kind, f"its node is lost: {why}"), alone=alone)

    async def _over(self, node: Node, over: Over) -> None:
        claim = node.claims[over.attempt_id]
        if over.files or over.kept_back:
            kept = await asyncio.to_thread(self._keep, claim, over)
            if node.claims.get(over.attempt_id) is not claim:
                return  # the node was lost meanwhile
            self._stage.mailbox.events(claim.attempt_id, [kept])
        self._finish(node, claim, over.ended)

    def _keep(self, claim: Claim, over: Over) -> Event:
        """Keep files that a unit has changed beside the database; returns what to say in its conversation."""
        folder = artifacts_folder(self._stage.database, self._stage.job.id)
        try:
            kept = keep(over.files, folder / f"unit-{claim.seq}" / f"attempt-{claim.number}")
        except (OSError, AbpError) as error:
            kept, problem = [], f"can't be kept: {error}"
        else:
            problem = f"too large to come back: {over.kept_back}" if over.kept_back else ""
        words = "\n".join([*map(str, kept), *([problem] if problem else [])])
        return Event(kind=EventKind.NOTICE, title="files changed", body=words, is_error=bool(problem))

    def _summary(self) -> str:
        """What there is to run on, and how what travels to it is kept."""
        nodes, slots = len(self._nodes), sum(node.slots for node in self._nodes.values())
        words = f"{counted(nodes, 'node')} with {counted(slots, 'slot')} at {self._cluster.name}"
        open_ones = [address for address in self._nodes if not address.startswith("tls:")]
        if not open_ones:
            return words
        warned = f"{words}; prompts and keys travel unencrypted, as its connections are"
        if all(address.startswith(LOOPBACK) for address in open_ones):
            return f"{warned}, and other users of this machine can run code through them"
        return warned

    def _new_node(self, address: str) -> Node:
        return Node(address, self._cluster, self._ticket, self._rhythm)

    def _ticket(self, session: str) -> Ticket:
        stage = self._stage
        opening = Opening(stage.job, stage.store_uuid, 0, self._rhythm.lease_s)
        job = f"{stage.store_uuid}:{stage.job.id}"
        return Ticket(session, job, self._variables, MAX_WORKERS, opening)

    async def _end(self) -> None:
        self._closing = True
        with self._lock:
            nodes, self._nodes = list(self._nodes.values()), {}
        await self._members.end(nodes)

    # On either

    def _place(self, claim: Claim) -> bool:
        """Give the claim to the node with the most room; False where none has any."""
        with self._lock:
            node = max(self._nodes.values(), key=lambda node: node.free, default=None)
            if node is None or not node.free:
                return False
            node.claims[claim.attempt_id] = claim
        there = Started(claim.attempt_id, host=node.host, boot_id=node.boot_id)
        self._stage.mailbox.forward(started=[there])
        self._cluster.soon(node.post, partial(self._parcel, node, claim))
        return True

    def _parcel(self, node: Node, claim: Claim) -> bytes:
        """The claim's frame; nothing where its file can't travel, and it has failed."""
        try:
            return packed(parcel(claim, self._stage.job.cwd, self._most_bytes))
        except (InvalidInput, OSError, ValueError) as error:
            nothing = Usage(cost_usd=0.0)
            failed = Outcome.failed(FailureKind.BAD_INPUT, str(error), usage=nothing)
            self._finish(node, claim, Ended(failed))
            return b""

    def _finish(self, node: Node, claim: Claim, ended: Ended) -> None:
        """Tell of an end, unless the claim is not this node's any more."""
        with self._lock:
            if node.claims.pop(claim.attempt_id, None) is None:
                return
        if ended.outcome.ok:
            self._members.well(node.address)
            node.room = min(MAX_WORKERS, 2 * node.room)
        self._stage.ended(claim, ended)

    def _to_all(self, message: object) -> None:
        with self._lock:
            nodes = list(self._nodes.values())
        for node in nodes:
            self._post(node, message)

    def _post(self, node: Node, message: object) -> None:
        self._cluster.soon(node.post, partial(packed, message))


def _interrupted(why: str) -> Ended:
    return Ended(Outcome.failed(FailureKind.INTERRUPTED, why))
