"""Walking through a folder: which files match, and what had to be left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from abp_tui.enumerators import globs
from abp_tui.enumerators.settings import is_utf8


@dataclass(slots=True)
class Found:
    """What one walk found: sizes in bytes by relative path, and what had to be left out."""

    sizes: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Walk:
    """One walk through a folder. Real folders come before links, so that files keep their own paths."""

    def __init__(self, base: str, patterns: Sequence[str], exclude: Sequence[str], hidden: bool) -> None:
        self.base = base
        self.hidden = hidden
        self.wanted = globs.files(patterns)
        self.on_the_way = globs.folders(patterns)
        self.excluded = globs.excluded(exclude)
        self.found = Found()
        self.folders: list[str] = []
        self.links: list[str] = []
        # A link up to the folder itself or above it would lead back here: those count as visited.
        self.visited = {_identity(parent) for parent in Path(self.base).resolve().parents}

    def run(self) -> Found:
        """Go through it all; what can't be read is a problem among those found, not an error."""
        self._folder("")
        while self.folders or self.links:
            self._folder(self.folders.pop() if self.folders else self.links.pop(0))
        return self.found

    def _folder(self, relative: str) -> None:
        """Look through one folder; `relative` ends with a slash, or is empty for the folder itself."""
        path = os.path.join(self.base, relative)  # noqa: PTH118 - quicker than a Path
        try:
            identity = _identity(path)
            if identity in self.visited:
                return
            self.visited.add(identity)
            with os.scandir(path) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self._left_out(relative or self.base, error.strerror)
            return
        for entry in entries:
            if self.hidden or not entry.name.startswith("."):
                self._entry(relative + entry.name, entry)

    def _entry(self, relative: str, entry: os.DirEntry[str]) -> None:
        try:
            if entry.is_dir():
                self._sort_folder(relative + "/", entry.is_symlink())
            elif self.wanted.fullmatch(relative) and not self.excluded.fullmatch(relative):
                self._file(relative, entry.stat())
        except FileNotFoundError:
            self._left_out(relative, "the link leads nowhere" if entry.is_symlink() else "it is gone")
        except OSError as error:
            self._left_out(relative, error.strerror)

    def _sort_folder(self, relative: str, is_link: bool) -> None:
        if not self.on_the_way.fullmatch(relative) or self.excluded.fullmatch(relative):
            return
        if is_utf8(relative):
            (self.links if is_link else self.folders).append(relative)
        else:
            self._left_out(relative, "the name is not valid UTF-8")

    def _file(self, relative: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            return
        if is_utf8(relative):
            self.found.sizes[relative] = status.st_size
        else:
            self._left_out(relative, "the name is not valid UTF-8")

    def _left_out(self, relative: str, why: str | None) -> None:
        printable = os.fsencode(relative).decode("utf-8", "backslashreplace")
        self.found.problems.append(f"left out {printable}: {why or 'it could not be read'}")


def _identity(path: str | Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - takes both kinds
    return status.st_dev, status.st_ino
