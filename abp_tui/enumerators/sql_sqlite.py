"""Reading from an SQLite file, over a connection that SQLite itself keeps from writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from abp_tui.enumerators.base import ITEM_LIMIT
from abp_tui.enumerators.sql import Request, Result, too_large, unusable
from abp_tui.enumerators.sql_url import sqlite_path
from abp_tui.enumerators.text import check_file
from abp_tui.errors import InvalidInput

BUSY_TIMEOUT_S = 5.0

_LONG = (str, bytes)
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_NAMES = {
    getattr(sqlite3, f"SQLITE_{name}"): name.replace("_", " ")
    for name in (
        "ATTACH DETACH PRAGMA INSERT UPDATE DELETE REINDEX ANALYZE TRANSACTION SAVEPOINT ALTER_TABLE "
        "CREATE_INDEX CREATE_TABLE CREATE_TRIGGER CREATE_VIEW CREATE_VTABLE DROP_INDEX DROP_TABLE "
        "DROP_TRIGGER DROP_VIEW DROP_VTABLE CREATE_TEMP_TABLE CREATE_TEMP_VIEW"
    ).split()
}
_HINTS = (
    ("locked", "another program holds it: try again, or end that program"),
    ("unable to open", "check the permissions of the file and of its folder"),
    ("not a database", "name an SQLite file"),
    ("no such table", "see what is there: SELECT name FROM sqlite_schema"),
    ("no such column", "see what is there: SELECT * FROM the table"),
    ("binding", "give each :name of the query in params"),
    ("one statement", "give one SELECT"),
    ("not authorized", "extensions are not loaded here: do without load_extension"),
)


@contextmanager
def reading(request: Request, begun: Callable[[Callable[[], None]], None]) -> Iterator[Result]:
    """The result of a query that reads; raises `InvalidInput` for one that writes, naming what.

    `begun` is told how another thread can interrupt it.
    """
    with _connection(request) as connection:
        begun(partial(_interrupt, connection))
        cursor = connection.execute(request.query, request.params)
        if cursor.description is None:
            raise InvalidInput("the query gives no rows at all", "give one SELECT")
        columns = [column[0] for column in cursor.description]
        yield Result(columns, _rows(cursor))


def check(request: Request) -> None:
    """Raise what `reading` would raise before the first row, without running the query."""
    with _connection(request) as connection:
        connection.execute(f"EXPLAIN {request.query}", request.params)


@contextmanager
def _connection(request: Request) -> Iterator[sqlite3.Connection]:
    """A connection that can only read; what SQLite says against a statement becomes our error."""
    path, guard = _path(request), _Guard()
    check_file(str(path))
    try:
        uri = f"{path.as_uri()}?mode=ro"
        with closing(
            sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.text_factory = _text
            connection.set_authorizer(guard)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ITEM_LIMIT)
            yield connection
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise too_large("row 1") if _is_too_large(error) else _told(str(path), str(error), guard) from None


def _path(request: Request) -> Path:
    try:
        return Path(sqlite_path(request.address))
    except ValueError as error:
        raise unusable(error) from None


def _interrupt(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.ProgrammingError):  # it has been closed meanwhile
        connection.interrupt()


class _Guard:
    """What SQLite asks before a statement may do anything; remembers what was refused."""

    def __init__(self) -> None:
        self.refused = ""

    def __call__(self, action: int, one: str | None, two: str | None, *_: object) -> int:
        if action in _ALLOWED:
            return sqlite3.SQLITE_OK
        self.refused = " ".join(word for word in (_NAMES.get(action, "that"), one) if word)
        return sqlite3.SQLITE_DENY


def _rows(cursor: sqlite3.Cursor) -> Iterator[Sequence[Any]]:
    """The rows; SQLite itself keeps each value within the limit, and here all of a row are."""
    n = 0
    try:
        for n, row in enumerate(cursor, 1):
            if sum(len(value) for value in row if isinstance(value, _LONG)) > ITEM_LIMIT:
                raise too_large(f"row {n}")
            yield row
    except sqlite3.DataError as error:
        if _is_too_large(error):
            raise too_large(f"row {n + 2}") from None  # each row comes only once the next is there
        raise


def _is_too_large(error: sqlite3.Error | sqlite3.Warning) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_TOOBIG


def _text(value: bytes) -> str | bytes:
    """Text as it is meant to be, or its bytes where it is no UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _told(path: str, why: str, guard: _Guard) -> InvalidInput:
    if guard.refused:
        return InvalidInput(f"the query may only read, and would {guard.refused}", "give one SELECT")
    hint = next((hint for mark, hint in _HINTS if mark in why), "try the query with `sqlite3 -readonly`")
    return InvalidInput(f"{path}: {why}", hint)
