"""A row per unit: the items' own columns, the fields of structured results, and ours.

The items' columns keep their names. A result's field that has the name of one of them is `result_NAME`, a
field of ours that has the name of either is `abp_NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from abp_tui.domain.model import Job, WorkUnit
from abp_tui.errors import InvalidInput
from abp_tui.export.schemas import properties
from abp_tui.export.table import Column, Kind, Table, Wanted, kind_of, of, picked
from abp_tui.store.repository import Repository
from abp_tui.views import UnitView

MOST_COLUMNS = 1000

KINDS = {
    "seq": Kind.INTEGER,
    "key": Kind.TEXT,
    "status": Kind.TEXT,
    "verdict": Kind.TEXT,
    "payload": Kind.JSON,
    "output": Kind.TEXT,
    "result": Kind.JSON,
    "error": Kind.TEXT,
    "failure_kind": Kind.TEXT,
    "attempts": Kind.INTEGER,
    "cost_usd": Kind.REAL,
    "duration_s": Kind.REAL,
    "session_id": Kind.TEXT,
    "host": Kind.TEXT,
    "prompt_version": Kind.INTEGER,
}
assert KINDS.keys() == UnitView.model_fields.keys()
_ATTRIBUTES = {"prompt_version": "recipe_version"}


def units_table(repository: Repository, job: Job, wanted: Wanted, *, flat: bool, fold: bool = False) -> Table:
    """The units, in order. Flat, the fields of the items and results are columns of their own.

    `fold` is for a format in which `Name` and `name` are the same. Raises `InvalidInput` for a field that
    is not there, or where there are too many.
    """
    ours = [of(name, kind) for name, kind in KINDS.items()]
    columns = ours
    if wanted.fields:
        columns = picked(_flat(repository, job, ours, fold), wanted.fields)
    elif flat:  # the fields of the whole payload are columns themselves
        columns = _flat(repository, job, [c for c in ours if c.name != "payload"], fold)
    return Table("units", columns, _records(repository, job, wanted))


def _records(repository: Repository, job: Job, wanted: Wanted) -> Iterator[dict[str, Any]]:
    units = repository.units.stream(job.id, state=wanted.state)
    leaves_out = wanted.leaves_out_doubtful
    return (record_of(unit) for unit in units if not (leaves_out and unit.is_in_doubt))


def record_of(unit: WorkUnit) -> dict[str, Any]:
    """What a `UnitView` of it has, in plain types; without making one, which takes half the time of all."""
    record = {name: getattr(unit, _ATTRIBUTES.get(name, name)) for name in KINDS}
    for name in ("status", "verdict", "failure_kind"):
        record[name] = record[name] and record[name].value
    return record


def _flat(repository: Repository, job: Job, ours: list[Column], fold: bool) -> list[Column]:
    names = _Names(fold)
    items = _kinds(repository.units.payloads(job.id))
    found = [Column(names.new(n, ""), kind, _in("payload", n)) for n, kind in items.items()]
    for name, kind in properties(job.recipe.output_schema).items():
        found.append(Column(names.new(name, "result_"), kind, _in("result", name)))
    return [*found, *(Column(names.new(c.name, "abp_"), c.kind, c.take) for c in ours)]


def _kinds(payloads: Iterable[Mapping[str, Any]]) -> dict[str, Kind]:
    """The fields of all items, in the order in which they first appear, with what their values are."""
    kinds: dict[str, Kind | None] = {}
    for payload in payloads:
        for name, value in payload.items():
            known = kinds.setdefault(name, None)
            if value is not None and known is not Kind.MIXED:
                kinds[name] = _both(known, kind_of(value))
        if len(kinds) > MOST_COLUMNS:
            raise InvalidInput(
                f"the items have more than {MOST_COLUMNS} different fields",
                "as columns these are too many: export them as JSON lines, without --fields",
            )
    return {name: kind or Kind.TEXT for name, kind in kinds.items()}


def _both(one: Kind | None, other: Kind) -> Kind:
    return other if one in (None, other) else Kind.MIXED


def _in(whole: str, name: str) -> Callable[[dict[str, Any]], Any]:
    """Takes a field of the payload or the result; None where there is none."""

    def take(record: dict[str, Any]) -> Any:
        value = record[whole]
        return value.get(name) if isinstance(value, dict) else None

    return take


class _Names:
    """Gives out the names of columns, each once."""

    def __init__(self, fold: bool) -> None:
        self._fold = fold
        self._taken: set[str] = set()

    def new(self, name: str, prefix: str) -> str:
        """The name, or where that is taken, with the prefix or at last a number that makes it another."""
        found, number = name, 1
        while self._same(found) in self._taken:
            number += 1
            found = f"{prefix}{name}" if number == 2 and prefix else f"{prefix}{name}_{number}"
        self._taken.add(self._same(found))
        return found

    def _same(self, name: str) -> str:
        return name.lower() if self._fold else name
