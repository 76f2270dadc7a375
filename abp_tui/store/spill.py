"""Outcomes that the database can't take at the moment, kept in a file whose space is reserved beforehand."""

from __future__ import annotations

import glob
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from abp_tui.errors import StoreError
from abp_tui.paths import log_folder
from abp_tui.store.records import dump

if TYPE_CHECKING:
    from abp_tui.store.claims import Finished

log = logging.getLogger(__name__)

PER_WORKER_BYTES = 2 * 1024 * 1024  # a default output limit of one, as JSON
LEAST_BYTES, MOST_BYTES = 1024 * 1024, 64 * 1024 * 1024
TROUBLE_BYTES = 512  # at the beginning: why the database can't be written
EMPTY = b"\0"  # where reading ends


@cache
def _finished() -> TypeAdapter[Finished]:
    from abp_tui.store.claims import Finished  # takes a while, and most who look at a job don't need it

    return TypeAdapter(Finished)


def spill_path(store: Path, job_id: int, executor: str) -> Path:
    """The file of one executor of a job: none ever touches another's while that may live."""
    return log_folder(store) / f"{store.stem}-j{job_id}-{executor}.spill"


def spill_paths(store: Path, job_id: int | None = None) -> list[Path]:
    """The files that executors of a job, or of any, have left, or have at work."""
    job = "*" if job_id is None else job_id
    return sorted(log_folder(store).glob(f"{glob.escape(store.stem)}-j{job}-*.spill"))


class Spill:
    """The file of one executor: what the trouble is, then a line for the end of each attempt, then room."""

    def __init__(self, path: Path, store_uuid: str, workers: int) -> None:
        """Reserve the room; raises `StoreError` where there is none."""
        self._path = path
        self._uuid = store_uuid
        self._kept: set[int] = set()
        self._end = TROUBLE_BYTES
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _reserve(self._file, min(MOST_BYTES, max(LEAST_BYTES, workers * PER_WORKER_BYTES)))
        except OSError as error:
            path.unlink(missing_ok=True)
            raise StoreError(f"{path} can't be made: {error.strerror}", "free some space there") from error

    def tell(self, trouble: str) -> None:
        """Say what the trouble is, for those who look at the job: a full disk takes no word elsewhere."""
        data = trouble.encode("utf-8", "replace")[: TROUBLE_BYTES - 1]
        self._write(data.ljust(TROUBLE_BYTES, EMPTY), 0)

    def keep(self, ends: Iterable[Finished]) -> None:
        """Write down the ends that are not in the file yet. Where even that fails, memory alone has them."""
        for end in ends:
            if end.claim.attempt_id not in self._kept:
                data = _line(self._uuid, end)
                if self._write(data + EMPTY, self._end):
                    self._end += len(data)
                    self._kept.add(end.claim.attempt_id)

    def clear(self) -> None:
        """The database has it all: the file is empty again, its room kept."""
        if self._write(EMPTY * (TROUBLE_BYTES + 1), 0):
            self._kept.clear()
            self._end = TROUBLE_BYTES

    def _write(self, data: bytes, at: int) -> bool:
        try:
            whole = os.pwrite(self._file, data, at) == len(data)
            os.fdatasync(self._file)
        except OSError as error:
            log.warning("%s can't be written: %s", self._path, error.strerror)
            return False
        return whole

    def close(self) -> None:
        """Remove the file, unless it holds what the database lacks."""
        if not self._kept:
            self._path.unlink(missing_ok=True)
        os.close(self._file)


def read_spill(path: Path, store_uuid: str) -> list[Finished]:
    """What an executor that died left in its file for this store; nothing where there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = data[TROUBLE_BYTES:].partition(EMPTY)[0].splitlines(keepends=True)
    found = [_parse(line, store_uuid) for line in lines if line.endswith(b"\n")]  # the last one may be torn
    return [end for end in found if end is not None]


def read_trouble(store: Path, job_id: int, executor: str) -> str | None:
    """Why a job's executor can't write to the database now, if it says so."""
    try:
        with spill_path(store, job_id, executor).open("rb") as file:
            said = file.read(TROUBLE_BYTES).partition(EMPTY)[0]
    except OSError:
        return None
    return said.decode("utf-8", "replace") or None


def _line(store_uuid: str, end: Finished) -> bytes:
    lean = replace(end, claim=replace(end.claim, payload={}, prompt="", done=None))
    return dump({"store": store_uuid, "end": _finished().dump_python(lean, mode="json")}).encode() + b"\n"


def _parse(line: bytes, store_uuid: str) -> Finished | None:
    try:
        record = json.loads(line)
        return _finished().validate_python(record["end"]) if record["store"] == store_uuid else None
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        log.warning("a line of a spill file makes no sense: %s", error)
        return None


def _reserve(file: int, size: int) -> None:
    """Have the disk keep `size` bytes for the file; what is in it stays."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        missing = size - os.fstat(file).st_size
        os.pwrite(file, bytes(max(0, missing)), size - max(0, missing))
    os.fdatasync(file)
