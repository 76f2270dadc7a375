"""Files that travel with a unit, and back: for nodes that don't share the disk that the items are on."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from abp_tui.errors import InvalidInput
from abp_tui.execution.engines.wire import File, Parcel
from abp_tui.store.claims import Claim

FIELD = "file_path"
MB = 1024 * 1024
PERMISSIONS = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO  # and no set-user-id that a node may have sent


def portable(payload: Mapping[str, Any], folder: str) -> Mapping[str, Any]:
    """The payload with its file named from the folder that a unit runs in, wherever that is."""
    path = payload.get(FIELD)
    if not isinstance(path, str) or not Path(path).is_absolute():
        return payload
    return {**payload, FIELD: _within(path, folder)}


def _within(path: str, folder: str) -> str:
    """Its path from the folder; its name alone where it lies elsewhere."""
    try:
        return Path(path).relative_to(folder).as_posix()
    except ValueError:
        return Path(path).name


def parcel(claim: Claim, folder: str, most_bytes: int) -> Parcel:
    """A claim ready to travel, with its file if `most_bytes` is not 0.

    Raises `InvalidInput` for a file that can't be read or is larger than that.
    """
    path = claim.payload.get(FIELD)
    named = path if isinstance(path, str) and Path(path).is_absolute() else None
    if not most_bytes:
        return Parcel(claim, shared=named if named and Path(named).exists() else None)
    files = () if named is None else (_read(named, _within(named, folder), most_bytes),)
    return Parcel(replace(claim, payload=portable(claim.payload, folder)), files)


def _read(path: str, name: str, most_bytes: int) -> File:
    try:
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_size > most_bytes:
                size, most = status.st_size / MB, most_bytes / MB
                raise InvalidInput(
                    f"{path} has {size:.2f} MB, and up to {most:.2f} travel with a unit",
                    "`ship_files_mb` of the settings raises it, or share the folder with the nodes",
                )
            return File(name, file.read(), stat.S_IMODE(status.st_mode))
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}", "is it still there?") from None


@contextmanager
def unpacked_in_folder(files: Sequence[File]) -> Iterator[str]:
    """A folder of its own with these files, gone afterwards."""
    folder = tempfile.mkdtemp(prefix="abp-unit-")
    try:
        for file in files:
            target = Path(folder, *_safe_parts(file.path))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data)
            target.chmod(file.mode | stat.S_IRUSR | stat.S_IWUSR)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def changed_files(folder: str, before: Sequence[File], most_bytes: int) -> tuple[tuple[File, ...], str]:
    """The regular files that are new or not as before, up to `most_bytes`; and in words what is left out."""
    known = {file.path: file.data for file in before}
    changed, left_out, room = [], [], most_bytes
    for path in sorted(_regular_files(folder)):
        name = path.relative_to(folder).as_posix()
        size = path.lstat().st_size
        if size > room and size != len(known.get(name, b"")):
            left_out.append(f"{name} ({size / MB:.1f} MB)")
            continue
        data = path.read_bytes()
        if known.get(name) != data:
            changed.append(File(name, data, stat.S_IMODE(path.lstat().st_mode)))
            room -= len(data)
    return tuple(changed), ", ".join(left_out)


def _regular_files(folder: str) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def keep(files: Sequence[File], folder: Path) -> list[Path]:
    """Write files that came back below `folder`, each whole or not at all; returns where they are."""
    return [_keep(file, folder) for file in files]


def _keep(file: File, folder: Path) -> Path:
    target = folder.joinpath(*_safe_parts(file.path))
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as draft:
        draft.write(file.data)
    Path(draft.name).chmod(file.mode & PERMISSIONS | stat.S_IRUSR | stat.S_IWUSR)
    Path(draft.name).replace(target)
    return target


def _safe_parts(path: str) -> tuple[str, ...]:
    """The parts of a path that stays where it belongs; raises `InvalidInput` for another."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise InvalidInput(f"a file came with the path {path!r}", "it was left aside")
    return parts
