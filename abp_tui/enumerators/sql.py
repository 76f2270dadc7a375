"""Rows of a database query as items."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field

from abp_tui.enumerators import problems, sql_url
from abp_tui.enumerators.base import Enumerator, EnumeratorConfig, Item
from abp_tui.enumerators.rows import ID, INDEX, id_position, row_items
from abp_tui.enumerators.settings import (
    OptionalText,
    added_fields,
    id_field,
    is_utf8,
    limit_field,
    reserved,
)
from abp_tui.enumerators.sql_variables import Address
from abp_tui.errors import InvalidInput

# A semicolon and the comments behind it, where nothing in them could end a quotation that began before.
_END = re.compile(r""";[;\s]*(?:--[^\n'"`$\]*]*(?:\n[;\s]*|\Z))*\Z""")

Value = str | int | float | bool | None


class Request(NamedTuple):
    """Which database is asked what."""

    address: Address
    query: str
    params: Mapping[str, Any]
    timeout_s: int


class Result(NamedTuple):
    """What a query gives: the names of its columns, and its rows as they come."""

    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


def _is_known(url: str) -> str:
    return url if sql_url.is_variable(url) else sql_url.known(url)


def _says_something(query: str) -> str:
    if not query.strip():
        raise ValueError("is empty")
    if not is_utf8(query):
        raise ValueError("has characters that no database can be sent")
    return query


def _empty_object(value: Any) -> Any:
    return {} if value in (None, "") else value


class SqlConfig(EnumeratorConfig):
    """Which rows of which database."""

    connection_string: Annotated[str, AfterValidator(_is_known)] = Field(
        title="Database",
        description="sqlite:///relative.db, sqlite:////absolute.db, postgresql://user:${PASSWORD}@host/name. "
        "${VAR} is a variable of the environment, taken as it is, read each time and never stored.",
        min_length=1,
        repr=False,
    )
    query: Annotated[str, AfterValidator(_says_something)] = Field(
        title="Query",
        description="One statement that reads. The database itself refuses one that writes.",
        json_schema_extra={"format": "multi-line"},
    )
    params: Annotated[dict[str, Value], BeforeValidator(_empty_object)] = Field(
        default={},
        title="Parameters",
        description="Values for :name in the query (SQLite) or %(name)s (PostgreSQL), as a JSON object.",
    )
    timeout_s: int = Field(
        default=300,
        title="Time limit",
        description="The longest that the database may take for its next rows, in seconds.",
        ge=1,
        le=86_400,
    )
    id_column: OptionalText = id_field("column")
    limit: int | None = limit_field("rows")


class SqlEnumerator(Enumerator[SqlConfig]):
    """The rows of a query, read as a stream over a connection that can only read.

    The order is the query's: give it an ORDER BY where it matters. What JSON does not know, such as dates and
    decimals, becomes text; bytes become text where they are UTF-8, else base64.
    """

    name = "sql"
    title = "Rows of a database query"
    Config = SqlConfig
    metadata = (INDEX, ID)
    live_preview = False

    def __init__(self, config: SqlConfig) -> None:
        super().__init__(config)
        self._interrupt: Callable[[], None] | None = None
        self._abandoned = False

    def validate(self) -> None:
        """Raise `InvalidInput` where the database can't be reached or refuses the query; it is not run."""
        request = self._request()
        _database(request).check(request)

    def items(self) -> Iterator[Item]:
        """An item per row, keyed by the id column, else by its position."""
        with self._result() as result:
            columns = self._columns(result)
            at = id_position(columns, self.config.id_column, "the query's result")
            yield from row_items(columns, _plain_rows(result.rows, at), at, self.config.limit)

    def record(self) -> dict[str, Any]:
        """The configuration with the password masked and variables as they were written."""
        return {**super().record(), "connection_string": sql_url.masked(self.config.connection_string)}

    def place(self, seq: int) -> str:
        """The number of the row."""
        return f"row {seq + 1}"

    def why_empty(self) -> str:
        """What the query gave."""
        return "the query gives no rows"

    def abandon(self) -> None:
        """Have the database end the query, and begin no other."""
        self._abandoned = True
        if (interrupt := self._interrupt) is not None:
            interrupt()

    @contextmanager
    def _result(self) -> Iterator[Result]:
        request = self._request()
        try:
            with _database(request).reading(request, self._begun) as result:
                yield result
        finally:
            self._interrupt = None

    def _begun(self, interrupt: Callable[[], None]) -> None:
        """There is a connection, and this is how another thread ends what it does."""
        self._interrupt = interrupt
        if self._abandoned:
            raise unwanted()

    def _request(self) -> Request:
        try:
            address = sql_url.address(self.config.connection_string)
        except ValueError as error:
            raise unusable(error) from None
        return Request(
            address, _END.sub("", self.config.query.rstrip()), self.config.params, self.config.timeout_s
        )

    def _columns(self, result: Result) -> Sequence[str]:
        columns = result.columns
        if twice := next((name for name in columns if columns.count(name) > 1), None):
            raise InvalidInput(
                f"the query gives two columns called {twice!r}", f"rename one: {twice} AS other"
            )
        if taken := reserved(columns, added_fields(INDEX, self.config.id_column)):
            raise InvalidInput(
                f"the query gives a column {taken!r}, which abp adds", f"rename it: {taken} AS other"
            )
        return columns


def _database(request: Request) -> ModuleType:
    """The room of the database's kind; a driver is imported only where it is needed."""
    return import_module(f"abp_tui.enumerators.sql_{sql_url.kind_of(request.address.text)}")


def unusable(why: ValueError) -> InvalidInput:
    """What is wrong with the address of a database, as an error of ours."""
    return InvalidInput(f"the connection: {why}", "mend it")


def unwanted() -> InvalidInput:
    """The query was abandoned."""
    return InvalidInput("the query was broken off: nobody wants its rows any more", "start it again")


def too_slow(request: Request, why: str) -> InvalidInput:
    """The query has had all the time there is for its next rows, or was ended by somebody else."""
    limit = f"its limit is {request.timeout_s} s for its next rows"
    return InvalidInput(f"the database ended the query: {why}", f"{limit}: ask for less, or raise timeout_s")


def too_large(which: str) -> InvalidInput:
    """A row that is larger than an item may be."""
    hint = "leave its large columns out, or take a part of them: substr(column, 1, 1000)"
    return InvalidInput(problems.too_large(f"{which} of the query"), hint)


def _plain_rows(rows: Iterable[Sequence[Any]], at: int | None) -> Iterator[list[Any]]:
    for n, row in enumerate(rows, 1):
        if at is not None and (row[at] is None or row[at] == ""):
            raise InvalidInput(f"row {n} has nothing in the id column", "choose one that is never empty")
        yield [plain(value) for value in row]


def plain(value: Any) -> Any:
    """A value of a database as one that JSON knows."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _text_of(bytes(value))
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(element) for element in value]
    return str(value)


def _text_of(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
