"""The last line: the keys, most important first, as many as fit; the rest is under `?`."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from abp_tui.tui.commands import ORDER

ALWAYS = ("app.help", "screen.back", "app.leave")


class KeyBar(Footer):
    """Textual's footer, in the table's order and never wider than the terminal."""

    DEFAULT_CSS = """
    KeyBar { background: $panel; padding: 0 1 0 0; }
    """

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        """The keys that fit."""
        if self._bindings_ready:
            for active in self._fitting(self._offered()):
                binding = active.binding
                yield FooterKey(
                    binding.key,
                    self.app.get_key_display(binding),
                    binding.description,
                    binding.action,
                    disabled=not active.enabled,
                    tooltip=active.tooltip,
                ).data_bind(compact=Footer.compact)

    def on_resize(self) -> None:
        """Another width has room for other keys."""
        self.call_after_refresh(self.recompose)

    def _offered(self) -> list[ActiveBinding]:
        """One key for each command that is offered now."""
        by_id = {b.binding.id: b for b in reversed(self.screen.active_bindings.values()) if b.binding.show}
        return sorted((b for i, b in by_id.items() if i in ORDER), key=lambda b: ORDER[b.binding.id or ""])

    def _fitting(self, offered: list[ActiveBinding]) -> list[ActiveBinding]:
        room = self.app.size.width - 1 - sum(self._width(b) for b in offered if b.binding.id in ALWAYS)
        shown = []
        for active in offered:
            if active.binding.id in ALWAYS:
                shown.append(active)
            elif self._width(active) <= room:
                room -= self._width(active)
                shown.append(active)
        return shown

    def _width(self, active: ActiveBinding) -> int:
        return len(self.app.get_key_display(active.binding)) + len(active.binding.description) + 2
