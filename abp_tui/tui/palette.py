"""The palette before anything is typed."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hits
from textual.system_commands import SystemCommandsProvider


class Palette(SystemCommandsProvider):
    """Keeps the order in which the app gives its commands, not the alphabet's: the screen's own first."""

    async def discover(self) -> Hits:
        """All of them."""
        for name, words, callback, discover in self.app.get_system_commands(self.screen):
            if discover:
                yield DiscoveryHit(name, callback, help=words)
