"""Reading from PostgreSQL: in a read-only transaction, through a cursor of the server's."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

from abp_tui.enumerators.base import ITEM_LIMIT
from abp_tui.enumerators.sql import Request, Result, too_large, too_slow, unusable
from abp_tui.enumerators.sql_server_url import MASK, connection_settings
from abp_tui.enumerators.sql_url import masked
from abp_tui.errors import InvalidInput

try:
    import psycopg
except ImportError as missing:
    raise InvalidInput("PostgreSQL needs the driver psycopg", "pip install 'abp-tui[postgres]'") from missing

CONNECT_TIMEOUT_S = 10
BATCH = 1000
CURSOR = "abp_items"
UNFOLDING = 256  # times; the most that the server can compress a value
TOO_LARGE = "abp: a row of"
TELLING = 4  # characters; less of a password is in any text

Connection = psycopg.Connection[tuple[Any, ...]]
Cursor = psycopg.ServerCursor[tuple[Any, ...]]

_OPTIONS = psycopg.pq.Conninfo.get_defaults()
_KNOWN = frozenset(option.keyword.decode() for option in _OPTIONS)
_SECRET = frozenset(option.keyword.decode() for option in _OPTIONS if option.dispchar)
_LINE = re.compile(r"\bLINE (\d+):")  # the query begins on the second
_CHANGE = re.compile(
    r"(?:\s|--[^\n]*\n)*(?:insert|update|delete|merge|truncate|create|alter|drop|copy|call|do)\b",
    re.IGNORECASE,
)
_CHANGE_INSIDE = re.compile(r"\b(?:insert|update|delete|merge)\b", re.IGNORECASE)


@contextmanager
def reading(request: Request, begun: Callable[[Callable[[], None]], None]) -> Iterator[Result]:
    """The result of a query that reads; raises `InvalidInput`, saying why, for one that writes.

    `begun` is told how another thread can interrupt it.
    """
    with _declared(request, _measured(request.query)) as cursor, closing(_rows(cursor.connection)) as rows:
        begun(cursor.connection.cancel)
        yield Result([column.name for column in cursor.description or ()], rows)


def check(request: Request) -> None:
    """Raise what `reading` would raise before the first row; the server plans the query and runs nothing."""
    with _declared(request, f"\n{request.query}"):  # by itself, and like there from line 2 on
        return


def _measured(query: str) -> str:
    """The query, each row measured by the server, which fails before it sends one that is too large.

    What fails is the cast of a text that says why; it is made of the row, or the planner would try it.
    OFFSET 0 keeps the planner from computing each row twice, once to measure it. Stored values may be
    compressed: only a row that may unfold to more than the limit is measured as text, which each type has.
    """
    stored = "pg_column_size(abp_row.*)"
    size = (
        f"CASE WHEN {stored} <= {ITEM_LIMIT // UNFOLDING} OR {stored} > {ITEM_LIMIT} THEN {stored} "
        "ELSE octet_length(CAST(abp_row.* AS text)) END"
    )
    return (
        f"SELECT abp_row.* FROM (SELECT * FROM (\n{query}\n) AS abp_rows OFFSET 0) AS abp_row "
        f"WHERE CASE WHEN {size} <= {ITEM_LIMIT} THEN true "
        f"ELSE CAST('{TOO_LARGE} ' || {stored} || ' bytes' AS boolean) END"
    )


@contextmanager
def _declared(request: Request, query: str) -> Iterator[Cursor]:
    """A cursor of the server's for the query; what the server says against it becomes our error."""
    settings = _settings(request)
    try:
        with _rolled_back(request, settings) as connection, connection.cursor(name=CURSOR) as cursor:
            cursor.execute(query.encode(), request.params or None)
            yield cursor
    except psycopg.Error as error:
        raise _told(request, error, settings) from None


@contextmanager
def _rolled_back(request: Request, settings: Mapping[str, str]) -> Iterator[Connection]:
    """A connection whose transaction is never committed: a read-only one may still write large objects."""
    with _connection(request, settings) as connection, connection.transaction(force_rollback=True):
        yield connection


def _rows(connection: Connection) -> Generator[Sequence[Any], None, None]:
    """The rows of the cursor, fetched many at a time and in memory one at a time."""
    n, had = 0, -BATCH
    try:
        while n == had + BATCH:
            had = n
            with closing(_fetched(connection)) as rows:
                for row in rows:
                    n += 1
                    yield row
    except psycopg.errors.InvalidTextRepresentation as error:
        if TOO_LARGE in str(error):
            raise too_large(f"one of the rows {n + 1} to {n + BATCH}") from None
        raise


def _fetched(connection: Connection) -> Generator[Sequence[Any], None, None]:
    yield from connection.cursor().stream(f"FETCH {BATCH} FROM {CURSOR}".encode())


def _settings(request: Request) -> dict[str, str]:
    """What the driver is told of the server, each setting one that it knows: it would show another."""
    try:
        settings = connection_settings(request.address)
        if not settings.keys() <= _KNOWN:
            raise ValueError("behind its ? is a setting that PostgreSQL does not know")
    except ValueError as error:
        raise unusable(error) from None
    options = [
        settings.get("options", ""),
        "-c default_transaction_read_only=on",
        f"-c statement_timeout={request.timeout_s * 1000}",
    ]
    ours = {"connect_timeout": str(CONNECT_TIMEOUT_S), "application_name": "abp"}
    return {**ours, **settings, "options": " ".join(filter(None, options))}


def _connection(request: Request, settings: Mapping[str, str]) -> Connection:
    try:
        connection = psycopg.connect(**settings)  # type: ignore[arg-type]  # libpq's names, not psycopg's own
    except (psycopg.Error, ValueError) as error:
        raise InvalidInput(
            f"{masked(request.address.text)}: {_scrubbed(error, settings)}",
            "check host, port, name and password",
        ) from None
    connection.read_only = True
    return connection


def _told(request: Request, error: psycopg.Error, settings: Mapping[str, str]) -> InvalidInput:
    why = _LINE.sub(lambda found: f"LINE {int(found[1]) - 1}:", _scrubbed(error, settings), count=1)
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return InvalidInput(f"the query may only read: {why}", "give one SELECT")
    if _would_write(request.query, error):
        return InvalidInput("the query may only read, and would write", "give one SELECT")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return too_slow(request, why)
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return InvalidInput(f"{masked(request.address.text)}: {why}", "see whether the server still runs")
    return InvalidInput(f"the query fails: {why}", "try it with psql")


def _would_write(query: str, error: psycopg.Error) -> bool:
    """Whether there is no cursor for the query because it writes, by itself or in its WITH."""
    if isinstance(error, psycopg.errors.SyntaxError):
        return _CHANGE.match(query) is not None
    inside = isinstance(error, psycopg.errors.FeatureNotSupported) and "DECLARE CURSOR" in str(error)
    return inside and _CHANGE_INSIDE.search(query) is not None


def _scrubbed(error: Exception, settings: Mapping[str, str]) -> str:
    """What the driver says, on one line and without any piece of a password, however it got hold of it."""
    text = str(error)
    for piece in sorted(_pieces(settings), key=len, reverse=True):
        text = text.replace(piece, MASK)
    return " ".join(text.split())


def _pieces(settings: Mapping[str, str]) -> set[str]:
    secrets = [value for name, value in settings.items() if name in _SECRET]
    found = {
        piece for secret in secrets for piece in (secret, quote(secret, safe=""), *re.split(r"\W+", secret))
    }
    return {piece for piece in found if len(piece) >= TELLING}
