"""What an attempt changes in its folder: a look before it, a look after it, and the difference.

Whatever goes wrong here is said and never fails the attempt.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from abp_tui.domain.change import ChangeKind, FileChange, FolderChanges
from abp_tui.execution.git import GitFailed, Shadow, find_tree

MOST_FILES = 5_000  # of a folder that git does not know
MOST_BYTES = 64 * 1024 * 1024  # to be read for one look
MOST_LISTED = 200  # changed files
PATCH_CAP = 64 * 1024  # characters of one file
PATCHES_CAP = 1024 * 1024  # characters of all
CUT = "\n[… cut by abp: {} more lines]\n"

_KINDS = {"A": ChangeKind.NEW, "D": ChangeKind.DELETED, "R": ChangeKind.RENAMED}

# What git's quoted paths have for these signs; others are three octal digits.
_ESCAPES = dict(zip('\a\b\t\n\v\f\r"\\', (f"\\{letter}" for letter in 'abtnvfr"\\'), strict=True))

log = logging.getLogger(__name__)


class Comparison:
    """A folder before and after. Use it as a context manager around what changes the folder.

    `database` is our own, which may lie within it. `variables` are added to the environment of git.
    """

    def __init__(self, folder: str, database: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._database = database
        self._variables = variables
        self._why_not = ""
        self._scratch = ""

    def __enter__(self) -> Comparison:
        try:
            self._scratch = tempfile.mkdtemp(prefix="abp-compare-")
            self._shadow = self._over_folder()
            self._before = _look(self._shadow, self._folder)
        except (GitFailed, OSError) as problem:
            self._give_up(problem)
        return self

    def __exit__(self, *_: object) -> None:
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def changes(self) -> FolderChanges:
        """What is not as it was at the beginning."""
        try:
            return FolderChanges(not_compared=self._why_not) if self._why_not else self._compare()
        except (GitFailed, OSError) as problem:
            self._give_up(problem)
            return FolderChanges(not_compared=self._why_not)

    def _give_up(self, problem: GitFailed | OSError) -> None:
        self._why_not = str(problem)
        log.info("%s is not compared: %s", self._folder, problem)

    def _over_folder(self) -> Shadow:
        tree = find_tree(self._folder, self._variables)
        if tree is None:
            _refuse_if_large(self._folder)
        shadow = Shadow(self._folder, Path(self._scratch), tree, self._variables)
        shadow.keep_out(*_patterns(self._database, shadow.top))
        return shadow

    def _compare(self) -> FolderChanges:
        after = _look(self._shadow, self._folder)
        if after == self._before:
            return FolderChanges()
        found = list(_files(self._shadow.facts(self._before, after)))
        listed = _with_patches(found, self._shadow.patch(self._before, after))
        return FolderChanges(
            files=tuple(listed[:MOST_LISTED]),
            total=len(found),
            added=sum(file.added or 0 for file in found),
            removed=sum(file.removed or 0 for file in found),
        )


def _look(shadow: Shadow, folder: str) -> str:
    """A snapshot, unless there is too much to read for it."""
    size = sum(_size(os.path.join(os.fsencode(folder), name)) for name in shadow.unknown_files())  # noqa: PTH118
    if size > MOST_BYTES:
        raise GitFailed(f"{size / 2**20:,.0f} MB of files that git does not know; list them in .gitignore")
    return shadow.snapshot()


def _size(path: bytes) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0  # deleted


def _refuse_if_large(folder: str) -> None:
    """Raise `GitFailed` for a folder without git that is too large to read twice."""
    files = size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            files += 1
            size += _size(os.fsencode(os.path.join(place, name)))  # noqa: PTH118
            if files > MOST_FILES or size > MOST_BYTES:
                limits = f"{MOST_FILES:,} files or {MOST_BYTES // 2**20} MB"
                raise GitFailed(f"the folder is no git tree and has more than {limits}")


def _patterns(database: Path, top: Path) -> Iterator[str]:
    """What our own files in the folder are called, in gitignore's language."""
    try:
        place = database.parent.resolve().relative_to(top.resolve())
    except ValueError:
        return
    folder = "/".join(_literal(part) for part in ("", *place.parts))
    ours = _literal(database.stem)
    for pattern in (f"{_literal(database.name)}*", f"logs/{ours}-*", f"results/{ours}-*"):
        yield f"{folder}/{pattern}"


def _literal(name: str) -> str:
    return "".join(f"\\{sign}" if sign in "\\*?[ " else sign for sign in name)


def _files(facts: bytes) -> Iterator[FileChange]:
    """Git's raw lines, one for each file, then as many numstat lines in the same order."""
    fields = iter([field.decode("utf-8", "replace") for field in facts.split(b"\0")][:-1])
    heads: list[tuple[str, str, str]] = []
    for field in fields:
        if not field.startswith(":"):
            yield from _counted(heads, field, fields)
            return
        letter = field.rsplit(" ", 1)[1][:1]
        old = next(fields, "") if letter in "RC" else ""
        heads.append((letter, old, next(fields, "")))


def _counted(heads: list[tuple[str, str, str]], first: str, fields: Iterator[str]) -> Iterator[FileChange]:
    numbers = first
    for letter, old, path in heads:
        added, removed, name = [*numbers.split("\t"), "", ""][:3]
        if not name:  # renamed: two fields more
            next(fields, ""), next(fields, "")
        yield FileChange(
            path=path,
            kind=_KINDS.get(letter, ChangeKind.CHANGED),
            old_path=old,
            added=_number(added),
            removed=_number(removed),
        )
        numbers = next(fields, "")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _with_patches(files: list[FileChange], patch: str) -> list[FileChange]:
    """The files with their parts of the patch, each within its cap and all within theirs."""
    parts: dict[str, list[str]] = {}
    for part in f"\n{patch}".split("\ndiff --git ")[1:]:
        parts.setdefault(part.partition("\n")[0], []).append(f"diff --git {part.removesuffix(chr(10))}\n")
    room, listed = PATCHES_CAP, []
    for file in files:
        head = f"{_quoted(f'a/{file.old_path or file.path}')} {_quoted(f'b/{file.path}')}"
        text = _cut("".join(parts.get(head, ())))
        room -= len(text)
        listed.append(file.model_copy(update={"patch": text if room >= 0 else ""}))
    return listed


def _quoted(path: str) -> str:
    """A path as git has it in a patch: with signs of control, quotes or backslashes, as C has strings."""
    signs = (_ESCAPES.get(sign) or (f"\\{ord(sign):03o}" if _is_control(sign) else sign) for sign in path)
    quoted = "".join(signs)
    return path if quoted == path else f'"{quoted}"'


def _is_control(sign: str) -> bool:
    return sign < " " or sign == "\x7f"


def _cut(text: str) -> str:
    if len(text) <= PATCH_CAP:
        return text
    kept = text[:PATCH_CAP].rpartition("\n")[0]
    return kept + CUT.format(f"{text.count(chr(10)) - kept.count(chr(10)):,}")
