"""The file that results go to: whole or not at all, and never one that the job needs."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from abp_tui.errors import InvalidInput
from abp_tui.store.repository import Repository
from abp_tui.store.spill import spill_paths

SOURCES = ("file_path", "list_file")  # settings of enumerators that name what they read
SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal")


def refuse_sources(repository: Repository, job_id: int, target: Path) -> None:
    """Raise `InvalidInput` where writing to `target` would destroy an item, a source, or the database."""
    target = target.resolve()
    if _is_of_store(target, repository.path):
        raise InvalidInput(f"{target} is the database itself, or a part of it", "name another file")
    if not target.is_file():
        return
    config = repository.jobs.get(job_id).enumerator_config
    read = [Path(str(config[name])) for name in SOURCES if config.get(name)]
    if any(file.exists() and file.samefile(target) for file in read):
        raise InvalidInput(f"{target} is where the job's items come from", "name another file")
    if repository.units.any_with(job_id, "file_path", str(target)):
        raise InvalidInput(f"{target} is one of the job's own items", "name another file")


def _is_of_store(target: Path, store: Path) -> bool:
    """Whether it is a file of the database by any name, or the name of one that may come."""
    database = store.resolve()
    own = [database.with_name(f"{database.name}{suffix}") for suffix in SQLITE_SUFFIXES]
    return any(target == file.resolve() or _are_same(target, file) for file in (*own, *spill_paths(store)))


def _are_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False  # one is not there, or gone by now


@contextmanager
def opened(target: Path) -> Iterator[BinaryIO]:
    """The file to write to. It takes the place of `target` once it is whole and on the disk.

    A pipe or device is written to as it is. Raises `InvalidInput` where it can't be written.
    """
    target = target.resolve()
    if target.is_dir():
        raise InvalidInput(f"{target} is a folder", "name a file")
    special = target.exists() and not target.is_file()
    try:
        with cast(BinaryIO, target.open("wb")) if special else _replacing(target) as file:
            yield file
    except OSError as error:
        why = error.strerror or str(error)
        hint = "name a file in a folder that you can write to, with room on its disk"
        raise InvalidInput(f"can't write {target}: {why}", hint) from error


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A temporary file beside `target` that takes its place once it is whole and on the disk."""
    part = target.with_name(f".{target.name[:50]}.{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        part.replace(target)
        _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk, too, where the file system knows that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return  # a folder that may be written, but not read
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # the file itself is there, and whole
    finally:
        os.close(descriptor)
