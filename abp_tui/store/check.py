"""Verifying the database: the file itself, and that what is kept of each job agrees with its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from abp_tui.domain.model import Lease
from abp_tui.domain.status import UnitStatus, Verdict
from abp_tui.errors import StoreError
from abp_tui.liveness import Liveness, judge
from abp_tui.store.database import Database
from abp_tui.store.recount import (
    CENT_FRACTION,
    counted_figures,
    differences,
    kept_figures,
    write_figures,
)

RECOVER = "restore a copy, or run `sqlite3 FILE .recover`"
ANEW = "export the rest, and make a new job for these items"
LATER = "they are ended once the job is started again or removed"
REPAIR = "abp check --repair"
UNSEEN = "nothing shows them; restore a copy if you miss something"

_LEASE = tuple(Lease.model_fields)
_WORDS = {"status": tuple(UnitStatus), "verdict": tuple(Verdict)}
_WRONG_COST = (
    "SELECT count(*), min(u.seq) FROM unit u LEFT JOIN "
    "(SELECT seq, sum(cost_usd) AS spent FROM attempt WHERE job_id = :job GROUP BY seq) a ON a.seq = u.seq "
    "WHERE u.job_id = :job AND ((u.cost_usd IS NULL) <> (a.spent IS NULL) "
    f"OR abs(u.cost_usd - a.spent) > {CENT_FRACTION} + 1e-9 * abs(a.spent))"
)
_NOT_RUN = (
    "SELECT count(*), min(seq) FROM unit WHERE job_id = :job AND status = 'PROCESSING' AND NOT EXISTS "
    "(SELECT 1 FROM attempt a WHERE a.job_id = :job AND a.seq = unit.seq AND a.status = 'RUNNING')"
)
_RUNS_NOTHING = (
    "SELECT count(*), min(id) FROM attempt WHERE job_id = :job AND status = 'RUNNING' AND NOT EXISTS "
    "(SELECT 1 FROM unit u WHERE u.job_id = :job AND u.seq = attempt.seq AND u.status = 'PROCESSING')"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be: where, what, and what to do. `mends` is the job a repair mends."""

    where: str
    what: str
    todo: str
    mends: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a check looked at, and what it found."""

    findings: list[Finding]
    jobs: int = 0
    units: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of the figures of one job; `skipped` says why nothing did."""

    job_id: int
    where: str
    mended: list[str] = field(default_factory=list)
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    id: int
    where: str
    ready: bool
    lives: bool


class Check:
    """Looks at the whole database, also at one that may only be read; mends what can be counted again."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def run(self, *, quick: bool = False) -> Report:
        """Look at everything. `quick` leaves out whether each index agrees with its table.

        A job is read within one transaction, so that it may be run meanwhile. In a file that SQLite finds
        damaged nothing else is looked at.
        """
        try:
            if damage := self._damage(quick):
                return Report([damage])
            return self._look()
        except StoreError as error:
            if isinstance(error.__cause__, sqlite3.OperationalError):
                raise  # locked, or not to be opened: that says nothing of what is in it
            return Report([Finding(f"database {self._db.path}", str(error.__cause__), RECOVER)])

    def repair(self, job_id: int) -> Repair:
        """Count a job's rows again and keep what they say; never touches a unit, an attempt or an event.

        One that is run is left alone: its executor moves the figures.
        """
        with self._db.writing() as db:
            connection = db.connection()
            for job in _jobs(connection, job_id):
                if job.lives:
                    return Repair(job.id, job.where, skipped="its executor is at work: pause it first")
                counted = counted_figures(connection, job_id)
                mended = list(differences(kept_figures(connection, job_id), counted))
                if mended:
                    write_figures(connection, job_id, counted)
                return Repair(job.id, job.where, mended)
        return Repair(job_id, f"job j{job_id}", skipped="it was removed meanwhile")

    def _damage(self, quick: bool) -> Finding | None:
        with self._db.reading() as connection:
            pragma = "quick_check" if quick else "integrity_check"
            said = " ".join(row[0] for row in connection.execute(f"PRAGMA {pragma}"))
        return None if said == "ok" else Finding(f"database {self._db.path}", _short(said), RECOVER)

    def _look(self) -> Report:
        with self._db.reading() as connection:
            findings = list(_dangling(connection))
            jobs = list(_jobs(connection))
            counts = [_count(connection, table) for table in ("job", "unit", "attempt")]
        for job in jobs:
            with self._db.reading() as connection:
                for still in _jobs(connection, job.id):
                    findings += _of_job(connection, still)
        return Report(findings, *counts)


def _jobs(connection: sqlite3.Connection, job_id: int | None = None) -> list[_Job]:
    query = f"SELECT id, name, ready_at, {', '.join(_LEASE)} FROM job WHERE id = ?1 OR ?1 IS NULL ORDER BY id"
    return [
        _Job(number, f"job {name} (j{number})", ready is not None, _lives(lease))
        for number, name, ready, *lease in connection.execute(query, (job_id,))
    ]


def _lives(lease: list[object]) -> bool:
    values = dict(zip(_LEASE, lease, strict=True))
    return values["executor"] is not None and judge(Lease.model_validate(values)) is not Liveness.DEAD


def _of_job(connection: sqlite3.Connection, job: _Job) -> Iterator[Finding]:
    """What is wrong with one job. One whose units are just being written or removed has no figures yet."""
    if not job.ready:
        return
    unknown = list(_unknown_words(connection, job))
    if unknown:
        yield from unknown
        return
    kept, counted = kept_figures(connection, job.id), counted_figures(connection, job.id)
    for what in differences(kept, counted):
        yield Finding(job.where, what, REPAIR, mends=job.id)
    yield from _wrong_costs(connection, job)
    if not job.lives:
        yield from _strays(connection, job)


def _unknown_words(connection: sqlite3.Connection, job: _Job) -> Iterator[Finding]:
    for column, words in _WORDS.items():
        known = ", ".join(f"'{word}'" for word in words)
        query = f"SELECT seq, {column} FROM unit WHERE job_id = ? AND {column} NOT IN ({known}) LIMIT 1"
        for seq, word in connection.execute(query, (job.id,)):
            what = f"its {column} is {word!r}, which there is not"
            yield Finding(f"{job.where}, unit {seq}", what, RECOVER)


def _wrong_costs(connection: sqlite3.Connection, job: _Job) -> Iterator[Finding]:
    count, first = connection.execute(_WRONG_COST, {"job": job.id}).fetchone()
    if count:
        what = f"units that do not cost what their attempts cost: {count}"
        yield Finding(f"{job.where}, unit {first}", what, "trust the attempts: `abp events` shows them")


def _strays(connection: sqlite3.Connection, job: _Job) -> Iterator[Finding]:
    """Units and attempts that each say they are run, and have no counterpart that says so too."""
    count, first = connection.execute(_NOT_RUN, {"job": job.id}).fetchone()
    if count:
        what = f"units that are PROCESSING without an attempt that runs: {count}"
        yield Finding(f"{job.where}, unit {first}", what, ANEW)
    count, first = connection.execute(_RUNS_NOTHING, {"job": job.id}).fetchone()
    if count:
        what = f"attempts that are RUNNING while their unit is not PROCESSING: {count}"
        yield Finding(f"{job.where}, attempt {first}", what, LATER)


def _dangling(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Rows that name a row of another table that is not there, a finding for each pair of tables."""
    pairs: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        pairs[table, parent] = pairs.get((table, parent), 0) + 1
    for (table, parent), count in pairs.items():
        yield Finding(f"table {table}", f"rows that name a missing {parent}: {count}", UNSEEN)


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _short(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= 200 else f"{line[:200]}…"
