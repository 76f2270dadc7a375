from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from abp_tui.tui.frugal import Sent, difference

WIDTH = 12
CONSOLE = Console(force_terminal=True, color_system="truecolor")
PLAIN, RED = Style(), Style(color="red")
SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([Hm])")


class Terminal:
    """The cells of a line, each a letter and how it looks."""

    def __init__(self) -> None:
        self.cells = [(" ", "")] * WIDTH

    def write(self, text: str) -> None:
        at, x, look = 0, 0, ""
        while at < len(text):
            if match := SEQUENCE.match(text, at):
                if match[2] == "H":
                    x = int(match[1].split(";")[1]) - 1
                else:
                    look = "" if match[1] in ("", "0") else match[1]
                at = match.end()
                continue
            if text[at] != "\n":
                width = cell_len(text[at])
                self.cells[x : x + width] = [(text[at], look), *[("", look)] * (width - 1)]
                x += width
            at += 1


def strip_of(letters: str, red: list[bool]) -> Strip:
    return Strip([Segment(a, RED if r else PLAIN) for a, r in zip(letters, red, strict=False)])


def line_of(width: int) -> st.SearchStrategy[Strip]:
    """A strip of so many cells, some of its letters two cells wide."""

    def filled(letters: str, red: list[bool]) -> Strip:
        text = ""
        for letter in letters:
            if cell_len(text + letter) <= width:
                text += letter
        return strip_of(text.ljust(len(text) + width - cell_len(text)), [*red, *[False] * width]).simplify()

    return st.builds(filled, st.text("ab 漢", max_size=width), st.lists(st.booleans(), max_size=width))


@st.composite
def updates(draw: st.DrawFn) -> ChopsUpdate:
    """A line in one piece, or in two of any width, of which a part is to be painted."""
    cut = draw(st.sampled_from([0, 0, 4, 7]))
    chops = {0: draw(line_of(cut or WIDTH)), **({cut: draw(line_of(WIDTH - cut))} if cut else {})}
    span = draw(st.sampled_from([(0, 0, WIDTH), (0, 0, cut or WIDTH), (0, cut, WIDTH)]))
    return ChopsUpdate([chops], [span], [[*([cut] if cut else []), WIDTH]])


@given(st.lists(updates(), max_size=6))
def test_the_terminal_shows_what_it_would_have_shown(painted: list[ChopsUpdate]) -> None:
    sent, whole, less = Sent(), Terminal(), Terminal()
    sent.less("screen", "a whole paint")
    for update in painted:
        whole.write(update.render_segments(CONSOLE))
        reduced = sent.less("screen", update)
        assert reduced is not update
        less.write(rendered(reduced))
        assert less.cells == whole.cells


def rendered(update: object) -> str:
    assert update is None or isinstance(update, CompositorUpdate)
    return update.render_segments(CONSOLE) if update else ""


def test_only_what_differs_is_sent() -> None:
    before = [Segment("unit "), Segment("says 12   ", RED), Segment("end")]
    now = [Segment("unit "), Segment("says 345  ", RED), Segment("end")]
    assert difference(before[:], now[:]) == (10, [Segment("345", RED)])
    assert difference(now[:], now[:])[1] == []


def test_another_screen_and_a_whole_paint_are_sent_whole() -> None:
    sent, update = Sent(), ChopsUpdate([{0: Strip([Segment("a" * WIDTH)])}], [(0, 0, WIDTH)], [[WIDTH]])
    assert sent.less("one", update) is update
    assert rendered(sent.less("one", update))
    assert sent.less("one", update) is None
    assert sent.less("two", update) is update
    whole = sent.less("two", LayoutUpdate([[Strip([Segment("a" * WIDTH)])]], Region(0, 0, WIDTH, 1)))
    assert rendered(whole)
    assert sent.less("two", update) is None


def test_what_was_dropped_is_not_taken_for_sent() -> None:
    sent, update = Sent(), ChopsUpdate([{0: Strip([Segment("a" * WIDTH)])}], [(0, 0, WIDTH)], [[WIDTH]])
    sent.less("one", "whole")
    assert sent.less("one", update)
    assert rendered(sent.less("one", update))
