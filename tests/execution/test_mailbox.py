from __future__ import annotations

import threading
import time

from abp_tui.domain.model import Event, EventKind
from abp_tui.execution.mailbox import Mailbox

TALK = Event(kind=EventKind.TEXT, body="hm")


def test_nothing_comes_within_the_time() -> None:
    assert not Mailbox().collect(0.01)


def test_all_events_of_many_threads_are_collected_once_and_in_order() -> None:
    box = Mailbox()

    def talk(attempt_id: int) -> None:
        for n in range(500):
            box.events(attempt_id, [Event(kind=EventKind.TEXT, body=str(n))])

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    seen: dict[int, list[int]] = {n: [] for n in range(4)}
    while sum(map(len, seen.values())) < 2000:
        for attempt_id, _, event in box.collect(5).events:
            seen[attempt_id].append(int(event.body))
    assert all(found == list(range(500)) for found in seen.values())
    assert not box.collect(0.01)


def test_events_wait_a_moment_for_more_but_a_wake_does_not() -> None:
    box = Mailbox()
    box.events(1, [TALK])
    box.wake()
    began = time.monotonic()
    assert len(box.collect(5).events) == 1
    assert time.monotonic() - began < 5
