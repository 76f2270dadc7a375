"""Rows of a table as items: what the sources that have columns share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from abp_tui.enumerators.base import Item
from abp_tui.errors import InvalidInput
from abp_tui.plugins import suggest

INDEX, ID = "_row_index", "_id"


def id_position(columns: Sequence[str], name: str | None, table: str) -> int | None:
    """Where the id column is, if one was named; raises `InvalidInput` where `table` has no such column."""
    if name is None:
        return None
    if name not in columns:
        raise InvalidInput(f"{table} has no column {name!r}", suggest(name, list(columns), "its columns are"))
    return columns.index(name)


def row_items(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], at: int | None, limit: int | None
) -> Iterator[Item]:
    """An item per row, as many as `limit` says, keyed by the value at the id's position, else by its own."""
    for n, row in enumerate(islice(rows, limit)):
        payload: dict[str, Any] = dict(zip(columns, row, strict=True))
        payload[INDEX] = n
        if at is None:
            yield Item(str(n), payload)
        else:
            payload[ID] = row[at]
            yield Item(str(row[at]), payload)
