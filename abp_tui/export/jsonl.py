"""JSON lines: an object per row, nested values as they are."""

from __future__ import annotations

from typing import Any, BinaryIO

from abp_tui.domain.model import WorkUnit
from abp_tui.export.table import Table, as_json, plain
from abp_tui.export.units import record_of


def require() -> None:
    """It needs nothing."""


def write(tables: list[Table], file: BinaryIO, safe: bool) -> None:
    """Write the table; what UTF-8 can't hold is an escape that JSON knows."""
    [table] = tables
    names = [column.name for column in table.columns]
    for row in table.rows():
        file.write(_line(dict(zip(names, row, strict=True))))


def json_line(unit: WorkUnit) -> str:
    """A unit as one line of JSON, without its end."""
    return plain(as_json(record_of(unit)))


def _line(record: dict[str, Any]) -> bytes:
    return (as_json(record) + "\n").encode("utf-8", "backslashreplace")
