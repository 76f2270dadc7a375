"""Reading from an SQLite file, over a connection that SQLite itself keeps from writing."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from abp_tui.enumerators.base import ITEM_LIMIT
from abp_tui.enumerators.sql import Request, Result, too_large, too_slow, unusable, unwanted
from abp_tui.enumerators.sql_url import sqlite_path
from abp_tui.enumerators.text import check_file
from abp_tui.errors import InvalidInput

BUSY_TIMEOUT_S = 5.0
LOOK_EVERY = 10_000  # steps of SQLite's machine: a fraction of a millisecond

_LONG = (str, bytes)
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_READING_PRAGMAS = frozenset(
    (
        "data_version page_size table_info table_xinfo table_list index_list index_info index_xinfo "
        "foreign_key_list"
    ).split()
)
_SHADOWS = ("_node", "_rowid", "_parent")
_CHANGES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
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
    watch = _Watch(request)
    with _connection(request, watch) as connection:
        begun(partial(_abandon, connection, watch))
        cursor = connection.execute(request.query, request.params)
        if cursor.description is None:
            raise InvalidInput("the query gives no rows at all", "give one SELECT")
        columns = [column[0] for column in cursor.description]
        yield Result(columns, _rows(cursor, watch))


def check(request: Request) -> None:
    """Raise what `reading` would raise before the first row, without running the query."""
    with _connection(request, _Watch(request)) as connection:
        connection.execute(f"EXPLAIN {request.query}", request.params)


@contextmanager
def _connection(request: Request, watch: _Watch) -> Iterator[sqlite3.Connection]:
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
            connection.set_progress_handler(watch, LOOK_EVERY)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ITEM_LIMIT)
            yield connection
    except (sqlite3.Error, sqlite3.Warning) as error:
        if guard.refused.startswith("ATTACH") and _is_vacuum(request.query):
            guard.refused = "VACUUM"
        raise _told(str(path), error, guard, watch) from None


def _is_vacuum(query: str) -> bool:
    """Whether what SQLite calls attaching a database is the copy that VACUUM makes."""
    return query.lstrip().upper().startswith("VACUUM")


def _path(request: Request) -> Path:
    try:
        return Path(sqlite_path(request.address))
    except ValueError as error:
        raise unusable(error) from None


def _abandon(connection: sqlite3.Connection, watch: _Watch) -> None:
    watch.is_abandoned = True
    with suppress(sqlite3.ProgrammingError):  # it has been closed meanwhile
        connection.interrupt()


class _Watch:
    """What SQLite asks every so often while a query runs: whether it shall end."""

    def __init__(self, request: Request) -> None:
        self.is_abandoned = False
        self.rows = 0
        self._request = request
        self._is_late = False
        self._begin()

    def _begin(self) -> None:
        """From now on the next row is waited for."""
        self._seen = self.rows
        self._ends = time.monotonic() + self._request.timeout_s

    def __call__(self) -> bool:
        if self.rows != self._seen:
            self._begin()
        self._is_late = time.monotonic() > self._ends
        return self._is_late or self.is_abandoned

    def why(self) -> InvalidInput | KeyboardInterrupt:
        """Why the query was cut short."""
        if self.is_abandoned:
            return unwanted()
        if self._is_late:
            return too_slow(self._request, f"there was no row for {self._request.timeout_s} s")
        return KeyboardInterrupt()  # Ctrl-C was raised in one of our answers, where SQLite swallows it


class _Guard:
    """What SQLite asks before a statement may do anything; remembers what was refused."""

    def __init__(self) -> None:
        self.refused = ""

    def __call__(self, action: int, one: str | None, two: str | None, *_: object) -> int:
        if action in _ALLOWED or _serves_reading(action, one or "", two):
            return sqlite3.SQLITE_OK
        self.refused = " ".join(word for word in (_NAMES.get(action, "that"), one) if word)
        return sqlite3.SQLITE_DENY


def _serves_reading(action: int, one: str, two: str | None) -> bool:
    """Whether reading a virtual table asks for it too; a real write among these fails when it is run.

    Declaring such a table asks to update the schema, and an R-tree prepares all it may ever do to its
    shadow tables. Only pragmas that change nothing are among those that virtual tables use.
    """
    if action == sqlite3.SQLITE_PRAGMA:
        sets = one in ("data_version", "page_size") and two is not None
        return one in _READING_PRAGMAS and not sets
    is_schema = action == sqlite3.SQLITE_UPDATE and one == "sqlite_master"
    return is_schema or (action in _CHANGES and one.endswith(_SHADOWS))


def _rows(cursor: sqlite3.Cursor, watch: _Watch) -> Iterator[Sequence[Any]]:
    """The rows; SQLite itself keeps each value within the limit, and here all of a row are."""
    n = 0
    try:
        for n, row in enumerate(cursor, 1):
            size = 0
            for value in row:
                if isinstance(value, _LONG):
                    size += len(value)
            if size > ITEM_LIMIT:
                raise too_large(f"row {n}")
            yield row
            watch.rows = n
    except sqlite3.DataError as error:
        if _is_too_large(error):
            raise too_large(f"row {n + 2}") from None  # each row comes only once the next is there
        raise


def _is_too_large(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_TOOBIG


def _is_cut_short(error: Exception) -> bool:
    """Whether one of our answers to SQLite ended the statement, or was itself ended before it could."""
    return getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_AUTH)


def _text(value: bytes) -> str | bytes:
    """Text as it is meant to be, or its bytes where it is no UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _told(path: str, error: Exception, guard: _Guard, watch: _Watch) -> InvalidInput | KeyboardInterrupt:
    if guard.refused:
        return InvalidInput(f"the query may only read, and would {guard.refused}", "give one SELECT")
    if _is_too_large(error):
        return too_large("row 1")
    if _is_cut_short(error):
        return watch.why()
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY:
        return InvalidInput("the query may only read, and would write", "give one SELECT")
    why = str(error)
    hint = next((hint for mark, hint in _HINTS if mark in why), "try the query with `sqlite3 -readonly`")
    return InvalidInput(f"{path}: {why}", hint)
