"""The slots: each takes a given attempt, runs it, and takes the next; their number can change meanwhile."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from math import ceil
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from abp_tui.workers.cancel import Cancel

AHEAD_BELOW_S = 0.2
LEAD_S = 0.03  # work for about as long as the writer needs from one round to the next
MOST_AHEAD = 8
RECENT = 20
JOIN_S = 0.2


class Numbered(Protocol):
    """What can be run: an attempt, known by its id."""

    @property
    def attempt_id(self) -> int:
        """The id of the attempt."""


WorkT = TypeVar("WorkT", bound=Numbered)
EndT = TypeVar("EndT")


class WorkerPool(Generic[WorkT, EndT]):
    """Runs attempts on up to `size` threads, and tells `done` of each with its end.

    What an end means is not for the pool to know.
    """

    def __init__(
        self, run: Callable[[WorkT, Cancel], EndT], done: Callable[[WorkT, EndT], object], size: int
    ) -> None:
        self._run = run
        self._done = done
        self._size = size
        self._lock = threading.Lock()
        self._queue: SimpleQueue[WorkT | None] = SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._given: dict[int, Cancel] = {}
        self._durations: deque[float] = deque(maxlen=RECENT)

    @property
    def running(self) -> frozenset[int]:
        """The attempts that are running or about to."""
        with self._lock:
            return frozenset(self._given)

    def demand(self) -> int:
        """How many more claims can be used now.

        Slots that run very short programs are given claims ahead, so that they need not wait for the disk
        between two; an agent's unit is claimed only when a slot is free for it.
        """
        with self._lock:
            return max(0, self._size * (1 + self._ahead()) - len(self._given))

    def give(self, works: Iterable[WorkT]) -> None:
        """Hand over attempts to be run."""
        with self._lock:
            for work in works:
                self._given[work.attempt_id] = Cancel()
                self._queue.put(work)
            while len(self._threads) < min(self._size, len(self._given)):
                self._start_thread()

    def resize(self, size: int) -> None:
        """Change the number of slots: more at once, fewer as their units finish."""
        with self._lock:
            self._size = size
            while len(self._threads) < min(size, len(self._given)):
                self._start_thread()

    def cancel(self, reason: str) -> None:
        """End all running attempts; those not begun end as soon as they begin."""
        for cancel in self._cancels():
            cancel.request(reason)

    def end(self, attempt_ids: Iterable[int], reason: str) -> None:
        """End these attempts for good: their units are not to be tried again."""
        with self._lock:
            cancels = [self._given[i] for i in attempt_ids if i in self._given]
        for cancel in cancels:
            cancel.request(reason, for_good=True)

    def hurry(self) -> None:
        """Have all attempts that are being ended be over now."""
        for cancel in self._cancels():
            cancel.hurry()

    def _cancels(self) -> list[Cancel]:
        with self._lock:
            return list(self._given.values())

    def close(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Let the threads end once they have run what they were given, and wait for them.

        `meanwhile` is called several times a second.
        """
        with self._lock:
            threads = list(self._threads)
            for _ in threads:
                self._queue.put(None)
        for thread in threads:
            while thread.is_alive():
                thread.join(JOIN_S)
                meanwhile()

    def _ahead(self) -> int:
        """How many claims a slot can have beside the one that it runs, by how long units take of late."""
        if len(self._durations) < RECENT:
            return 0
        mean_s = sum(self._durations) / RECENT
        return min(MOST_AHEAD, ceil(LEAD_S / mean_s)) if mean_s < AHEAD_BELOW_S else 0

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._slot, name=f"slot-{len(self._threads) + 1}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _slot(self) -> None:
        while (work := self._queue.get()) is not None:
            began = time.monotonic()
            with self._given[work.attempt_id] as cancel:
                end = self._run(work, cancel)
            leave = self._book(
                work, time.monotonic() - began
            )  # first, so that whoever reads of the end finds the slot free
            self._done(work, end)
            if leave:
                return

    def _book(self, work: WorkT, seconds: float) -> bool:
        """Book an attempt's end; says whether this slot is one too many now."""
        with self._lock:
            del self._given[work.attempt_id]
            self._durations.append(seconds)
            if len(self._threads) <= self._size:
                return False
            self._threads.discard(threading.current_thread())
            return True
