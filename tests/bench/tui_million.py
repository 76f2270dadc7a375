"""The progress screen of a million units under a person's keys: each from the key to the whole paint."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.bench.machine import memory_mb
from tests.bench.result import Goal, Result, millis
from tests.bench.screen import PAINT_ENDS, Screen, abp_shown
from tests.bench.setting import Setting
from tests.bench.watched import WAITING_FIRST

ROUNDS, PAGES = 5, 100
ITEM = rb"item-(\d+)"


def measure(setting: Setting) -> Iterator[Result]:
    """Open it, jump to the end, show what failed, page through that; then the memory."""
    made, rounds = setting.watched(), setting.size(ROUNDS, 1)
    total = made.job.counters.total
    opened, jumped, filtered, paged, drawn = [], [], [], [], []
    with abp_shown(made) as screen:
        for _ in range(rounds):
            opened.append(screen.react(b"\r", rb"item-0\b"))
            screen.rest()
            jumped.append(screen.react(b"G", b"item-%d" % (total - 1)))
            screen.rest()
            filtered.append(screen.react(b"f", rb"item-%d\b" % _last_failed(total)))
            screen.rest()
            rows = _to_top(screen)
            for page in range(1, setting.size(PAGES, 5) + 1):
                first, whole = _page_down(screen, _failed(page * (rows - 1)))
                paged.append(first)
                drawn.append(whole)
            screen.rest()
            screen.react(b"\x1b", b"job-1")
            screen.rest()
        peak_mb = memory_mb(screen.pid, "VmHWM")
    row = f"{total:,} units"
    yield millis(f"{row}, open", opened, 200)
    yield millis(f"{row}, to the end", jumped, 50)
    yield millis(f"{row}, show failed", filtered, 200)
    yield millis(f"{row}, {len(paged)} pages", paged, 50, share=1)
    yield millis(f"{row}, pages read", drawn)
    yield Result(f"{row}, memory", f"{peak_mb:.0f} MB at its peak", "", peak_mb, Goal("<", 120, " MB"))


def _failed(index: int) -> int:
    """The number of the unit that failed as the `index`th."""
    return WAITING_FIRST + index // 10 * 100 + index % 10


def _last_failed(total: int) -> int:
    return total - 100 + 9


def _to_top(screen: Screen) -> int:
    """Go to the first unit; how many rows the list has."""
    start, _ = screen.send(b"g")
    screen.see(rb"item-%d\b" % _failed(0), start)
    screen.rest()
    return len(set(re.findall(ITEM, screen.since(start))))


def _page_down(screen: Screen, seq: int) -> tuple[float, float]:
    """Seconds to the first paint that follows, and to the one that shows the unit there, read."""
    start, at = screen.send(b"\x04")
    first = screen.see(re.escape(PAINT_ENDS), start, whole=False)
    return first.at - at, screen.see(rb"item-%d\b" % seq, start).at - at
