"""Failures and doubts of a job, grouped by what caused them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peewee import SQL, fn

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Cause
from abp_tui.domain.status import UnitStatus
from abp_tui.store.database import Database
from abp_tui.store.tables import ENDED_BADLY, TO_MEND, JobRow, UnitRow

_BADLY = SQL(f"({ENDED_BADLY})")
_TO_MEND = SQL(f"({TO_MEND})")
_CAUSE = fn.coalesce(UnitRow.fingerprint, "")
ERROR_LENGTH = 2000


class Causes:
    """Groups of units that failed, or are in doubt, for one cause."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, job_id: int) -> list[Cause]:
        """The causes of a job, the most frequent first."""
        return self._grouped(job_id, _BADLY, UnitRow.fingerprint, UnitRow.status)

    def run_again(self, job_id: int) -> list[Cause]:
        """What the units that wait or run were put back for, or failed of before, the most frequent first."""
        return self._grouped(job_id, _TO_MEND, UnitRow.fingerprint)

    def seqs(self, job_id: int, fingerprint: str) -> list[int]:
        """The units that ended for this cause and have not been put back since."""
        where = _items(job_id) & _BADLY & _CAUSE.in_([fingerprint])
        return [row["seq"] for row in self._db.rows(UnitRow.select(UnitRow.seq).where(where))]

    def _grouped(self, job_id: int, which: Any, *by: Any) -> list[Cause]:
        units, first = fn.count(UnitRow.seq).alias("units"), fn.min(UnitRow.seq).alias("first_seq")
        query = UnitRow.select(_CAUSE.alias("fingerprint"), units, first).where(_items(job_id) & which)
        groups = self._db.rows(query.group_by(*by))
        return sorted((self._cause(job_id, row) for row in groups), key=lambda c: (-c.units, c.first_seq))

    def _cause(self, job_id: int, group: Mapping[str, Any]) -> Cause:
        """A group with what its first unit says of it."""
        columns = (
            UnitRow.status,
            UnitRow.failure_kind,
            fn.substr(UnitRow.error, 1, ERROR_LENGTH).alias("error"),
        )
        query = UnitRow.select(*columns).where(_items(job_id) & (UnitRow.seq == group["first_seq"]))
        row = self._db.row(query) or {}
        kind = row.get("failure_kind")
        return Cause(
            **group,
            failure_kind=FailureKind(kind) if kind else None,
            failed=row.get("status") == UnitStatus.FAILED or kind is not None,
            runs_again=row.get("status") in (UnitStatus.PENDING, UnitStatus.PROCESSING),
            error=row.get("error") or "",
        )


def _items(job_id: int) -> Any:
    """The items by their numbers: their kind is in no index."""
    total = JobRow.select(JobRow.total).where(JobRow.id == job_id)
    return (UnitRow.job == job_id) & (UnitRow.seq < total)
