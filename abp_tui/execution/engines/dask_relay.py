"""What runs within a Dask worker: starts a node's process for an executor and passes messages to and fro.

These functions are called by `Client.run`, on the worker's event loop, so nothing here blocks: the agents and
all that is done for them are in the node's own process. Each call names its session; a call that is repeated,
because its answer was lost, does nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from abp_tui.execution.engines.wire import Beat, Opening, packed, read_body, unpacked, write_all
from abp_tui.execution.watchdog import MARK as EXECUTOR_MARK
from abp_tui.workers.spawn import environment, start

NODE = "abp_tui.execution.engines.node"
MOST_AHEAD_BYTES = 64 * 1024 * 1024  # news that the executor has not fetched; the node waits then
MOST_AT_ONCE_BYTES = 4 * 1024 * 1024
AGENT_BYTES = 400 * 1024 * 1024  # what an agent takes at most, as a rule
AGENTS_PER_THREAD = 16  # they wait for a model most of their time
END_WAIT_S = 10.0
FORGET_S = 600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a session is opened with. `job` tells the sessions of one job from others: only one may live."""

    session: str
    job: str
    environment: Mapping[str, str] = field(repr=False)  # Dask logs the arguments of a call that failed
    most_slots: int
    opening: Opening = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A node that can run units, or the words by which it refused (`answer` is `Ready` or `Refused`)."""

    answer: Any
    slots: int


@dataclass(frozen=True, slots=True)
class Heard:
    """News, as bodies of frames from number `first` on. `others` run here for other executors."""

    beat: int
    first: int
    bodies: list[bytes]
    others: int
    gone: bool


async def open_session(ticket: Ticket, dask_worker: Any) -> Opened | None:
    """Start a node's process, once the sessions of the same job have ended; None where it died at once."""
    for session, relay in list(_relays.items()):
        if relay.job == ticket.job and session != ticket.session:
            await close_session(session)
    slots = min(ticket.most_slots, slots_of(dask_worker))
    relay = _relays.get(ticket.session) or _begin(ticket, slots)
    first = await relay.first_answer()
    return None if first is None else Opened(unpacked(first), slots)


async def tell(session: str, number: int, frames: bytes) -> bool:
    """Pass frames on to the node, unless those of this number have been; says whether it is there."""
    relay = _relays.get(session)
    if relay is None or relay.gone:
        return False
    relay.pass_on(number, frames)
    return True


async def hear(session: str, acknowledged: int, beat: int, mine: int, wait_s: float) -> Heard | None:
    """The news behind frame `acknowledged`, after waiting up to `wait_s` for some; None: no such session.

    `beat` is that of the last answer: it proves that the executor lives and hears. It has `mine` units here.
    """
    relay = _relays.get(session)
    return None if relay is None else await relay.hear(acknowledged, beat, mine, wait_s)


async def close_session(session: str) -> None:
    """Have the node's process end, with all that runs in it, and wait for that a while."""
    relay = _relays.pop(session, None)
    if relay is not None:
        await relay.close()


def slots_of(dask_worker: Any) -> int:
    """How many agents may run side by side here: the resource `abp_slots`, else by memory and threads."""
    state = dask_worker.state
    if (named := state.total_resources.get("abp_slots")) is not None:
        return max(0, int(named))
    by_threads = AGENTS_PER_THREAD * int(state.nthreads)
    limit = dask_worker.memory_manager.memory_limit
    return max(1, min(by_threads, int(limit // AGENT_BYTES)) if limit else by_threads)


def _begin(ticket: Ticket, slots: int) -> _Relay:
    relay = _relays[ticket.session] = _Relay(ticket, slots)
    return relay


class _Relay:
    """One session: the node's process, what it has said, what it is to be told."""

    def __init__(self, ticket: Ticket, slots: int) -> None:
        self.job = ticket.job
        self.gone = False
        self.mine = 0
        self._beat = 0
        self._told = 0
        self._loop = asyncio.get_running_loop()
        self._news, self._over = asyncio.Event(), asyncio.Event()
        self._bodies: deque[bytes] = deque()
        self._first = 1  # the number of the first of them
        self._answer: bytes | None = None
        self._room = threading.Condition()
        self._held = 0  # bytes
        self._writer = ThreadPoolExecutor(1, "abp-tell")
        self._inlet, self._outlet, self._process = _start(ticket.environment)
        threading.Thread(target=self._read, name="abp-news", daemon=True).start()
        self._send(packed(replace(ticket.opening, slots=slots)))

    async def first_answer(self) -> bytes | None:
        """What the node says to the opening; None where it ended instead."""
        while self._answer is None and not self.gone:
            await self._news.wait()
            self._news.clear()
        return self._answer

    def pass_on(self, number: int, frames: bytes) -> None:
        """Send frames to the node, those of each number once."""
        if number > self._told:
            self._told = number
            self._send(frames)

    async def hear(self, acknowledged: int, beat: int, mine: int, wait_s: float) -> Heard:
        """See the function of this name."""
        self._forget(acknowledged)
        self.mine = mine
        if beat == self._beat:  # the executor has had our last answer
            self._send(packed(Beat()))
        self._beat += 1
        if not self._bodies and not self.gone:
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait_s)
        others = sum(relay.mine for relay in _relays.values()) - self.mine
        return Heard(self._beat, self._first, self._some(), others, self.gone and not self._bodies)

    async def close(self) -> None:
        """Say no more to the node, which therefore ends."""
        self.gone = True
        self._writer.submit(os.close, self._inlet)
        self._writer.shutdown(wait=False)
        with self._room:
            self._held = 0
            self._room.notify()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), END_WAIT_S)

    def _some(self) -> list[bytes]:
        """The first of the news, and as many more as make a message of moderate size."""
        some, size = [], 0
        for body in self._bodies:
            some.append(body)
            size += len(body)
            if size > MOST_AT_ONCE_BYTES:
                break
        return some

    def _forget(self, acknowledged: int) -> None:
        with self._room:
            while self._bodies and self._first <= acknowledged:
                self._held -= len(self._bodies.popleft())
                self._first += 1
            self._room.notify()

    def _send(self, frames: bytes) -> None:
        if not self.gone:
            self._writer.submit(self._write, frames)

    def _write(self, frames: bytes) -> None:
        with suppress(OSError):  # it has ended: the reader sees that, too
            write_all(self._inlet, frames)

    def _read(self) -> None:
        """Runs in a thread of its own until the node's process has ended."""
        while (body := read_body(self._outlet)) is not None:
            with self._room:
                self._room.wait_for(lambda: self._held < MOST_AHEAD_BYTES or self.gone)
                self._held += len(body)
            self._loop.call_soon_threadsafe(self._arrived, body)
        os.close(self._outlet)
        self._process.wait()
        with suppress(RuntimeError):  # the worker's loop has ended, too
            self._loop.call_soon_threadsafe(self._ended)

    def _arrived(self, body: bytes) -> None:
        if self._answer is None:
            self._answer = body
        else:
            self._bodies.append(body)
        self._news.set()

    def _ended(self) -> None:
        self.gone = True
        self._news.set()
        self._over.set()
        self._loop.call_later(FORGET_S, self._drop)

    def _drop(self) -> None:
        for session in [session for session, relay in _relays.items() if relay is self]:
            del _relays[session]


_relays: dict[str, _Relay] = {}


def _start(variables: Mapping[str, str]) -> tuple[int, int, Any]:
    """A node's process with these variables over those of this one; our ends of its stdin and stdout.

    It is none of the agents of an executor that this worker belongs to: that one's watchdog would end it and
    its own watchdog at once, and nobody its agents.
    """
    own = {name: value for name, value in os.environ.items() if name != EXECUTOR_MARK}
    source, inlet = os.pipe()
    outlet, drain = os.pipe()
    try:
        argv = [sys.executable, "-P", "-m", NODE]
        env = environment({**own, **variables})
        return inlet, outlet, start(argv, "/", env, source, drain, 2)
    finally:
        os.close(source)
        os.close(drain)
