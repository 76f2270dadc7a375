"""The messages of an Agent Client Protocol connection, between the SDK and the pipes of a program of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from acp import CLIENT_METHODS

from abp_tui.workers.inlet import Inlet
from abp_tui.workers.lines import JsonLines, Line
from abp_tui.workers.loose import Json, mapping

UPDATE = CLIENT_METHODS["session_update"]


class Wire:
    """What the SDK calls a transport: it takes whole messages here, and gives them.

    Updates of a session go to `on_update` as they are, in order with all else: the SDK's models would drop
    those that a newer agent adds. What is no message of the protocol at all goes to `on_noise`, as text.
    """

    def __init__(
        self, inlet: Inlet, on_update: Callable[[Json], None], on_noise: Callable[[str], None]
    ) -> None:
        self._inlet = inlet
        self._on_update = on_update
        self._on_noise = on_noise
        self._lines = JsonLines()
        self._arrived: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def feed(self, data: bytes) -> None:
        """Take in what the agent has printed."""
        for line in self._lines.feed(data):
            self._take(line)

    def end(self) -> None:
        """The agent prints no more."""
        for line in self._lines.close():
            self._take(line)
        self._arrived.put_nowait(None)

    async def send(self, message: dict[str, Any]) -> None:
        """Have the agent told a message."""
        self._inlet.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next message of the agent; None once there are no more."""
        return await self._arrived.get()

    async def close(self) -> None:
        """Nothing: the pipes are the program's, and end with it."""

    def _take(self, line: Line) -> None:
        if not line.objects:
            self._on_noise(line.text)
        for message in line.objects:
            if message.get("method") == UPDATE:
                self._on_update(mapping(mapping(message, "params"), "update"))
            elif _is_message(message):
                self._arrived.put_nowait(message)
            else:
                self._on_noise(json.dumps(message, ensure_ascii=False))


def _is_message(message: dict[str, Any]) -> bool:
    """Whether the SDK can make something of it: anything else ends its connection."""
    if isinstance(message.get("method"), str):
        return "id" not in message or isinstance(message["id"], int | str | None)
    answers = "result" in message or isinstance(message.get("error"), dict)
    return isinstance(message.get("id"), int) and answers
