"""What a person has approved to run, by its hash."""

from __future__ import annotations

from abp_tui.store.database import Database
from abp_tui.store.records import now, storable
from abp_tui.store.tables import ApprovalRow


class Approvals:
    """Appends and reads approvals. One is of exactly the bytes it was given for, and of nothing else."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def given(self, sha256: str) -> bool:
        """Whether a person has approved what has this hash."""
        return self._db.row(ApprovalRow.select().where(ApprovalRow.sha256 == sha256)) is not None

    def add(self, kind: str, sha256: str, what: str) -> None:
        """A person has approved `what`, now; the first time counts."""
        columns = {"sha256": sha256, "kind": kind, "what": storable(what), "approved_at": now()}
        self._db.run(ApprovalRow.insert(columns).on_conflict_ignore())
