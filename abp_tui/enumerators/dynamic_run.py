"""What a person's running code sends, and how long it is waited for."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from abp_tui.enumerators.base import ITEM_LIMIT
from abp_tui.enumerators.problems import too_large
from abp_tui.errors import InvalidInput
from abp_tui.words import counted

STEP_MS = 200


class Child(Protocol):
    """The process that runs the code."""

    @property
    def printed(self) -> str:
        """The last that it printed."""

    def read(self, wait_ms: int) -> tuple[bytes, bool]:
        """What it has sent, waiting up to `wait_ms` for it; and whether no more can come."""

    def wait(self) -> int:
        """Its exit status, once it has ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the code may be silent, how long it may take, in seconds, and how many items it may give."""

    idle_s: float
    timeout_s: float
    max_items: int


class Run:
    """One run of the code: its items as they come, and why it ended where it did not end well."""

    def __init__(self, child: Child, limits: Limits, abandoned: Callable[[], bool]) -> None:
        self._child = child
        self._limits = limits
        self._abandoned = abandoned
        self._count = 0

    def items(self) -> Iterator[dict[str, Any]]:
        """The dictionaries as they come; raises `InvalidInput` for how it ended, if not well."""
        for line in self._lines():
            message = self._message(line)
            if "item" not in message:
                self._end(message)
                return
            if self._count == self._limits.max_items:
                raise self._error("it gives more than max_items", "is it endless? if not, raise max_items")
            self._count += 1
            yield message["item"]
        raise self._broken_off(self._child.wait())

    def _lines(self) -> Iterator[bytes]:
        """The lines the child sends, until it is gone and all is read."""
        pieces: list[bytes] = []
        size = 0
        for data in self._blocks():
            *whole, rest = data.split(b"\n")
            if whole:
                yield b"".join([*pieces, whole[0]])
                yield from whole[1:]
                pieces, size = [], 0
            pieces.append(rest)
            size += len(rest)
            if size > ITEM_LIMIT:
                raise self._error(too_large(f"item {self._count + 1}"))

    def _blocks(self) -> Iterator[bytes]:
        ends = time.monotonic() + self._limits.timeout_s
        silent = 0.0
        while True:
            began = time.monotonic()
            data, is_over = self._child.read(STEP_MS)
            silent = 0.0 if data else silent + time.monotonic() - began
            if data:
                yield data
            elif is_over:
                return
            if self._abandoned():
                raise self._error("nobody wants its items any more")
            if silent > self._limits.idle_s:
                why = f"it gave nothing for {self._limits.idle_s:g} s"
                raise self._error(why, "if it needs longer, raise idle_s")
            if time.monotonic() > ends:
                why = f"it was not done after {self._limits.timeout_s:g} s"
                raise self._error(why, "if it needs longer, raise timeout_s")

    def _message(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise self._error(f"it wrote where only its items go: {line[:80]!r}")
        return message

    def _end(self, message: Mapping[str, Any]) -> None:
        """How it ended by its own account, which must be ours, too: its code may write where its items go."""
        if "error" in message:
            raise self._error(str(message["error"]))
        if message.get("end") != self._count:
            raise self._error(f"it says that it has ended with {message.get('end')!r} items")

    def _broken_off(self, status: int) -> InvalidInput:
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
        return self._error(f"it ended its process with {how}")

    def _error(self, why: str, hint: str = "") -> InvalidInput:
        after = f" after {counted(self._count, 'item')}" if self._count else ""
        printed = self._child.printed.strip()
        if "MemoryError" in why:
            hint = "it has run into its limit of memory: yield the items one by one"
        elif not hint:
            hint = f"it printed last: {printed[-200:]}" if printed else "run it by hand to see more"
        return InvalidInput(f"the code failed{after}: {why}", hint)
