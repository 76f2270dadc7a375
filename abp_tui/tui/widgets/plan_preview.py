"""What a new job would be: how many items, the first of them, their prompts."""

from __future__ import annotations

from abp_tui.creation import Preview
from abp_tui.errors import AbpError
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, PRIMARY, WARN
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.wrapped import TextView

SHOWN = 5


class PlanPreview(TextView):
    """Changes while typing; prompts are stepped through one item after the other."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._preview: Preview | None = None
        self._at = 0

    def step(self) -> None:
        """The next item's prompt, after the last the first again."""
        if self._preview is not None:
            self._at = (self._at + 1) % len(self._preview.items)
            self._draw(self._preview)
            self.scroll_home(animate=False)

    def show_preview(self, preview: Preview) -> None:
        """Show what would be made."""
        self._preview = preview
        self._at = min(self._at, len(preview.items) - 1)
        self._draw(preview)

    def show_problem(self, error: AbpError) -> None:
        """Show why nothing can be made yet, and what to do."""
        self._preview = None
        self.show((error.message, WARN), (error.hint, DIM))

    def show_looking(self, seen: int) -> None:
        """Show that the items are still being counted."""
        self.show((f"looking: {count(seen, 'item')} so far", DIM))

    def _draw(self, preview: Preview) -> None:
        names = [one_line(item.key) for item in preview.items[:SHOWN]]
        more = preview.count - len(names)
        texts = [(count(preview.count, "item"), f"bold {PRIMARY}")]
        texts += [(f"  {name}", "") for name in names]
        texts += [(f"  and {more:,} more", DIM)] if more > 0 else []
        texts += [(one_line(warning), BAD) for warning in preview.warnings]
        item = preview.items[self._at]
        texts += [("", ""), (f"Prompt for {one_line(item.key)}", BOLD), (preview.prompt(self._at), "")]
        self.show(*texts)
