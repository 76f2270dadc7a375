"""The only door to the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from abp_tui.store.attempts import Attempts
from abp_tui.store.causes import Causes
from abp_tui.store.database import Database
from abp_tui.store.gates import Gates
from abp_tui.store.jobs import Jobs
from abp_tui.store.leases import Leases
from abp_tui.store.logs import Logs
from abp_tui.store.questions import Questions
from abp_tui.store.recipes import Recipes
from abp_tui.store.tables import Meta
from abp_tui.store.units import Units

if TYPE_CHECKING:
    from abp_tui.store.approvals import Approvals
    from abp_tui.store.check import Check
    from abp_tui.store.journal import Journal
    from abp_tui.store.pilots import Pilots


class Repository:
    """Every read and write of the store, a room for each table group. Safe to share between threads.

    Opening makes the file (0600, in a 0700 folder) where there is none and migrates an older one; raises
    `StoreError` for what is not ours.
    """

    def __init__(self, path: Path | str) -> None:
        self.database = Database(path)
        self.jobs = Jobs(self.database)
        self.recipes = Recipes(self.database)
        self.units = Units(self.database)
        self.causes = Causes(self.database)
        self.attempts = Attempts(self.database)
        self.leases = Leases(self.database)
        self.logs = Logs(self.database)
        self.questions = Questions(self.database)
        self.gates = Gates(self.database)

    @property
    def path(self) -> Path:
        """The database file."""
        return self.database.path

    # Rooms that few need, and that take a while to load

    @cached_property
    def approvals(self) -> Approvals:
        """Which code of persons may run."""
        from abp_tui.store.approvals import Approvals

        return Approvals(self.database)

    @cached_property
    def check(self) -> Check:
        """Whether all that is stored fits together."""
        from abp_tui.store.check import Check

        return Check(self.database)

    @cached_property
    def pilots(self) -> Pilots:
        """Samples that were run, with a person's marks."""
        from abp_tui.store.pilots import Pilots

        return Pilots(self.database)

    @cached_property
    def uuid(self) -> str:
        """The name of this store for all time; it marks the processes started for it."""
        row = self.database.row(Meta.select().where(Meta.key == "uuid"))
        assert row is not None, "every store is given its uuid when it is made"
        return str(row["value"])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several changes as one: all of them, or none where something in it raises."""
        with self.database.writing():
            yield

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep this thread's connection over many transactions, rather than open and close it for each."""
        with self.database.kept_open():
            yield

    def journal(self, job_id: int, executor: str, host: str, boot_id: str) -> Journal:
        """The write path of one executor of a job, which must hold the job's lease."""
        from abp_tui.store.journal import Journal  # the executor has loaded it, and nobody else needs it

        return Journal(self.database, job_id, executor, host, boot_id)
