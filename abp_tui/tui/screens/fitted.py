"""Screens that know how large the terminal is before their widgets are there."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import Screen

T = TypeVar("T")


class Fitted(Screen[T]):
    """Has the classes of its breakpoints from the start.

    Textual sets them with the first resize, which styles every widget a second time.
    """

    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def on_compose(self) -> None:
        """Comes before the widgets are made."""
        width, height = self.app.size
        for length, breakpoints in (
            (width, self.HORIZONTAL_BREAKPOINTS),
            (height, self.VERTICAL_BREAKPOINTS),
        ):
            self.add_class(max((at, name) for at, name in breakpoints or () if length >= at)[1])
