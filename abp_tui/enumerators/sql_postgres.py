"""Reading from PostgreSQL: in a read-only transaction, through a cursor of the server's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from abp_tui.enumerators.sql import Result
from abp_tui.enumerators.sql_url import masked
from abp_tui.errors import InvalidInput

try:
    import psycopg
except ImportError as missing:
    raise InvalidInput("PostgreSQL needs the driver psycopg", "pip install 'abp-tui[postgres]'") from missing

CONNECT_TIMEOUT_S = 10
BATCH = 1000
CURSOR = "abp_items"


@contextmanager
def reading(
    url: str, query: str, params: Mapping[str, Any], begun: Callable[[Callable[[], None]], None]
) -> Iterator[Result]:
    """The result of a query that reads; raises `InvalidInput`, saying why, for one that writes.

    `begun` is told how another thread can interrupt it.
    """
    try:
        with _connection(url) as connection, connection.cursor(name=CURSOR) as cursor:
            begun(connection.cancel)
            cursor.itersize = BATCH
            cursor.execute(query.rstrip().rstrip(";").encode(), params or None)
            yield Result([column.name for column in cursor.description or ()], cursor)
    except psycopg.Error as error:
        raise _told(url, error) from None


def check(url: str, query: str, params: Mapping[str, Any]) -> None:
    """Raise what `reading` would raise before the first row; the server plans the query and runs nothing."""
    with reading(url, query, params, lambda interrupt: None):
        return


def _connection(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    connection = psycopg.connect(
        url.replace("postgresql+psycopg://", "postgresql://", 1),
        connect_timeout=CONNECT_TIMEOUT_S,
        application_name="abp",
        options="-c default_transaction_read_only=on",
    )
    connection.read_only = True
    return connection


def _told(url: str, error: psycopg.Error) -> InvalidInput:
    shown = masked(url)
    why = " ".join(str(error).replace(url, shown).split())
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return InvalidInput(f"the query may only read: {why}", "give one SELECT")
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return InvalidInput(f"{shown}: {why}", "check host, port, name and password")
    return InvalidInput(f"the query fails: {why}", "try it with psql")
