"""Files of a folder as items."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from abp_tui.enumerators import globs
from abp_tui.enumerators.base import Enumerator, EnumeratorConfig, Item
from abp_tui.enumerators.settings import AbsolutePath, limit_field
from abp_tui.enumerators.text import nearest_parent
from abp_tui.enumerators.walk import Walk
from abp_tui.errors import InvalidInput

EVERYTHING = ("**/*",)


def _several(value: Any) -> Any:
    return ((value,) if value else ()) if isinstance(value, str) else value


def _some(value: Any) -> Any:
    return _several(value) or EVERYTHING


def _is_glob(pattern: str) -> str:
    if not pattern.strip("/. ") or pattern.startswith("~/") or ".." in pattern.split("/"):
        raise ValueError(f"{pattern!r} is not a pattern for paths inside the folder")
    try:
        globs.files([pattern])
    except re.error as error:
        raise ValueError(f"{pattern!r} can't be read: {error.msg}") from None
    return pattern


def _is_relative(pattern: str) -> str:
    if pattern.startswith("/"):
        raise ValueError(f"{pattern!r} must be relative to the folder")
    return pattern


Glob = Annotated[str, AfterValidator(_is_glob)]
RelativeGlob = Annotated[Glob, AfterValidator(_is_relative)]


class FileConfig(EnumeratorConfig):
    """Which files of which folder."""

    base_directory: AbsolutePath = Field(
        title="Folder",
        description="The folder to look in. `~` and relative paths are made absolute.",
        min_length=1,
        json_schema_extra={"format": "directory-path"},
    )
    pattern: Annotated[tuple[RelativeGlob, ...], BeforeValidator(_some)] = Field(
        default=EVERYTHING,
        title="Patterns",
        description="Files to take: `*.md` in the folder itself, `**/*.md` at any depth. One or several.",
    )
    exclude_patterns: Annotated[tuple[Glob, ...], BeforeValidator(_several)] = Field(
        default=(),
        title="Leave out",
        description="Files and folders to leave out, folders with all below them. "
        "A pattern without a slash matches at any depth.",
    )
    include_hidden: bool = Field(
        default=False,
        title="Hidden files too",
        description="Take files too whose name, or whose folder's name, starts with a dot.",
    )
    limit: int | None = limit_field("files, by the parts of their paths")


class FileEnumerator(Enumerator[FileConfig]):
    """The files of a folder that match a pattern, found as a stream, each once whatever patterns it matches.

    They come by the parts of their paths: in each folder by name, a folder's files in its place (`docs/a`
    before `docs-old/a`). The walk ends at the limit, and so do its warnings.
    Links to files and folders are followed, each folder once and none back up to where we came from.
    A name that is not valid UTF-8 can't be stored or put into a prompt: such files are left out with a
    warning, as are broken links and what can't be read.
    """

    name = "file"
    title = "Files in a folder"
    Config = FileConfig
    fields = ("file_path", "relative_path", "file_name", "file_stem", "file_extension", "file_size")

    def __init__(self, config: FileConfig) -> None:
        super().__init__(config)
        self._walk: Walk | None = None
        self._abandoned = False

    def validate(self) -> None:
        """Raise `InvalidInput` where the folder is not there, is no folder or can't be read."""
        base = Path(self.config.base_directory)
        try:
            with os.scandir(base):
                return
        except FileNotFoundError:
            raise InvalidInput(f"there is no folder {base}", nearest_parent(base)) from None
        except NotADirectoryError:
            hint = f"give its folder {base.parent} and the pattern {base.name}"
            raise InvalidInput(f"{base} is not a folder", hint) from None
        except OSError as error:
            raise InvalidInput(f"{base} can't be read: {error.strerror}", "check its permissions") from error

    def reserved(self) -> None:
        """Files are only read."""

    def items(self) -> Iterator[Item]:
        """An item per file, keyed by its relative path."""
        self.validate()
        self._walk = self._walked(self.config)
        for relative, size in islice(self._walk.files(), self.config.limit):
            path = os.path.join(self.config.base_directory, relative)  # noqa: PTH118 - a Path for each is slow
            yield Item(relative, file_payload(path, relative, size))

    def abandon(self) -> None:
        """End the walk at its next entry, and begin no other."""
        self._abandoned = True

    def warnings(self) -> list[str]:
        """What was left out on the way to the items that were asked for, at most `MAX_WARNINGS` lines."""
        return self._walk.warnings() if self._walk else []

    def why_empty(self) -> str:
        """Which setting keeps files away, with how many of them, if one of them does."""
        patterns = " ".join(self.config.pattern)
        deep = tuple(pattern if "/" in pattern else f"**/{pattern}" for pattern in self.config.pattern)
        base = self.config.base_directory
        if count := self._count(pattern=deep):
            return f"nothing matched {patterns} directly in {base}; {_files(count)} {' '.join(deep)}"
        if count := self._count(include_hidden=True):
            return f"nothing matched {patterns} in {base}; with hidden files {_files(count)} it"
        if count := self._count(exclude_patterns=()):
            return f"{_files(count)} {patterns} in {base}, but the patterns to leave out cover all of it"
        return f"no file in {base} matches {patterns}"

    def _count(self, **changes: Any) -> int:
        return sum(1 for _ in self._walked(self.config.model_copy(update=changes)).files())

    def _walked(self, config: FileConfig) -> Walk:
        return Walk(
            config.base_directory, config.pattern, config.exclude_patterns, config.include_hidden, self._check
        )

    def _check(self) -> None:
        if self._abandoned:
            raise InvalidInput(
                f"the walk through {self.config.base_directory} was ended", "nobody wants its files any more"
            )


def _files(count: int) -> str:
    return "1 file matches" if count == 1 else f"{count} files match"


def file_payload(path: str, relative: str, size: int) -> dict[str, Any]:
    """What a file is to its prompt: its names, and its size in bytes."""
    name = path.rpartition("/")[2]
    stem, extension = os.path.splitext(name)  # noqa: PTH122 - the same
    return {
        "file_path": path,
        "relative_path": relative,
        "file_name": name,
        "file_stem": stem,
        "file_extension": extension,
        "file_size": size,
    }
