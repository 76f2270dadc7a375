"""The executor's side of one node: what it is told, what is heard of it, and when it counts as lost.

One rule says that a node is lost: it has not answered for `node_lost_s` seconds. By then its agents have
ended, because it keeps them only as long as it hears that its answers arrive.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from abp_tui.domain.model import MAX_WORKERS
from abp_tui.errors import EngineUnavailable
from abp_tui.execution.engines import dask_relay
from abp_tui.execution.engines.dask_cluster import UNREACHABLE, Cluster, Unanswered
from abp_tui.execution.engines.dask_relay import Heard, Opened, Ticket
from abp_tui.execution.engines.wire import News, Ready, unpacked
from abp_tui.store.claims import Claim

OPEN_S = 60.0  # to start the node's process on a busy machine
PAUSE_S = 0.2  # between two tries
HURRIED_LOST_S = 2.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a node is heard of, in seconds, all by how long it may be silent."""

    lost_s: float

    @property
    def lease_s(self) -> float:
        """How long its agents live without a beat. Late by as much again, a beat is none: see `lost_s`."""
        return self.lost_s / 3

    @property
    def wait_s(self) -> float:
        """How long an answer is held back for want of news."""
        return min(2.0, self.lost_s / 10)

    @property
    def answer_s(self) -> float:
        """How long an answer is awaited."""
        return self.wait_s + self.lost_s / 4


class Listener(Protocol):
    """Who is told what comes of a node, on the event loop."""

    async def heard(self, node: Node, news: News) -> None:
        """News, each once and in order."""

    def left(self, node: Node, why: str) -> None:
        """It runs nothing any more."""


class Node:
    """One node with the claims that it has been given; those are the engine's to read and change."""

    def __init__(
        self, address: str, cluster: Cluster, ticket: Callable[[str], Ticket], rhythm: Rhythm
    ) -> None:
        self.address = address
        self.claims: dict[int, Claim] = {}
        self.slots = 0
        self.room = MAX_WORKERS  # of these slots, as far as the node is trusted
        self.others = 0
        self.host = self.boot_id = ""
        self.hurried = False
        self._cluster = cluster
        self._session = uuid.uuid4().hex
        self._ticket = ticket(self._session)
        self._rhythm = rhythm
        self._outbox: list[Callable[[], bytes]] = []
        self._posted = asyncio.Event()
        self._told = 0
        self._frames = 0  # heard so far
        self._beat = 0
        self._answered = time.monotonic()
        self._stopped = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def free(self) -> int:
        """How many more units it can run."""
        return max(0, min(self.slots - self.others, self.room) - len(self.claims))

    async def open(self, listener: Listener) -> None:
        """Begin a session; raises `EngineUnavailable` where the node can't run the job, or not be asked."""
        opened: Opened | None = await self._run(dask_relay.open_session, self._ticket, timeout=OPEN_S)
        if opened is None:
            await self.close()
            raise EngineUnavailable(f"the node {self.address} could not begin", "its log says why")
        if not isinstance(opened.answer, Ready):
            await self.close()
            raise EngineUnavailable(f"the node {self.address}: {opened.answer.message}", opened.answer.hint)
        self.host, self.boot_id, self.slots = opened.answer.host, opened.answer.boot_id, opened.slots
        self._answered = time.monotonic()
        loops = (self._talk(), self._listen(listener))
        self._tasks = [asyncio.create_task(self._guarded(each, listener)) for each in loops]

    def post(self, frame: Callable[[], bytes]) -> None:
        """Have a frame sent, after those before it; it is made in a thread. On the event loop."""
        self._outbox.append(frame)
        self._posted.set()

    def stop(self) -> None:
        """Neither tell nor listen any more."""
        self._stopped = True
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def close(self) -> None:
        """End the session, as far as the node can be reached."""
        self.stop()
        try:
            await self._run(dask_relay.close_session, self._session, timeout=dask_relay.END_WAIT_S)
        except Unanswered:
            return  # it ends by itself

    async def _guarded(self, loop: Any, listener: Listener) -> None:
        """A fault of ours, or one that a node has raised, is as bad as a node that is gone."""
        try:
            await loop
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            if self._stopped:
                return
            self.stop()
            self.slots = 0  # it is given nothing any more
            await self._end_agents()
            listener.left(self, f"{type(error).__name__}: {error}")

    async def _end_agents(self) -> None:
        """End the session; where that fails, wait until its agents have ended for want of a beat."""
        try:
            await self._run(dask_relay.close_session, self._session, timeout=dask_relay.END_WAIT_S)
        except (Exception, asyncio.CancelledError):  # Dask's calls end so, too, once it is closed
            if _is_cancelled():
                raise
            while not self._is_late():
                await asyncio.sleep(PAUSE_S)

    async def _talk(self) -> None:
        """Send what is posted; each lot again until it is known to have arrived."""
        while True:
            await self._posted.wait()
            self._posted.clear()
            outbox, self._outbox = self._outbox, []
            frames = await asyncio.to_thread(_made, outbox)
            self._told += 1
            while frames:
                try:
                    await self._run(
                        dask_relay.tell, self._session, self._told, frames, timeout=self._rhythm.answer_s
                    )
                    break
                except Unanswered:
                    await asyncio.sleep(PAUSE_S)  # whether it is lost is for the listening to say

    async def _listen(self, listener: Listener) -> None:
        """Fetch the news until the node is lost."""
        while True:
            try:
                heard: Heard | None = await self._run(
                    dask_relay.hear,
                    *(self._session, self._frames, self._beat, len(self.claims), self._rhythm.wait_s),
                    timeout=self._rhythm.answer_s,
                )
            except Unanswered as error:
                if self._is_late():
                    listener.left(self, error.message)
                    return
                await asyncio.sleep(PAUSE_S)
                continue
            if heard is None or (await self._take(heard, listener)).gone:
                listener.left(self, "the process of its agents has ended")
                return

    def _is_late(self) -> bool:
        bound = min(HURRIED_LOST_S, self._rhythm.lost_s) if self.hurried else self._rhythm.lost_s
        return time.monotonic() - self._answered > bound

    async def _take(self, heard: Heard, listener: Listener) -> Heard:
        self._answered = time.monotonic()
        self._beat, self.others = heard.beat, heard.others
        for number, body in enumerate(heard.bodies, heard.first):
            if number > self._frames:
                self._frames = number
                await listener.heard(self, unpacked(body))
        return heard

    async def _run(self, function: Callable[..., Any], *arguments: Any, timeout: float) -> Any:
        try:
            return await self._cluster.run(self.address, function, *arguments, timeout=timeout)
        except UNREACHABLE as error:
            why = str(error).partition("\n")[0] or "no answer"
            raise Unanswered(f"the node {self.address} does not answer: {why}") from error


def _is_cancelled() -> bool:
    """Whether somebody has cancelled the task that asks."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _made(outbox: Sequence[Callable[[], bytes]]) -> bytes:
    return b"".join(frame() for frame in outbox)
