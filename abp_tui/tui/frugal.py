"""Painting over a slow line: of what is drawn anew, only the cells that differ from those there are sent.

Textual sends a widget whole each time that anything in it changes. This stands between its compositor and
its driver, both of which it knows only by `App._display`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.control import Control
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

Row = dict[int, Strip]


class Sent:
    """What stands on the terminal. A whole paint is sent whole, and so mends what others wrote."""

    def __init__(self) -> None:
        self._painter: object = None
        self._rows: dict[int, Row] = {}

    def less(self, painter: object, update: RenderableType | None) -> RenderableType | None:
        """The update without what the terminal shows already; `painter` is the screen that it is of."""
        _break_circles(update)
        if isinstance(update, ChopsUpdate) and painter is self._painter:
            less = _Less(update, self._rows)
            return less if less else None
        if update is not None:
            self._painter = painter
            self._rows.clear()
        return _Whole(update, self._rows) if isinstance(update, LayoutUpdate) else update


def _break_circles(update: RenderableType | None) -> None:
    """Have each strip forget that it is the one part that it was divided into.

    Textual keeps a strip's parts with it, and so many a strip with itself: forty of a page of a list, which
    only a full collection of garbage would find.
    """
    rows: Sequence[Iterable[Strip | None]] = ()
    if isinstance(update, ChopsUpdate):
        rows = [update.chops[y].values() for y, _, _ in update.spans]
    elif isinstance(update, LayoutUpdate):
        rows = update.strips
    for strip in chain.from_iterable(rows):
        if strip is not None:
            strip._divide_cache.clear()


class _Whole(CompositorUpdate):
    """All there is to see. Only once it is rendered it counts as sent: Textual drops some updates."""

    def __init__(self, update: LayoutUpdate, rows: dict[int, Row]) -> None:
        self._update = update
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The update, as Rich would print it."""
        yield self._update

    def render_segments(self, console: Console) -> str:
        """The sequences to write."""
        for y, strips in enumerate(self._update.strips, self._update.region.y):
            row, x = self._rows.setdefault(y, {}), self._update.region.x
            for strip in strips:
                row[x] = strip
                x += strip.cell_length
        return self._update.render_segments(console)


class _Less(CompositorUpdate):
    """What a part differs in. It, too, counts as sent once it is rendered."""

    def __init__(self, update: ChopsUpdate, rows: dict[int, Row]) -> None:
        self._update = update
        self._rows = rows
        self._after = {y: dict(rows.get(y, {})) for y, _, _ in update.spans}
        self._changes = list(self._find())

    def __bool__(self) -> bool:
        return bool(self._changes)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The update whole, as Rich would print it."""
        yield self._update

    def render_segments(self, console: Console) -> str:
        """The sequences to write."""
        self._rows.update(self._after)
        return "".join(
            Control.move_to(x, y).segment.text + Strip(segments).render(console)
            for x, y, segments in self._changes
        )

    def _find(self) -> Iterator[tuple[int, int, Sequence[Segment]]]:
        for y, x1, x2 in self._update.spans:
            pieces = zip(self._update.chop_ends[y], self._update.chops[y].items(), strict=False)
            for end, (x, strip) in pieces:
                if strip is None or x > x2 or end <= x1:
                    continue
                skipped, changed = _put(self._after[y], x, strip.crop(0, min(end, x2) - x))
                if changed:
                    yield x + skipped, y, changed


def _put(row: Row, x: int, strip: Strip) -> tuple[int, Sequence[Segment]]:
    """Note that a strip stands there now; how many cells at its start did so before, and what to send."""
    before, width = row.get(x), strip.cell_length
    if before is not None and before.cell_length == width:
        row[x] = strip
        return difference(list(before), list(strip))
    for other in [o for o in row if o < x + width and o + row[o].cell_length > x]:
        del row[other]
    row[x] = strip
    return 0, list(strip)


def difference(before: list[Segment], now: list[Segment]) -> tuple[int, list[Segment]]:
    """Of two lines of one length: how many cells are the same at the start, and the segments up to the end
    of the last that is not."""
    skipped = 0
    while before and now and before[0] == now[0]:
        skipped += now.pop(0).cell_length
        before.pop(0)
    while before and now and before[-1] == now[-1]:
        now.pop()
        before.pop()
    if before and now and _comparable(before[0], now[0]):
        same = _same(before[0].text, now[0].text)
        before[0], now[0] = _cut(before[0], same, None), _cut(now[0], same, None)
        skipped += same
    if before and now and _comparable(before[-1], now[-1]):
        same = _same(before[-1].text[::-1], now[-1].text[::-1])
        now[-1] = _cut(now[-1], 0, len(now[-1].text) - same)
    return skipped, [segment for segment in now if segment.text]


def _comparable(one: Segment, other: Segment) -> bool:
    """Whether they may be compared letter by letter: each letter is a cell, and looks the same."""
    return one.style == other.style and one.text.isascii() and other.text.isascii()


def _same(one: str, other: str) -> int:
    """How many letters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(segment: Segment, start: int, end: int | None) -> Segment:
    return Segment(segment.text[start:end], segment.style)
