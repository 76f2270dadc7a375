"""The baseline of the terminal interface: the least that a Textual program does."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

WORDS = "Hello, World!"


class Hello(App[None]):
    """One widget."""

    def compose(self) -> ComposeResult:
        """The words."""
        yield Static(WORDS)


if __name__ == "__main__":
    Hello().run()
