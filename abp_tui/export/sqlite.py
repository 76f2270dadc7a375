"""An SQLite database: the table `units`, and where they are wanted `attempts` and `events`."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from abp_tui.errors import InvalidInput
from abp_tui.export.table import Column, Kind, Table, as_text, fitted, kind_of, plain

BATCH = 500
_TYPES = {Kind.INTEGER: " INTEGER", Kind.REAL: " REAL", Kind.BOOLEAN: " INTEGER", Kind.MIXED: ""}


def require() -> None:
    """It needs nothing."""


def write(tables: list[Table], file: BinaryIO, safe: bool) -> None:
    """Write all tables. Integers beyond 64 bits are text; true and false are 1 and 0."""
    with _place(file) as path:
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                _fill(connection, tables)
        except sqlite3.OperationalError as error:  # of what is ours here, only the disk can go wrong
            raise OSError(0, str(error)) from error


@contextmanager
def _place(file: BinaryIO) -> Iterator[Path]:
    """Where SQLite writes: the file itself, or for a pipe one that is copied into it at the end."""
    name = getattr(file, "name", None)
    if isinstance(name, str) and Path(name).is_file():
        yield Path(name)
        return
    with tempfile.TemporaryDirectory(prefix="abp-") as folder:
        yield Path(folder, "export.sqlite")
        with Path(folder, "export.sqlite").open("rb") as whole:
            shutil.copyfileobj(whole, file)


def _fill(connection: sqlite3.Connection, tables: list[Table]) -> None:
    connection.execute("PRAGMA journal_mode = OFF")  # it is thrown away where it is not finished
    connection.execute("PRAGMA synchronous = OFF")  # and synced whole, at the end
    connection.execute("BEGIN")
    for table in tables:
        named = ", ".join(f"{_quoted(c.name)}{_TYPES.get(c.kind, ' TEXT')}" for c in table.columns)
        connection.execute(f"CREATE TABLE {table.name} ({named})")
        places = ", ".join("?" * len(table.columns))
        rows = _cells(table)
        while batch := list(islice(rows, BATCH)):
            connection.executemany(f"INSERT INTO {table.name} VALUES ({places})", batch)
    connection.execute("COMMIT")


def _cells(table: Table) -> Iterator[list[Any]]:
    for row in table.rows():
        yield [_cell(column, value) for column, value in zip(table.columns, row, strict=True)]


def _cell(column: Column, value: Any) -> Any:
    """A value as SQLite holds it, whatever the others of its column are."""
    if column.kind is Kind.JSON:
        return fitted(value, Kind.JSON)
    if value is None or isinstance(value, float) or kind_of(value) in (Kind.INTEGER, Kind.BOOLEAN):
        return value
    return as_text(value)


def _quoted(name: str) -> str:
    """A name as an identifier, which may hold anything but NUL."""
    if "\0" in name:
        raise InvalidInput(
            f"a field's name has a NUL: {name!r}", "SQLite can't have that: export another format"
        )
    return '"' + plain(name).replace('"', '""') + '"'
