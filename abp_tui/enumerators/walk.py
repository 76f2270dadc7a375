"""Walking through a folder: which files match, and what had to be left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from abp_tui.enumerators import globs
from abp_tui.enumerators.problems import MAX_WARNINGS, shortened
from abp_tui.enumerators.settings import is_utf8

Entries = list["os.DirEntry[str]"]


class Found(NamedTuple):
    """A file: its path in the folder, and its size in bytes."""

    relative: str
    size: int


class _Level(NamedTuple):
    """A folder on the way to where the walk is: its path with a slash at its end, and its entries to come."""

    relative: str
    is_linked: bool
    entries: Entries


class Walk:
    """One walk through a folder, depth first, the entries of each folder by name.

    It holds the entries to come of each folder down to where it is, and a mark for each folder below a link:
    neither grows with the number of files. `check` is called for each entry; it may raise, to end the walk.
    """

    def __init__(
        self,
        base: str,
        patterns: Sequence[str],
        exclude: Sequence[str],
        hidden: bool,
        check: Callable[[], None],
    ) -> None:
        self.base = base
        self.real_base = os.path.realpath(base)
        self.hidden = hidden
        self.wanted = globs.files(patterns)
        self.on_the_way = globs.folders(patterns)
        self.excluded = globs.excluded(exclude)
        self.check = check
        self.linked: set[tuple[int, int]] = set()
        self.problems: list[str] = []
        self.problem_count = 0

    def files(self) -> Iterator[Found]:
        """The files that match; what can't be read is a problem, not an error."""
        levels = [_Level("", False, self._entries(""))]
        while levels:
            level = levels[-1]
            if not level.entries:
                levels.pop()
                continue
            self.check()
            entry = level.entries.pop()  # and so forgotten with all that it keeps
            found = self._entry(level, entry)
            if isinstance(found, _Level):
                levels.append(found)
            elif found:
                yield found

    def warnings(self) -> list[str]:
        """What was left out so far, the first of it and the number of the others."""
        return shortened(self.problems, self.problem_count)

    def _entries(self, relative: str) -> Entries:
        """What is in a folder, the last first."""
        entries = []
        try:
            with os.scandir(os.path.join(self.base, relative)) as listing:  # noqa: PTH118 - quicker than a Path
                for entry in listing:
                    self.check()
                    if self.hidden or not entry.name.startswith("."):
                        entries.append(entry)
        except OSError as error:
            self._left_out(relative or self.base, error.strerror)
            return []
        entries.sort(key=lambda entry: entry.name, reverse=True)
        return entries

    def _entry(self, level: _Level, entry: os.DirEntry[str]) -> Found | _Level | None:
        relative = level.relative + entry.name
        try:
            if entry.is_dir():
                return self._folder(level, entry)
            if self.wanted.fullmatch(relative) and not self.excluded.fullmatch(relative):
                return self._file(relative, entry.stat())
        except FileNotFoundError:
            self._left_out(relative, "the link leads nowhere" if entry.is_symlink() else "it is gone")
        except OSError as error:
            self._left_out(relative, error.strerror)
        return None

    def _folder(self, level: _Level, entry: os.DirEntry[str]) -> _Level | None:
        relative = f"{level.relative}{entry.name}/"
        if not self._leads_on(relative):
            return None
        if not is_utf8(relative):
            self._left_out(relative, "the name is not valid UTF-8")
            return None
        is_linked = level.is_linked or entry.is_symlink()
        if is_linked and self._is_walked_elsewhere(entry):
            return None
        return _Level(relative, is_linked, self._entries(relative))

    def _leads_on(self, relative: str) -> bool:
        return bool(self.on_the_way.fullmatch(relative)) and not self.excluded.fullmatch(relative)

    def _is_walked_elsewhere(self, entry: os.DirEntry[str]) -> bool:
        """Whether a folder below a link has a path of its own here, leads back, or was met before."""
        if self._has_own_path(os.path.realpath(entry.path)):
            return True
        status = entry.stat()
        identity = status.st_dev, status.st_ino
        if identity in self.linked:
            return True
        self.linked.add(identity)
        return False

    def _has_own_path(self, real: str) -> bool:
        """Whether the walk comes to a real folder without any link, or has come from it."""
        if _is_inside(self.real_base, real):
            return True
        if not _is_inside(real, self.real_base):
            return False
        names = os.path.relpath(real, self.real_base).split("/")
        if not self.hidden and any(name.startswith(".") for name in names):
            return False
        return all(self._leads_on("/".join(names[:n]) + "/") for n in range(1, len(names) + 1))

    def _file(self, relative: str, status: os.stat_result) -> Found | None:
        if not stat.S_ISREG(status.st_mode):
            return None
        if is_utf8(relative):
            return Found(relative, status.st_size)
        self._left_out(relative, "the name is not valid UTF-8")
        return None

    def _left_out(self, relative: str, why: str | None) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_WARNINGS:
            printable = os.fsencode(relative).decode("utf-8", "backslashreplace")
            self.problems.append(f"left out {printable}: {why or 'it could not be read'}")


def _is_inside(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder
