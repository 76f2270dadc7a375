"""CSV as RFC 4180 has it, in UTF-8: what is nested is JSON in its cell, what is missing an empty one."""

from __future__ import annotations

import csv
import re
from contextlib import suppress
from io import TextIOWrapper
from typing import Any, BinaryIO

from abp_tui.export.table import Column, Table, as_text

_FORMULA = re.compile(r"^[=+\-@\t\r\n|%]")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def require() -> None:
    """It needs nothing."""


def write(tables: list[Table], file: BinaryIO, safe: bool) -> None:
    """Write the table below a line of names. `safe` puts a `'` before what looks like a formula."""
    [table] = tables
    text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=False)
    try:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([_guarded(as_text(column.name), safe) for column in table.columns])
        for row in table.rows():
            pairs = zip(table.columns, row, strict=True)
            writer.writerow([_cell(column, value, safe) for column, value in pairs])
        text.flush()
    finally:
        with suppress(OSError, ValueError):  # what could not be written has been told of
            text.detach()  # the file below stays open: it is its owner's


def _cell(column: Column, value: Any, safe: bool) -> str:
    return "" if value is None else _guarded(as_text(value, column.kind), safe)


def _guarded(text: str, safe: bool) -> str:
    """As it is, or where a spreadsheet would run it, as the text that it is."""
    return f"'{text}" if safe and _FORMULA.match(text) and not _NUMBER.match(text) else text
