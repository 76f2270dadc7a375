"""The palette before anything is typed."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hits
from textual.system_commands import SystemCommandsProvider


class Palette(SystemCommandsProvider):
    """Keeps the order of the app's commands, the screen's own first. Else they are sorted."""

    async def discover(self) -> Hits:
        """All of them."""
        for name, words, callback, discover in self.app.get_system_commands(self.screen):
            if discover:
                yield DiscoveryHit(name, callback, help=words)
