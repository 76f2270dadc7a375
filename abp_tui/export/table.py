"""What is exported, whatever the format: named columns of a kind, and rows read as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from abp_tui.errors import InvalidInput
from abp_tui.plugins import suggest

BIGGEST = 2**63
EXACT = 2**53  # the integers up to here are exact as floats
TELL_EVERY = 200


class Kind(StrEnum):
    """What the values of a column are, those that are missing apart."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"
    JSON = "json"  # any JSON value; as text it is JSON, strings in quotes
    MIXED = "mixed"  # values of several kinds; as text, strings are as they are and all else is JSON


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a job is exported.

    `state` is one of the five that units are counted as, `fields` the columns in their order. With
    `attempts` a row is an attempt rather than a unit, with `conversations` it has all that was said, too.
    `safe` keeps spreadsheets from taking a text for a formula. Fields without the verdict leave out the units
    in doubt, unless a state asks for them: they would look like good ones.
    """

    state: str | None = None
    fields: Sequence[str] | None = None
    attempts: bool = False
    conversations: bool = False
    safe: bool = False

    @property
    def leaves_out_doubtful(self) -> bool:
        """Whether the units in doubt are left out, because nothing would tell them from good ones."""
        tells = self.fields is None or not {"verdict", "abp_verdict"}.isdisjoint(self.fields)
        return not tells and self.state is None and not self.of_attempts

    @property
    def of_attempts(self) -> bool:
        """Whether a row is an attempt."""
        return self.attempts or self.conversations


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and how its value is taken from a record."""

    name: str
    kind: Kind
    take: Callable[[dict[str, Any]], Any]


@dataclass(slots=True)
class Table:
    """Columns and the records that their values are taken from; the rows can be read once."""

    name: str
    columns: list[Column]
    records: Iterator[dict[str, Any]]
    count: int = 0
    told: Callable[[int], None] | None = field(default=None, compare=False)

    def rows(self) -> Iterator[list[Any]]:
        """The values of each record, in the order of the columns."""
        takes = [column.take for column in self.columns]
        for record in self.records:
            yield [take(record) for take in takes]
            self.count += 1
            if self.told and self.count % TELL_EVERY == 0:
                self.told(self.count)


def picked(columns: Sequence[Column], fields: Sequence[str] | None) -> list[Column]:
    """The columns of these names, in that order; raises `InvalidInput` for one that there is not."""
    by_name = {column.name: column for column in columns}
    for name in fields or ():
        if name not in by_name:
            raise InvalidInput(f"there is no field {name!r}", suggest(name, list(by_name)))
    return [by_name[name] for name in dict.fromkeys(fields)] if fields else list(columns)


def of(name: str, kind: Kind) -> Column:
    """A column that is an entry of its record."""
    return Column(name, kind, lambda record: record[name])


def kind_of(value: Any) -> Kind:
    """The kind of a column in which there is only this value."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.INTEGER if -BIGGEST <= value < BIGGEST else Kind.MIXED
    if isinstance(value, float):
        return Kind.REAL
    return Kind.TEXT if isinstance(value, str) else Kind.MIXED


def fitted(value: Any, kind: Kind) -> Any:
    """The value as a column of a kind takes it; None where it does not fit."""
    if value is None:
        return None
    if kind is Kind.TEXT:
        return plain(value) if isinstance(value, str) else None
    if kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else None
    if kind is Kind.INTEGER:
        return _integer(value)
    if kind is Kind.REAL:
        return float(value) if isinstance(value, float) or _is_exact(value) else None
    return as_text(value, kind)


def as_text(value: Any, kind: Kind = Kind.MIXED) -> str:
    """A value as text: a string is itself unless the column is JSON."""
    return plain(value) if isinstance(value, str) and kind is not Kind.JSON else plain(as_json(value))


def as_json(value: Any) -> str:
    """A value as JSON on one line; NaN and the infinities, which JSON has not, become null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False)


def plain(text: str) -> str:
    """The text with what UTF-8 can't hold, lone surrogates, as an escape such as `\\udc80`."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _integer(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if kind_of(value) is Kind.INTEGER else None


def _is_exact(value: Any) -> bool:
    return kind_of(value) is Kind.INTEGER and -EXACT <= value <= EXACT


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list) else value
