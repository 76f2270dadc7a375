"""Rows of a CSV file as items."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TextIO

from pydantic import AfterValidator, BeforeValidator, Field

from abp_tui.enumerators.base import ITEM_LIMIT, Enumerator, EnumeratorConfig, Item
from abp_tui.enumerators.problems import refusal
from abp_tui.enumerators.rows import ID, INDEX, id_position, row_items
from abp_tui.enumerators.settings import (
    AbsolutePath,
    Encoding,
    OptionalNames,
    OptionalText,
    added_fields,
    encoding_field,
    file_field,
    id_field,
    limit_field,
    reserved,
)
from abp_tui.enumerators.text import Lines, opened
from abp_tui.errors import InvalidInput
from abp_tui.words import counted

DELIMITERS = ",;\t|"
TEXTS = frozenset(".md .markdown .txt .rst .adoc .org .tex .html .htm".split())
SNIFFED_CHARACTERS = 1 << 16
SNIFFED_ROWS = 100
QUOTING = 'a quotation mark inside of a quotation is doubled: "a ""b"" c"'


def _is_delimiter(text: str | None) -> str | None:
    text = {"tab": "\t", "\\t": "\t"}.get(text or "", text)
    if text is not None and (len(text) != 1 or text in '"\r\n\0'):
        raise ValueError('it is one character, such as ; or tab, and not "')
    return text


def _are_different(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if names and (twice := _repeated(names)):
        raise ValueError(f"{twice[0]!r} is there twice")
    return names


def _blank_is_none(value: Any) -> Any:
    return None if value == "" else value


class CsvConfig(EnumeratorConfig):
    """Which rows of which file."""

    file_path: AbsolutePath = file_field("The CSV file.")
    id_column: OptionalText = id_field("column")
    delimiter: Annotated[str | None, BeforeValidator(_blank_is_none), AfterValidator(_is_delimiter)] = Field(
        default=None,
        title="Delimiter",
        description="One character, or tab; without it one of , ; tab | is found by looking.",
    )
    has_header: bool = Field(
        default=True, title="Header", description="The first row names the columns and is no item."
    )
    encoding: Encoding = encoding_field()
    columns: Annotated[OptionalNames, AfterValidator(_are_different)] = Field(
        default=None,
        title="Columns",
        description="Names for the columns, instead of those in the file; with commas between.",
    )
    limit: int | None = limit_field("rows")


class _Table(NamedTuple):
    """A file that is being read: its columns, the rows to come, and its lines, which know where one began."""

    columns: tuple[str, ...]
    rows: Iterator[list[str]]
    lines: Lines


class CsvEnumerator(Enumerator[CsvConfig]):
    """The rows of a CSV file, read as a stream.

    A row with too few or too many fields, a column that is there twice, a quotation without an end: each is
    an error that names its line. Blank lines are no rows; a warning tells of them.
    """

    name = "csv"
    title = "Rows of a CSV file"
    Config = CsvConfig
    metadata = (INDEX, ID)

    def __init__(self, config: CsvConfig) -> None:
        super().__init__(config)
        self._blank_lines = 0
        self._first_blank_line = 0

    def validate(self) -> None:
        """Raise `InvalidInput` where the file can't be read or its header can't be used."""
        with self._table():
            return

    def reserved(self) -> None:
        """Files are only read."""

    def items(self) -> Iterator[Item]:
        """An item per row, keyed by the id column, else by its position."""
        with self._table() as table:
            at = self._id_position(table.columns)
            yield from row_items(table.columns, self._rows(table), at, self.config.limit)

    def place(self, seq: int) -> str:
        """The line in which the item begins."""
        with self._table() as table:
            next(islice(self._rows(table), seq, None))
            return f"line {table.lines.began}"

    def warnings(self) -> list[str]:
        """How many lines were blank, and the first of them: they may have been meant as items."""
        first = self._first_blank_line
        if self._blank_lines > 1:
            return [f"{self._blank_lines:,} blank lines are no items, the first of them line {first}"]
        return [f"line {first} is blank and no item"] if self._blank_lines else []

    def why_empty(self) -> str:
        """What the file has instead of rows."""
        return "there is nothing below the header: if the first line is an item, set has_header to false"

    @contextmanager
    def _table(self) -> Iterator[_Table]:
        path = self.config.file_path
        self._blank_lines = self._first_blank_line = 0
        with opened(path, self.config.encoding) as file:
            delimiter, lines = self._delimiter(file), Lines(file, path, QUOTING)
            csv.field_size_limit(ITEM_LIMIT)
            try:
                yield self._begun(_read(lines, delimiter), lines)
            except csv.Error as error:
                why = "a quotation has no end" if "end of data" in str(error) else str(error)
                place = f"{path}, in the row that begins in line {lines.began}"
                raise InvalidInput(f"{place}: {why}", QUOTING) from None

    def _begun(self, rows: Iterator[list[str]], lines: Lines) -> _Table:
        first = next((row for row in rows if row), None)
        if first is None:
            raise InvalidInput(f"{self.config.file_path} is empty", "it needs a row for each item")
        columns = self._columns(first, lines.began)
        return _Table(columns, rows if self.config.has_header else chain([first], rows), lines)

    def _columns(self, first: Sequence[str], line: int) -> tuple[str, ...]:
        path, given = self.config.file_path, self.config.columns
        if given and len(given) != len(first):
            beginning = ", ".join(first[:10])
            raise InvalidInput(
                f"{path}, line {line}: {counted(len(first), 'field')} "
                f"for {counted(len(given), 'column name')}",
                f"it begins with {beginning[:200]}",
            )
        in_file = first if self.config.has_header else [""] * len(first)
        columns = given or tuple(name or f"column_{n}" for n, name in enumerate(in_file, 1))
        if twice := _repeated(columns):
            name, one, other = twice
            raise InvalidInput(
                f"{path}, line {line}: the column {name!r} is there twice, as number {one} and {other}",
                "rename one of them, or give names of your own in `columns`",
            )
        if taken := reserved(columns, added_fields(INDEX, self.config.id_column)):
            raise InvalidInput(
                f"{path}, line {line}: a column can't be called {taken!r}, abp adds one of that name",
                "rename it, or give names of your own in `columns`",
            )
        self._id_position(columns)
        return columns

    def _id_position(self, columns: Sequence[str]) -> int | None:
        return id_position(columns, self.config.id_column, self.config.file_path)

    def _rows(self, table: _Table) -> Iterator[list[str]]:
        width, at = len(table.columns), self._id_position(table.columns)
        for row in table.rows:
            if len(row) == width and (at is None or row[at]):
                yield row
            elif row:
                raise refusal(self.config.file_path, self._problems(table, row, at), self._way_out())
            else:
                self._first_blank_line = self._first_blank_line or table.lines.began
                self._blank_lines += 1

    def _way_out(self) -> str:
        """What to do where rows don't fit: a text was hardly meant as a table."""
        if Path(self.config.file_path).suffix.lower() in TEXTS:
            return "it looks like a text, not a table: to make an item of a whole file, use --files"
        return "mend these lines; a field that holds the delimiter needs quotation marks"

    def _problems(self, table: _Table, first: list[str], at: int | None) -> Iterator[str]:
        width = len(table.columns)
        for row in chain([first], table.rows):
            line = table.lines.began
            if row and len(row) != width:
                many = "few" if len(row) < width else "many"
                yield f"line {line} has too {many} fields, {len(row)} instead of {width}"
            elif row and at is not None and not row[at]:
                yield f"line {line} has nothing in the id column"

    def _delimiter(self, file: TextIO) -> str:
        if self.config.delimiter is not None:
            return self.config.delimiter
        sample = file.read(SNIFFED_CHARACTERS)
        file.seek(0)
        return sniffed(sample)


def _read(lines: Lines, delimiter: str) -> Iterator[list[str]]:
    for row in csv.reader(lines, delimiter=delimiter, strict=True):
        yield row
        lines.begin_item()


def sniffed(sample: str) -> str:
    """The delimiter that cuts the rows of a sample into the same number of fields, the most there are."""
    return max(DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))


def _fit(sample: str, delimiter: str) -> tuple[float, int]:
    """How many of the first rows are as wide as the first one, and how wide that is."""
    reader = csv.reader(StringIO(sample, newline=""), delimiter=delimiter)
    rows = [row for row in islice(reader, SNIFFED_ROWS) if row]
    if len(sample) == SNIFFED_CHARACTERS and len(rows) > 1:
        rows.pop()  # it may be cut off
    if not rows or len(rows[0]) == 1:
        return 0.0, 0
    fitting = sum(len(row) == len(rows[0]) and not _cuts_quotation(row) for row in rows)
    return fitting / len(rows), len(rows[0])


def _cuts_quotation(row: Sequence[str]) -> bool:
    return any(field.count('"') % 2 for field in row)


def _repeated(names: Sequence[str]) -> tuple[str, int, int] | None:
    """The first name that is there twice, with both positions from 1."""
    seen: dict[str, int] = {}
    for n, name in enumerate(names, 1):
        if name in seen:
            return name, seen[name], n
        seen[name] = n
    return None
