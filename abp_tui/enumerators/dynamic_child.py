"""Runs a person's code in a process of its own. Started as a file: it imports nothing of this package.

What it is to do comes as JSON in one descriptor; items go out as JSON lines through another, which only this
process holds. Standard output and error belong to the code.
"""

from __future__ import annotations

import datetime
import decimal
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
import types
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

FUNCTION = "enumerate_items"
FILE = "<code>"
FLUSH_S = 0.5
AS_TEXT = (os.PathLike, datetime.date, datetime.time, decimal.Decimal, uuid.UUID)


class Refused(Exception):
    """What the code gave is no item; the message says which and why."""


def main(request_fd: int, output_fd: int, lifeline_fd: int) -> None:
    """Run the code of the request, write its items, then how it ended."""
    for fd in (request_fd, output_fd, lifeline_fd):
        os.set_inheritable(fd, False)
    threading.Thread(target=_end_with_parent, args=(lifeline_fd,), daemon=True).start()
    with open(request_fd, encoding="utf-8") as file:
        request = json.load(file)
    _limit(request["memory"], request["processes"])
    me = os.getpid()
    output = _Output(output_fd, me)
    try:
        count = 0
        for item in _items(request["code"], request["context"]):
            output.send({"item": _checked(count, item)})
            count += 1
        ending: dict[str, Any] = {"end": count}
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt of the code are its errors
        ending = {"error": _words(error)}
    output.send(ending)
    output.flush()
    os._exit(0)  # whatever threads or exit handlers the code has left


def _end_with_parent(lifeline: int) -> None:
    """Nobody reads our items once the parent is gone, however that came."""
    os.read(lifeline, 1)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _limit(memory: int, processes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_NPROC, processes)):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _items(code: str, context: Any) -> Iterator[Any]:
    module = types.ModuleType("abp_code")
    module.__file__ = FILE
    sys.modules["abp_code"] = module
    exec(compile(code, FILE, "exec"), module.__dict__)
    function = module.__dict__.get(FUNCTION)
    if not callable(function):
        raise Refused(f"the code defines no function {FUNCTION}(context)")
    found = function(context)
    if isinstance(found, dict | str | bytes) or not isinstance(found, Iterable):
        raise Refused(f"{FUNCTION} gave {_kind(found)}; it is to return or yield dictionaries")
    yield from found


def _checked(n: int, item: Any) -> str:
    """The item as JSON; raises `Refused` for what is none."""
    if not isinstance(item, dict):
        said = "" if item is None else f": {item!r}"
        raise Refused(f"item {n + 1} is {_kind(item)}, not a dictionary{said}"[:300])
    try:
        _check_keys(item)
        return json.dumps(item, default=_as_text, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"item {n + 1} can't be stored: {error}") from None


def _check_keys(value: Any) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is of type {type(key).__name__}, keys are texts")
            _check_keys(member)
    elif isinstance(value, list | tuple):
        for element in value:
            _check_keys(element)


def _as_text(value: Any) -> str:
    if isinstance(value, AS_TEXT):
        return str(value)
    raise TypeError(f"{_kind(value)} has no form in JSON")


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _words(error: BaseException) -> str:
    """What went wrong, with the last line of the code that was part of it."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, SyntaxError) and error.filename == FILE:
        return f"line {error.lineno}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
    place = f"line {frames[-1].lineno}: " if frames else ""
    return f"{place}{type(error).__name__}: {error}"[:2000]


class _Output:
    """Lines to the parent; a copy of this process that the code has forked writes none."""

    def __init__(self, fd: int, owner: int) -> None:
        self._file = open(fd, "wb", buffering=1 << 16)  # noqa: SIM115 - as long as the process
        self._owner = owner
        self._sent_at = 0.0  # the first goes at once: somebody waits to see it

    def send(self, line: dict[str, Any]) -> None:
        """Write one line."""
        if os.getpid() != self._owner:
            os._exit(0)
        text = '{"item": ' + line["item"] + "}" if "item" in line else json.dumps(line)
        self._file.write(text.encode("ascii", "backslashreplace") + b"\n")
        if time.monotonic() - self._sent_at > FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Send what is left."""
        self._file.flush()
        self._sent_at = time.monotonic()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
