"""Results out of the store: a row per unit or attempt, as JSON lines, CSV, SQLite or Parquet."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from abp_tui.errors import InvalidInput
from abp_tui.export.attempts import attempts_table, events_table
from abp_tui.export.table import Table, Wanted
from abp_tui.export.target import opened, refuse_sources
from abp_tui.export.units import units_table
from abp_tui.plugins import suggest
from abp_tui.store.repository import Repository

FORMATS = ("jsonl", "csv", "sqlite", "parquet")
BINARY = frozenset({"sqlite", "parquet"})
_SUFFIXES = {"ndjson": "jsonl", "db": "sqlite", "sqlite3": "sqlite", "pq": "parquet"}
_MODULES = {name: f"abp_tui.export.{name}" for name in FORMATS}


class Format(Protocol):
    """What the module of a format has."""

    def write(self, tables: list[Table], file: BinaryIO, safe: bool) -> None:
        """Write the last of the tables, or as many as the format can hold, into the file."""

    def require(self) -> None:
        """Raise `InvalidInput` where a library is missing for it."""


def format_of(target: Path | None) -> str:
    """The format that a file's suffix stands for; JSON lines for stdout, or where there is none.

    Raises `InvalidInput` for a suffix of no format.
    """
    suffix = target.suffix.lower().lstrip(".") if target else ""
    form = suffix if suffix in FORMATS else _SUFFIXES.get(suffix, "" if suffix else "jsonl")
    if not form:
        raise InvalidInput(f"{target} has the suffix of no format", f"say --format {'|'.join(FORMATS)}")
    return form


def export(
    repository: Repository,
    job_id: int,
    target: Path | BinaryIO,
    form: str | None = None,
    wanted: Wanted | None = None,
    told: Callable[[int], None] | None = None,
) -> int:
    """Write a job's results, in the order of its items; returns the number of rows.

    `form` is one of `FORMATS`, by default what the suffix of `target` says. Works while the job runs: it
    reads page by page, each as it is at its moment, and holds nobody up. A file appears whole or not at
    all. `told` is called with the rows written so far, now and then. Raises `InvalidInput` where the file
    can't be written or is one that the job reads, where a field is not there, or a library is missing.
    """
    wanted = wanted or Wanted()
    form = form or format_of(target if isinstance(target, Path) else None)
    module = _format(form)
    module.require()
    if isinstance(target, Path):
        refuse_sources(repository, job_id, target)
    tables = _tables(repository, job_id, form, wanted)
    counted = tables[-1 if form != "sqlite" or not wanted.conversations else -2]
    counted.told = told
    if not isinstance(target, Path):
        module.write(tables, target, wanted.safe)
        return counted.count
    with opened(target) as file:
        module.write(tables, file, wanted.safe)
    return counted.count


def export_jsonl(repository: Repository, job_id: int, target: Path) -> int:
    """Write a job's units as JSON lines, as `export` does."""
    return export(repository, job_id, target, "jsonl")


def _format(form: str) -> Format:
    if form not in FORMATS:
        raise InvalidInput(f"there is no format {form!r}", suggest(form, list(FORMATS)))
    return cast(Format, import_module(_MODULES[form]))


def _tables(repository: Repository, job_id: int, form: str, wanted: Wanted) -> list[Table]:
    """What is to be written: one table, but for SQLite, which can hold several."""
    job = repository.jobs.get(job_id)
    if form != "sqlite":
        if wanted.of_attempts:
            return [attempts_table(repository, job, wanted)]
        return [units_table(repository, job, wanted, flat=form != "jsonl")]
    if not wanted.of_attempts:
        return [units_table(repository, job, wanted, flat=True, fold=True)]
    units = units_table(repository, job, Wanted(state=wanted.state), flat=True, fold=True)
    attempts = attempts_table(repository, job, wanted, whole=False)
    events = [events_table(repository, job, wanted)] if wanted.conversations else []
    return [units, attempts, *events]
