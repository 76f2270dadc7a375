"""Keys typed faster than the screen follows: each reaches what the one before has put in front."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic
from typing import Any

from textual.app import App
from textual.events import Key, Paste
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

ROUNDS = 4
"""How often a follower goes all the way up: what a key does makes messages that make messages."""

LOOK_S = 0.2
"""How often is looked whether a follower is lost, with the widget that it was sent to."""

PATIENCE_S = 10.0
"""The longest that keys are held: something above the field is stuck, but there is still the key to leave."""


class Follower(Message, namespace="abp"):
    """Goes the way of a key, through the same queues, right behind it."""

    def __init__(self, sent_to: Widget, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds
        self._sent_to = sent_to
        self._sent_at = monotonic()

    @property
    def is_lost(self) -> bool:
        """Whether it can't come any more, or hasn't for too long."""
        there = self._sent_to.is_attached and self._sent_to.is_running
        return not there or monotonic() - self._sent_at > PATIENCE_S


class TypeAhead:
    """Holds keys back behind one that may move the focus or open a screen.

    Textual gives a key to what has the focus when it comes, while what the key before does is still on its
    way through the queues of the widgets above. `deliver` is Textual's own way.
    """

    def __init__(self, app: App[Any], deliver: Callable[[Key | Paste], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._held: deque[Key | Paste] = deque()
        self._follower: Follower | None = None
        self._watch: Timer | None = None
        self._unread = False  # whether a field has letters in its queue that no follower has come behind

    async def take(self, event: Key | Paste) -> None:
        """Deliver it now, or once those before it have done their work."""
        self._held.append(event)
        await self._go_on()

    async def back(self, follower: Follower) -> None:
        """A follower has come all the way up: send another one, or go on with what is held."""
        if follower is not self._follower or not self._app.screen_stack:
            return  # it was given up, or all is
        if follower.rounds > 1 or not self._app.screen.is_mounted:
            self._send(follower.rounds - 1, self._in_front)
        else:
            self._follower = None
            await self._go_on()

    async def _go_on(self) -> None:
        """Deliver what is held, up to the next key that others wait for."""
        while self._held and self._follower is None:
            if self._unread and not self._is_typed(self._held[0]):
                self._unread = False
                self._send(1, self._in_front)  # a key that goes before all others would overtake the letters
            else:
                await self._pass_on(self._held.popleft())
        self._watch_over_held()

    def _watch_over_held(self) -> None:
        if self._held and self._watch is None:
            # Through the app's queue, as a timer calls back on a task of its own, in the middle of a key.
            look = partial(self._app.call_later, self._give_up_if_lost)
            self._watch = self._app.set_interval(LOOK_S, look)
        elif not self._held and self._watch is not None:
            self._watch.stop()
            self._watch = None

    async def _give_up_if_lost(self) -> None:
        if self._follower is not None and self._follower.is_lost:
            self._follower = None
            await self._go_on()

    async def _pass_on(self, event: Key | Paste) -> None:
        target, typed = self._in_front, self._is_typed(event)
        await self._deliver(event)
        if typed:
            self._unread = True
        else:
            self._send(ROUNDS, target)

    def _is_typed(self, event: Key | Paste) -> bool:
        """Whether the focused field just takes it in: no other key can overtake it there."""
        field = self._app.focused
        return isinstance(event, Paste) or (
            field is not None and field.check_consume_key(event.key, event.character)
        )

    def _send(self, rounds: int, target: Widget) -> None:
        follower = Follower(target, rounds)
        self._follower = follower if target.post_message(follower) else None

    @property
    def _in_front(self) -> Widget:
        return self._app.focused or self._app.screen
