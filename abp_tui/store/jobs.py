"""Jobs: made, found, moved between states, asked to pause or stop, removed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from peewee import JOIN, SQL, IntegrityError, fn

from abp_tui.domain.model import Bucket, Job, Placement, Question, Recipe
from abp_tui.domain.status import Desired, JobStatus, UnitKind, check_job_step
from abp_tui.errors import DuplicateKey, IllegalTransition, InvalidInput, LeaseHeld, NotFound
from abp_tui.plugins import suggest
from abp_tui.store.database import Database, Row
from abp_tui.store.logs import Logs
from abp_tui.store.questions import Questions
from abp_tui.store.recipes import recipe_columns
from abp_tui.store.records import dump, job_from, now, recipe_from
from abp_tui.store.removal import delete_rows, delete_units, give_back
from abp_tui.store.spill import read_trouble
from abp_tui.store.tables import WORKED_UNTIL, GateRow, JobRow, RecipeRow, UnitRow
from abp_tui.store.tally import bucket_width

ID_FORM = re.compile(r"j?(\d{1,15})", re.ASCII)
SYNTHESIS_KEY = "(synthesis)"
_GATE = tuple(
    column.alias(f"gate_{column.name}")
    for column in (GateRow.state, GateRow.until, GateRow.reason, GateRow.probe_attempt, GateRow.tries)
)


class Jobs:
    """Reads and writes jobs. Every change of state is a compare-and-set."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._logs = Logs(database)
        self._questions = Questions(database)

    def get(self, job_id: int) -> Job:
        """The job with this number; raises `NotFound`."""
        for job in self._select(JobRow.id == job_id):
            return job
        raise NotFound(f"there is no job j{job_id}", "see `abp ls`")

    def find(self, ref: str | int) -> Job:
        """The job that a person means: `j12`, `12` or its name; raises `NotFound` with the nearest name."""
        text = str(ref).strip()
        if form := ID_FORM.fullmatch(text):
            return self.get(int(form[1]))
        for job in self._select(JobRow.name == text):
            return job
        raise NotFound(f"there is no job {text!r}", self._nearest(text))

    def all(self) -> list[Job]:
        """All jobs, newest first."""
        return list(self._select(None))

    def held(self) -> list[Job]:
        """The jobs that an executor holds, newest first."""
        return list(self._select(JobRow.executor.is_null(False)))

    def buckets(self, job_id: int) -> list[Bucket]:
        """The map of all units: how many are in which state, range by range."""
        query = f"SELECT {', '.join(Bucket._fields)} FROM bucket WHERE job_id = ? ORDER BY n"
        with self._db.connected() as db:
            return [Bucket._make(row) for row in db.execute_sql(query, (job_id,))]

    def _nearest(self, text: str) -> str:
        names = [row["name"] for row in self._db.rows(JobRow.select(JobRow.name))]
        return suggest(text, names, "there are") if names else "there are none yet: make one with `abp new`"

    def _select(self, where: Any) -> Iterator[Job]:
        current = (RecipeRow.job == JobRow.id) & (RecipeRow.version == JobRow.recipe_version)
        step = (UnitRow.job == JobRow.id) & (UnitRow.seq == JobRow.total) & (UnitRow.kind == UnitKind.POST)
        query = (
            JobRow.select(JobRow, UnitRow.status.alias("synthesis"), *_GATE)
            .join(RecipeRow, JOIN.INNER, on=current)
            .switch(JobRow)
            .join(UnitRow, JOIN.LEFT_OUTER, on=step)
            .switch(JobRow)
            .join(GateRow, JOIN.LEFT_OUTER, on=(GateRow.scope == JobRow.gate_scope))
            .order_by(JobRow.id.desc())
        )
        if where is not None:
            query = query.where(where)
        recipes = RecipeRow.select(RecipeRow).join(JobRow, JOIN.INNER, on=current)
        if where is not None:
            recipes = recipes.where(where)
        with self._db.connected() as db, db.atomic("DEFERRED"):
            by_job = {row["job"]: recipe_from(row) for row in recipes.bind(db).dicts()}
            rows = list(query.bind(db).dicts())
        return (job_from(self._with_trouble(row), by_job[row["id"]], self._question(row)) for row in rows)

    def _question(self, row: Row) -> Question | None:
        """What the agent under test asks; only a running test has someone to ask."""
        under_test = row["status"] == JobStatus.TESTING and row["executor"]
        return self._questions.open(row["id"]) if under_test else None

    def _with_trouble(self, row: Row) -> Row:
        """The row of a job whose executor can't write says so, although nobody could write it there."""
        trouble = read_trouble(self._db.path, row["id"], row["executor"]) if row["executor"] else None
        return {**row, "waiting": trouble} if trouble else row

    def check_name(self, name: str) -> None:
        """Raise `InvalidInput` for a name that is taken or has the form of an id."""
        if ID_FORM.fullmatch(name):
            raise InvalidInput(f"a job can't be called {name!r}: that is the form of an id", "add a word")
        if self._db.row(JobRow.select(JobRow.id).where(JobRow.name == name)) is not None:
            raise _taken(name)

    def add(self, columns: Mapping[str, Any], recipe: Recipe) -> int:
        """Write a job that is still being enumerated, with its first recipe; returns its number.

        Raises `InvalidInput` for a name that is taken or has the form of an id.
        """
        name = columns["name"]
        self.check_name(name)
        with self._db.writing() as db:
            try:
                values = {**columns, "status": JobStatus.CREATED, "created_at": now()}
                job_id = JobRow.insert(values).execute(db)
            except IntegrityError:
                raise _taken(name) from None  # in the meantime
            first = recipe.model_copy(update={"job_id": job_id, "version": 1})
            RecipeRow.insert(recipe_columns(first)).execute(db)
        return int(job_id)

    def add_units(self, job_id: int, rows: Sequence[tuple[int, str, str]]) -> None:
        """Write a chunk of units as (seq, key, payload JSON) in one transaction.

        Raises `DuplicateKey` where a key is there twice, in the chunk or in the job, and writes nothing.
        """
        insert = f"INSERT INTO unit (job_id, seq, key, payload) VALUES ({int(job_id)}, ?, ?, ?)"
        try:
            with self._db.writing() as db:
                db.connection().executemany(insert, rows)
        except sqlite3.IntegrityError as error:
            if "UNIQUE" not in str(error):
                raise NotFound(f"job j{job_id} was removed while its items were written", "") from None
            raise self._duplicate(job_id, rows) from None

    def _duplicate(self, job_id: int, rows: Iterable[tuple[int, str, str]]) -> DuplicateKey:
        """The first of the rows whose key is taken, by an earlier one or by a unit."""
        seen: dict[str, int] = {}
        for seq, key, _ in rows:
            query = UnitRow.select(UnitRow.seq).where((UnitRow.job == job_id) & (UnitRow.key == key))
            written = self._db.row(query)
            if written is not None or key in seen:
                return DuplicateKey(key, seq, written["seq"] if written is not None else seen[key])
            seen[key] = seq
        raise AssertionError("the database found a key twice that is there once")

    def make_ready(self, job_id: int, total: int, synthesis: str | None = None) -> None:
        """All units are written: count them, lay out the map, and let the job be started.

        `synthesis` is the payload of the step that follows them, as JSON, where there is to be one.
        """
        width = bucket_width(total)
        sizes = ((n, min(width, total - n * width)) for n in range(-(-total // width)))
        with self._db.writing() as db:
            db.connection().executemany(
                "INSERT INTO bucket (job_id, n, pending) VALUES (?, ?, ?)",
                ((job_id, n, size) for n, size in sizes),
            )
            if synthesis is not None:
                key = SYNTHESIS_KEY
                while (
                    UnitRow.select().where((UnitRow.job == job_id) & (UnitRow.key == key)).bind(db).exists()
                ):
                    key += "'"  # an item is called that
                step = {"job": job_id, "seq": total, "kind": UnitKind.POST, "key": key}
                UnitRow.insert({**step, "payload": synthesis}).execute(db)
            JobRow.update(
                total=total, pending=total, bucket_width=width, ready_at=now(), change=JobRow.change + 1
            ).where(JobRow.id == job_id).execute(db)

    def move(
        self,
        job_id: int,
        new: JobStatus,
        *,
        expect: JobStatus | None = None,
        said: str | None = None,
        **columns: Any,
    ) -> Job:
        """Move a job to another state; raises `IllegalTransition` and changes nothing if it can't go there.

        `expect` is the state the caller saw; where it is no longer true, that is an illegal transition too.
        `said` is what the job's log says of it.
        """
        with self._db.writing() as db:
            query = JobRow.select(JobRow.name, JobRow.status, JobRow.ready_at)
            row = query.where(JobRow.id == job_id).bind(db).first()
            if row is None:
                raise NotFound(f"there is no job j{job_id}", "see `abp ls`")
            old = JobStatus(row.status)
            check_job_step(row.name, old, new)
            if row.ready_at is None:
                raise IllegalTransition(
                    f"the items of job {row.name} are not complete", "is it being removed?"
                )
            if expect is not None and old is not expect:
                raise IllegalTransition(f"job {row.name} is {old} by now", "look at it again")
            values = {"status": new, "change": JobRow.change + 1, **_stamps(new), **columns}
            JobRow.update(values).where(JobRow.id == job_id).execute(db)
            if said is not None:
                self._logs.add(job_id, said)
        return self.get(job_id)

    def ask(
        self,
        job_id: int,
        *,
        desired: Desired | None = None,
        by: str | None = None,
        workers: int | None = None,
    ) -> None:
        """Tell the executor what is wanted of it: to run, pause or stop, and with how many workers.

        `by` is the program that wants it, None a person.
        """
        values: dict[Any, Any] = {JobRow.change: JobRow.change + 1}
        if desired is not None:
            values |= {JobRow.desired: desired, JobRow.desired_by: by}
        if workers is not None:
            values[JobRow.desired_workers] = workers
            values[JobRow.max_workers] = workers
        with self._db.writing() as db:
            JobRow.update(values).where(JobRow.id == job_id).execute(db)

    def set_limits(self, job_id: int, **limits: float | None) -> None:
        """Change `max_retries` or `budget_usd`; None leaves one as it is."""
        values = {name: value for name, value in limits.items() if value is not None}
        with self._db.writing() as db:
            JobRow.update({**values, "change": JobRow.change + 1}).where(JobRow.id == job_id).execute(db)

    def hold(self, job_id: int, before: Sequence[str], after: Sequence[str]) -> bool:
        """Change what a person must approve of a job from `before` to `after`; False where it was another."""
        values = {"held": dump(list(after)), "change": JobRow.change + 1}
        same = (JobRow.id == job_id) & (JobRow.held == dump(list(before)))
        return bool(self._db.run(JobRow.update(values).where(same)))

    def clear_units(self, job_id: int) -> None:
        """Delete the units of a job that is not ready: they could not all be found."""
        delete_units(self._db, job_id)

    def place(self, job_id: int, placement: Placement) -> None:
        """Keep where the job's units run; its next executor goes by it."""
        kept = placement.model_copy(update={"placed": True}).model_dump_json()
        self._db.run(JobRow.update(placement=kept, change=JobRow.change + 1).where(JobRow.id == job_id))

    def remember_environment(self, job_id: int, names: Iterable[str]) -> None:
        """Keep the names (never the values) of the variables the job was launched with."""
        self._db.run(JobRow.update(env_names=dump(sorted(names))).where(JobRow.id == job_id))

    def remove(self, job_id: int) -> None:
        """Delete a job and all that belongs to it; raises `LeaseHeld` while somebody holds its lease.

        Goes in small steps, so that the executors of other jobs can write in between.
        """
        with self._db.writing() as db:
            row = JobRow.select().where(JobRow.id == job_id).bind(db).first()
            if row is not None and row.executor is not None:
                raise LeaseHeld(f"job {row.name} is being run by process {row.pid}", "stop it first")
            JobRow.update(ready_at=None).where(JobRow.id == job_id).execute(db)
        delete_rows(self._db, job_id)
        self._db.run(JobRow.delete().where(JobRow.id == job_id))
        give_back(self._db)


def _taken(name: str) -> InvalidInput:
    return InvalidInput(f"there is a job called {name!r} already", "choose another name")


def _stamps(new: JobStatus) -> dict[str, Any]:
    """The columns that say when a state was reached."""
    if new is JobStatus.RUNNING:
        first = fn.COALESCE(JobRow.started_at, now())
        began = {"started_at": first, "finished_at": None, "running_since": now()}
        return {**began, "pause_reason": None, "desired": Desired.RUN}
    rested = {"worked_s": SQL(WORKED_UNTIL, (now(),)), "running_since": None}
    if new.ended:
        return {**rested, "finished_at": now()}
    if new is JobStatus.PAUSED:
        return rested
    if new in (JobStatus.TESTING, JobStatus.CREATED):
        return {"desired": Desired.RUN, "pilot_id": None}
    return {}
