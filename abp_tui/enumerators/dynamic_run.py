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
class Times:
    """How long the code may be silent, and how long it may take, in seconds."""

    idle_s: float
    total_s: float


class Run:
    """One run of the code: its items as they come, and why it ended where it did not end well."""

    def __init__(self, child: Child, times: Times, abandoned: Callable[[], bool]) -> None:
        self._child = child
        self._times = times
        self._abandoned = abandoned
        self._count = 0

    def items(self) -> Iterator[dict[str, Any]]:
        """The dictionaries as they come; raises `InvalidInput` for how it ended, if not well."""
        for line in self._lines():
            message = self._message(line)
            if "item" not in message:
                self._end(message)
                return
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
        ends = time.monotonic() + self._times.total_s
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
            if silent > self._times.idle_s:
                raise self._error(f"it gave nothing for {self._times.idle_s:g} seconds")
            if time.monotonic() > ends:
                raise self._error(f"it was not done after {self._times.total_s:g} seconds")

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

    def _error(self, why: str) -> InvalidInput:
        after = f" after {self._count:,} items" if self._count else ""
        printed = self._child.printed.strip()
        hint = f"it printed last: {printed[-200:]}" if printed else "run it by hand to see more"
        if "MemoryError" in why:
            hint = "it has run into its limit of memory: yield the items one by one"
        return InvalidInput(f"the code failed{after}: {why}", hint)
