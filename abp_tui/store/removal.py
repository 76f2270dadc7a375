"""Deleting the rows of a job and giving their space back, in small steps between which others can write."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from abp_tui.store.database import Database

STEP_S = 0.05  # for which a step keeps others from writing
REST = 0.5  # how many times as long they can write then
FIRST_AMOUNT = 100

Step = Callable[[sqlite3.Connection, int], bool]
"""Does an amount of work within a transaction; says whether there may be more."""

_ATTEMPTS = "SELECT id FROM attempt WHERE job_id = ? LIMIT ?"
_EVENTS = f"DELETE FROM event WHERE id IN (SELECT id FROM event WHERE attempt_id IN ({_ATTEMPTS}) LIMIT ?)"
_UNITS = "DELETE FROM unit WHERE job_id = ?1 AND seq < ?2 + (SELECT min(seq) FROM unit WHERE job_id = ?1)"
_LOG = "DELETE FROM log WHERE id IN (SELECT id FROM log WHERE job_id = ? LIMIT ?)"


def delete_rows(database: Database, job_id: int) -> None:
    """Delete all that belongs to a job, but for the few rows that go with the job's own."""

    def attempts(connection: sqlite3.Connection, amount: int) -> bool:
        """The events of the first attempts, and once there are none left, those attempts."""
        if connection.execute(_EVENTS, (job_id, amount, amount)).rowcount == amount:
            return True
        delete = f"DELETE FROM attempt WHERE id IN ({_ATTEMPTS})"
        return connection.execute(delete, (job_id, amount)).rowcount > 0

    def log(connection: sqlite3.Connection, amount: int) -> bool:
        return connection.execute(_LOG, (job_id, amount)).rowcount > 0

    delete_units(database, job_id)
    for step in (log, attempts):  # what was written last at last: see `give_back`
        _in_steps(database, step)


def delete_units(database: Database, job_id: int) -> None:
    """Delete the units of a job."""
    _in_steps(
        database,
        lambda connection, amount: connection.execute(_UNITS, (job_id, amount)).rowcount > 0,
    )


def give_back(database: Database) -> None:
    """Take the free pages off the end of the file, and make the file as short as that.

    For each page SQLite searches the list of free ones from the one freed last: that must be near the end.
    """
    _in_steps(database, _vacuum)
    with database.connected() as db:
        database.wal.empty(db.connection())


def _in_steps(database: Database, step: Step) -> None:
    """Repeat a step while there is work, its amount such that it takes about `STEP_S`."""
    amount = FIRST_AMOUNT
    with database.connected():
        while True:
            began = time.monotonic()
            with database.writing() as db:
                if not step(db.connection(), amount):
                    return
            took = time.monotonic() - began
            amount = max(1, min(amount * 2, round(amount * STEP_S / took)))
            time.sleep(REST * took)


def _vacuum(connection: sqlite3.Connection, pages: int) -> bool:
    """Free some pages, one by one: Python takes one step of a statement without columns, and no other."""
    before = _free_pages(connection)
    for _ in range(min(pages, before)):
        connection.execute("PRAGMA incremental_vacuum(1)")
    return 0 < _free_pages(connection) < before  # a copy made by other tools may lack the means for it


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])
