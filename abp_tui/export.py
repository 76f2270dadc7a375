"""Results out of the store: one JSON line per unit, as `abp units --json` shows it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from abp_tui.domain.model import WorkUnit
from abp_tui.domain.status import UnitStatus
from abp_tui.errors import InvalidInput
from abp_tui.store.repository import Repository
from abp_tui.views import view_unit


def export_jsonl(
    repository: Repository, job_id: int, target: Path | TextIO, status: UnitStatus | None = None
) -> int:
    """Write a job's units, in the order of its items, as JSON lines; returns how many.

    Works while the job runs: each page shows its units as they are then. A file appears whole or not at
    all. Raises `InvalidInput` where the file can't be written or is an item of the job.
    """
    units = repository.units.stream(job_id, status=status)
    if not isinstance(target, Path):
        return _write(units, target)
    with _opened(target) as file:
        return _write(_sparing(units, target.resolve()), file)


def json_line(unit: WorkUnit) -> str:
    """A unit as one line of JSON. Lone surrogates, as in broken file names, are left to the encoder."""
    return json.dumps(view_unit(unit).model_dump(mode="json"), ensure_ascii=False)


def _sparing(units: Iterator[WorkUnit], target: Path) -> Iterator[WorkUnit]:
    """The units, as long as none of them is the file that is about to be replaced."""
    for unit in units:
        if unit.payload.get("file_path") == str(target):
            raise InvalidInput(f"{target} is one of the job's own items", "name another file")
        yield unit


def _write(units: Iterator[WorkUnit], file: TextIO) -> int:
    count = 0
    for unit in units:
        file.write(json_line(unit) + "\n")
        count += 1
    return count


@contextmanager
def _opened(target: Path) -> Iterator[TextIO]:
    target = target.resolve()
    if target.is_dir():
        raise InvalidInput(f"{target} is a folder", "name a file")
    special = target.exists() and not target.is_file()
    try:
        with _open(target) if special else _replacing(target) as file:
            yield file
    except OSError as error:
        raise InvalidInput(
            f"can't write {target}: {error.strerror}", "name a file in a folder that you can write to"
        ) from error


@contextmanager
def _replacing(target: Path) -> Iterator[TextIO]:
    """A temporary file beside `target` that takes its place once it is whole and on the disk."""
    part = target.with_name(f".{target.name[:50]}.{uuid.uuid4().hex}.part")
    try:
        with _open(part) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _open(path: Path) -> TextIO:
    """For writing; what can't be encoded becomes an escape that JSON knows."""
    return path.open("w", encoding="utf-8", errors="backslashreplace")
