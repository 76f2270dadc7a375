"""Failures and doubts of a job, grouped by what caused them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from peewee import fn

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Cause
from abp_tui.domain.status import UnitKind, UnitStatus, Verdict
from abp_tui.store.database import Database
from abp_tui.store.tables import UnitRow

_DOUBTS = (UnitRow.status == UnitStatus.COMPLETED) & UnitRow.verdict.in_([Verdict.SUSPECT, Verdict.BLOCKED])
_CAUSE = fn.coalesce(UnitRow.fingerprint, "")
ERROR_LENGTH = 2000


class Causes:
    """Groups of units that failed, or are in doubt, for one cause."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, job_id: int, *, doubts: bool = True) -> list[Cause]:
        """The causes of a job, the most frequent first; `doubts` says whether to look for suspect units.

        Looking for them reads all units that have completed, so ask for it only where there are any.
        """
        groups = [*self._groups(job_id, UnitRow.status == UnitStatus.FAILED)]
        if doubts:
            groups += self._groups(job_id, _DOUBTS)
        return sorted((self._cause(job_id, row) for row in groups), key=lambda c: (-c.units, c.first_seq))

    def seqs(self, job_id: int, fingerprint: str) -> list[int]:
        """The units that ended for this cause and have not been put back since."""
        ended = (UnitRow.status == UnitStatus.FAILED) | _DOUBTS
        where = _items(job_id) & _CAUSE.in_([fingerprint]) & ended
        return [row["seq"] for row in self._db.rows(UnitRow.select(UnitRow.seq).where(where))]

    def _groups(self, job_id: int, where: Any) -> Sequence[Mapping[str, Any]]:
        columns = (_CAUSE.alias("fingerprint"), fn.count(UnitRow.seq).alias("units"))
        query = UnitRow.select(*columns, fn.min(UnitRow.seq).alias("first_seq"))
        return self._db.rows(query.where(_items(job_id) & where).group_by(_CAUSE))

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
            failed=row.get("status") == UnitStatus.FAILED,
            error=row.get("error") or "",
        )


def _items(job_id: int) -> Any:
    return (UnitRow.job == job_id) & (UnitRow.kind == UnitKind.ITEM)
