from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from abp_tui.tui.colourless import Colourless

GROUND = Color.parse("#121212")


def plain(style: str) -> Style | None:
    return Colourless().apply([Segment("a", Style.parse(style))], GROUND)[0].style


def test_no_colour_is_left_and_what_is_bold_stays_so() -> None:
    assert plain("bold red on #121212") == Style(bold=True)
    assert plain("red") == Style()
    assert plain("reverse green on #121212") == Style(reverse=True)


def test_what_only_its_ground_sets_apart_is_reversed_and_a_shade_is_not() -> None:
    assert plain("bold black on bright_cyan") == Style(bold=True, reverse=True)
    assert plain("white on #1a1a1a") == Style()


def test_what_a_click_means_is_kept() -> None:
    style = Style.parse("red") + Style(meta={"offset": (1, 2)})
    done = Colourless().apply([Segment("a", style), Segment("b")], GROUND)
    assert done[0].style is not None
    assert done[0].style.meta == {"offset": (1, 2)}
    assert done[1] == Segment("b")
