"""Files that a list names as items: what `find`, `git ls-files` or a person wrote down."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from pydantic import Field

from abp_tui.enumerators.base import Enumerator, EnumeratorConfig, Item
from abp_tui.enumerators.file import file_payload
from abp_tui.enumerators.problems import MAX_WARNINGS, refusal, shortened
from abp_tui.enumerators.settings import AbsolutePath, absolute, limit_field
from abp_tui.enumerators.text import BLOCK, check_file, unreadable
from abp_tui.errors import InvalidInput

STDIN = "-"
MAX_PATH = 1 << 16  # bytes; no system takes a longer one
SHOWN_CHARACTERS = 200


class ListedConfig(EnumeratorConfig):
    """Which list, and what its paths are relative to."""

    list_file: str = Field(
        title="List",
        description="A file of paths, one a line or with NUL between; - reads standard input.",
        min_length=1,
        json_schema_extra={"format": "file-path"},
    )
    base_directory: AbsolutePath = Field(
        default_factory=lambda: absolute(os.curdir),
        title="Folder",
        description="The folder that relative paths start from; without it, the current one.",
        json_schema_extra={"format": "directory-path"},
    )
    limit: int | None = limit_field("paths")


class ListedEnumerator(Enumerator[ListedConfig]):
    """The files that a list names, in its order. What is no file there is an error that says where.

    A list in which a NUL ends the first path has NULs between its paths, any other has line ends. A name that
    is not valid UTF-8 is left out with a warning, as it is in a folder. Standard input is read once.
    """

    name = "paths"
    title = "Files from a list"
    Config = ListedConfig
    fields = ("file_path", "relative_path", "file_name", "file_stem", "file_extension", "file_size")

    def __init__(self, config: ListedConfig) -> None:
        super().__init__(config)
        self._left_out: list[int] = []
        self._warnings: list[str] = []

    def validate(self) -> None:
        """Raise `InvalidInput` where the list can't be read."""
        if self.config.list_file != STDIN:
            check_file(self._list)
        elif sys.stdin is None or sys.stdin.isatty():
            raise InvalidInput(
                "no list of paths comes on standard input", "pipe one in: find … -print0 | abp new …"
            )

    def reserved(self) -> None:
        """Files are only read."""

    def items(self) -> Iterator[Item]:
        """An item per path, keyed by the path below the folder, else by the whole path."""
        with self._opened() as file:
            numbered = self._numbered(file)
            for number, name in islice(numbered, self.config.limit):
                problem, item = self._look(number, name)
                if item is None:
                    problems = self._problems(problem, numbered)
                    raise refusal(f"{self._name}", problems, "each path must be that of a file")
                yield item

    def place(self, seq: int) -> str:
        """The number of the path in the list."""
        number = seq + 1
        for left_out in self._left_out:
            number += left_out <= number
        return f"path {number}"

    def warnings(self) -> list[str]:
        """What was left out, of what was read so far."""
        return shortened(self._warnings, len(self._left_out))

    def why_empty(self) -> str:
        """What there is instead of paths."""
        return f"{self._name} has no name that is valid UTF-8" if self._left_out else f"{self._name} is empty"

    def _numbered(self, file: BinaryIO) -> Iterator[tuple[int, str]]:
        """The paths that can be stored, each with its number in the list."""
        self._left_out, self._warnings = [], []
        for number, raw in enumerate(_paths(file), 1):
            try:
                name = raw.decode()
            except UnicodeDecodeError:
                self._leave_out(number, raw)
            else:
                yield number, name

    def _leave_out(self, number: int, raw: bytes) -> None:
        self._left_out.append(number)
        if len(self._warnings) < MAX_WARNINGS:
            shown = raw.decode("utf-8", "backslashreplace")[:SHOWN_CHARACTERS]
            self._warnings.append(f"left out path {number}, {shown}: the name is not valid UTF-8")

    def _look(self, number: int, name: str) -> tuple[str, Item | None]:
        """The item that a path leads to, or what is wrong with it."""
        place = f"path {number}, {name[:SHOWN_CHARACTERS]}"
        try:
            path = absolute(os.path.join(self.config.base_directory, name))  # noqa: PTH118 - any form
            status = Path(path).stat()
        except (OSError, ValueError) as error:
            return f"{place}: {error.strerror if isinstance(error, OSError) else error}", None
        if not stat.S_ISREG(status.st_mode):
            return f"{place}: not a regular file", None
        base = self.config.base_directory.rstrip("/") + "/"
        relative = path.removeprefix(base)
        return "", Item(relative, file_payload(path, relative, status.st_size))

    def _problems(self, first: str, rest: Iterator[tuple[int, str]]) -> Iterator[str]:
        yield first
        for number, name in rest:
            problem, item = self._look(number, name)
            if item is None:
                yield problem

    @property
    def _list(self) -> str:
        return str(Path(self.config.list_file).expanduser().absolute())

    @property
    def _name(self) -> str:
        return "standard input" if self.config.list_file == STDIN else self._list

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        if self.config.list_file == STDIN:
            yield sys.stdin.buffer
            return
        try:
            with Path(self._list).open("rb") as file:
                yield file
        except OSError as error:
            raise unreadable(self._list, error) from error


def _paths(file: BinaryIO) -> Iterator[bytes]:
    """The paths of a list as they come, without empty ones."""
    block = file.read(MAX_PATH + 1)  # without a NUL in so much, what comes first is no path that a NUL ends
    end = b"\0" if b"\0" in block else b"\n"
    rest = b""
    while block:
        *whole, rest = (rest + block).split(end)
        yield from (path for path in (_trimmed(line, end) for line in whole) if path)
        if len(rest) > MAX_PATH:
            raise InvalidInput("the list has a path of over 64 kB", "is that a list of paths?")
        block = file.read(BLOCK)
    if path := _trimmed(rest, end):
        yield path


def _trimmed(line: bytes, end: bytes) -> bytes:
    """Without what Windows puts before a newline; before a NUL it belongs to the name."""
    return line if end == b"\0" else line.removesuffix(b"\r")
