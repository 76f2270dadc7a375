"""The last line: the keys, most important first, as many as fit; the rest is under `?`."""

from __future__ import annotations

from textual.binding import ActiveBinding
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

from abp_tui.tui.commands import ORDER

ALWAYS = ("app.help", "screen.back", "app.leave")
GAP = 1


class KeyBar(Widget):
    """One line in the table's order, never wider than the terminal; a click on a key presses it.

    Textual's footer makes a widget for each key, all of them anew whenever one changes, and forgets none.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"key-bar--key", "key-bar--words"}
    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        padding: 0 1 0 0;
        text-wrap: nowrap;
        background: $panel;
        color: $footer-foreground;
        & > .key-bar--key { color: $footer-key-foreground; text-style: bold; }
        & > .key-bar--words { color: $footer-description-foreground; }
    }
    """

    auto_links: reactive[bool] = reactive(False)  # else each key would look like a link

    def on_mount(self) -> None:
        """Follow what is offered."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def render(self) -> Content:
        """The keys that fit."""
        return Content(" " * GAP).join(self._shown(active) for active in self._fitting(self._offered()))

    def action_press(self, key: str) -> None:
        """What a click on a key does."""
        self.app.simulate_key(key)

    def _changed(self, screen: Screen[object]) -> None:
        self.refresh()

    def _shown(self, active: ActiveBinding) -> Content:
        binding = active.binding
        key, words = (self.get_visual_style(f"key-bar--{part}", partial=True) for part in ("key", "words"))
        dim = Style(dim=not active.enabled)
        shown = Content.assemble(
            (self.app.get_key_display(binding), key + dim), (f" {binding.description}", words + dim)
        )
        return shown.stylize(Style.from_meta({"@click": f"press({binding.key!r})"}))

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
        return len(self.app.get_key_display(active.binding)) + len(active.binding.description) + 1 + GAP
