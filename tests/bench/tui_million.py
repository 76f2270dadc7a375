"""The progress screen of a million units under a person's keys: each from the key to the whole paint."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench.machine import memory_mb
from tests.bench.result import MEMORY, Result, millis
from tests.bench.screen import Screen, abp_shown
from tests.bench.setting import Setting
from tests.bench.watched import WAITING_FIRST

ROUNDS = 21  # the first of them, before anything is in memory, is told apart
PAGED, PAGES = 5, 100  # rounds with pages, and how many


def measure(setting: Setting) -> Iterator[Result]:
    """Open it, jump to the end, show what failed, page through that; then the memory."""
    made, rounds = setting.watched(), setting.size(ROUNDS, 2)
    total = made.job.counters.total
    opened, jumped, filtered, paged, drawn = [], [], [], [], []
    with abp_shown(made) as screen:
        for n in range(rounds):
            opened.append(screen.react(b"\r", "item-0 "))
            screen.rest()
            jumped.append(screen.react(b"G", f"item-{total - 1} "))
            screen.rest()
            filtered.append(screen.react(b"f", f"item-{_last_failed(total)} "))
            screen.rest()
            for seq in _pages(screen, setting.size(PAGES, 5)) if n < PAGED else ():
                began = time.monotonic()
                paged.append(screen.repaint(b"\x04"))
                drawn.append(screen.see(f"item-{seq} ", since=began))
            screen.repaint(b"\x1b")  # all units again
            screen.rest()
            screen.react(b"\x1b", "job-48 ")
            screen.rest()
        peak_mb = memory_mb(screen.pid, "VmHWM")
    row = f"{total:,} units"
    for act, times, bound in (
        ("open", opened, 200),
        ("to the end", jumped, 50),
        ("show failed", filtered, 200),
    ):
        yield millis(f"{row}, {act}, the first time", times[:1])
        yield millis(f"{row}, {act}", times[1:], bound, share=0.95)
    yield millis(f"{row}, {len(drawn)} pages", drawn, 50, share=1)
    yield millis(f"{row}, {len(paged)} pages, first paint", paged)
    yield Result(f"{row}, memory", f"{peak_mb:.0f} MB at its peak", "", peak_mb, MEMORY)


def _failed(index: int) -> int:
    """The number of the unit that failed as the `index`th."""
    return WAITING_FIRST + index // 10 * 100 + index % 10


def _last_failed(total: int) -> int:
    return total - 100 + 9


def _pages(screen: Screen, count: int) -> Iterator[int]:
    """Go to the last row of the first page; the unit under the cursor at the end of each page from there."""
    screen.react(b"g", f"item-{_failed(0)} ")
    screen.rest()
    rows = screen.text.count("item-")
    screen.repaint(b"\x04")
    screen.rest()
    yield from (_failed(page * (rows - 1)) for page in range(2, count + 2))
