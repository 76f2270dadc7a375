"""Parquet, through pyarrow: typed columns, what is nested as JSON text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from abp_tui.errors import InvalidInput
from abp_tui.export.table import Kind, Table, fitted, plain

if TYPE_CHECKING:
    import pyarrow

ROWS = 10_000
CHARS = 16 * 1024 * 1024


def require() -> None:
    """Raise `InvalidInput` where pyarrow is missing."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise InvalidInput(
            f"Parquet needs the library pyarrow: {error}", "pip install 'abp-tui[parquet]'"
        ) from None


def write(tables: list[Table], file: BinaryIO, safe: bool) -> None:
    """Write the table; a value that does not fit its column's type is null there."""
    import pyarrow
    from pyarrow import parquet

    [table] = tables
    schema = pyarrow.schema([(plain(c.name), _type(pyarrow, c.kind)) for c in table.columns])
    with parquet.ParquetWriter(file, schema) as writer:
        for rows in _batches(table):
            columns = zip(*rows, strict=True)
            cells = [
                [fitted(v, c.kind) for v in values] for c, values in zip(table.columns, columns, strict=True)
            ]
            arrays = [pyarrow.array(column, kind) for column, kind in zip(cells, schema.types, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _type(arrow: Any, kind: Kind) -> pyarrow.DataType:
    types = {Kind.INTEGER: arrow.int64(), Kind.REAL: arrow.float64(), Kind.BOOLEAN: arrow.bool_()}
    return types.get(kind, arrow.string())


def _batches(table: Table) -> Iterator[list[list[Any]]]:
    """Rows in groups that are neither too many nor too long to hold."""
    batch: list[list[Any]] = []
    chars = 0
    for row in table.rows():
        batch.append(row)
        chars += sum(_length(value) for value in row)
        if len(batch) >= ROWS or chars >= CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _length(value: Any) -> int:
    """About as many characters as a value has."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    return sum(map(_length, value)) if isinstance(value, list) else 8
