"""Reading the text file of a source as a stream, and saying where it can't be read."""

from __future__ import annotations

import codecs
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from abp_tui.enumerators.base import ITEM_LIMIT
from abp_tui.enumerators.problems import too_large
from abp_tui.errors import InvalidInput

BLOCK = 1 << 16
UTF8 = ("utf-8", "utf-8-sig")


def check_file(path: str) -> None:
    """Raise `InvalidInput` where there is no such file, or it can't be read."""
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise InvalidInput(f"{path} is {what}", "name a file")
        with Path(path).open("rb"):
            return
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidInput(f"there is no file {path}", nearest_parent(Path(path))) from None
    except OSError as error:
        raise unreadable(path, error) from error


def nearest_parent(path: Path) -> str:
    """A hint for a path that leads nowhere: how far it does lead."""
    parent = next(folder for folder in path.parents if folder.is_dir())
    return f"the nearest folder that exists is {parent}"


def unreadable(path: str, error: OSError) -> InvalidInput:
    """What the system says of a file, as an error of ours."""
    return InvalidInput(f"{path} can't be read: {error.strerror or error}", "check its permissions")


def codec(encoding: str) -> str:
    """The codec for an encoding; that of UTF-8 skips a byte order mark."""
    return "utf-8-sig" if codecs.lookup(encoding).name in UTF8 else encoding


@contextmanager
def opened(path: str, encoding: str) -> Iterator[TextIO]:
    """The file as text, its line ends as they are; what goes wrong while it is read names the place."""
    check_file(path)
    try:
        with Path(path).open(encoding=codec(encoding), newline="") as file:
            yield file
    except UnicodeError as error:
        raise undecodable(path, encoding, error) from None
    except OSError as error:
        raise unreadable(path, error) from error


class Lines:
    """The lines of a file of which one or several make an item, counted from 1.

    Raises `InvalidInput`, with `hint`, once an item has more characters than any may have.
    """

    def __init__(self, file: TextIO, path: str, hint: str) -> None:
        self._file = file
        self._path = path
        self._hint = hint
        self._number = 0
        self._size = 0
        self.began = 1

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(ITEM_LIMIT + 1):
            self._number += 1
            self._size += len(line)
            if self._size > ITEM_LIMIT:
                raise InvalidInput(too_large(f"{self._path}, what begins in line {self.began}"), self._hint)
            yield line

    def begin_item(self) -> None:
        """An item begins with the next line."""
        self.began = self._number + 1
        self._size = 0


def undecodable(path: str, encoding: str, error: UnicodeError) -> InvalidInput:
    """Where the first bytes are that the encoding does not know, found by reading the file once more."""
    hint = "name its encoding: latin-1 and cp1252 are common ones"
    decoder = codecs.getincrementaldecoder(codec(encoding))()
    line = 1
    with Path(path).open("rb") as file:
        while True:
            block = file.read(BLOCK)
            try:
                line += decoder.decode(block, final=not block).count("\n")
            except UnicodeDecodeError as found:
                before = found.object[: found.start].decode(encoding, "replace")
                place = f"{path}, line {line + before.count(chr(10))}"
                byte = found.object[found.start]
                return InvalidInput(f"{place}: the byte 0x{byte:02X} is not {encoding}", hint)
            except UnicodeError as found:
                return InvalidInput(f"{path} is not {encoding}: {found}", hint)
            if not block:
                return InvalidInput(f"{path} is not {encoding}: {error}", hint)
