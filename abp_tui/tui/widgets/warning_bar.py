"""What agents of a job may do that a person must not overlook, below the first line of all its screens."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.tui.widgets.facts import stack
from abp_tui.tui.widgets.glyphs import BAD
from abp_tui.tui.widgets.text import fit, one_line


class WarningBar(Widget):
    """A line for each of the `words`; none where there are none."""

    DEFAULT_CSS = """
    WarningBar { height: auto; padding: 0 1; text-wrap: nowrap; }
    """
    words: reactive[tuple[str, ...]] = reactive((), layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """No line where nothing is to be warned of."""
        return len(self.words)

    def render(self) -> Content:
        """The lines, in red; where it is narrow, the end of each gives way."""
        width = self.content_size.width or self.app.size.width - 2
        lines = [fit(f"Each agent {one_line(words)}", width) for words in self.words]
        return stack(Content.styled(line, f"bold {BAD}") for line in lines)
