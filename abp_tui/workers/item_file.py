"""An item as a file that only its owner can read and that is gone when its attempt is."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from abp_tui.domain.failure import FailureKind
from abp_tui.liveness import started_at
from abp_tui.workers.process_end import StartFailure

PREFIX = "abp-items-"


class ItemFolder:
    """A private folder for the items in hand, made when the first is, removed with the program."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._numbers = count(1)

    @contextmanager
    def holding(self, data: bytes) -> Iterator[str]:
        """The path of a file with `data`, mode 0600, removed afterwards. Raises `StartFailure`."""
        path = None
        try:
            try:
                path = f"{self._path()}/{next(self._numbers)}.json"
                _write(path, data)
            except OSError as error:
                raise StartFailure(
                    FailureKind.TRANSIENT,
                    f"the item's file can't be written: {error.strerror}",
                    f"is there room in {self._folder.name if self._folder else tempfile.gettempdir()}?",
                ) from error
            yield path
        finally:
            if path:
                with suppress(FileNotFoundError):  # the program may have removed it itself
                    os.unlink(path)  # noqa: PTH108 - done for every unit, and a Path costs as much as the call

    def _path(self) -> str:
        with self._lock:
            if self._folder is None:
                self._folder = _make_folder()
            return self._folder.name


def _make_folder() -> tempfile.TemporaryDirectory[str]:
    """In memory where that can be had, so that items never reach a disk and cost no time there.

    Folders of programs that were killed are removed on the way.
    """
    for place in _places():
        with suppress(OSError):
            _sweep(place)
            return tempfile.TemporaryDirectory(f"-{os.getpid()}", PREFIX, place, ignore_cleanup_errors=True)
    return tempfile.TemporaryDirectory(f"-{os.getpid()}", PREFIX, ignore_cleanup_errors=True)


def _places() -> list[str]:
    if "TMPDIR" in os.environ:
        return [tempfile.gettempdir()]  # a person has said where
    return [os.environ.get("XDG_RUNTIME_DIR") or "/dev/shm", tempfile.gettempdir()]


def _sweep(place: str) -> None:
    for left in Path(place).glob(f"{PREFIX}*"):
        owner = left.name.rpartition("-")[2]
        if owner.isdecimal() and left.stat().st_uid == os.getuid() and started_at(int(owner)) is None:
            shutil.rmtree(left, ignore_errors=True)


def _write(path: str, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)
