"""A job whose executors and agents are real processes that a test may end, stop and start at any moment."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from abp_tui.domain.model import Job
from abp_tui.domain.status import JobStatus
from abp_tui.execution.launch import executor_log
from abp_tui.liveness import is_alive, owner
from abp_tui.store.repository import Repository
from tests.factories import assert_counters_match, make_job
from tests.processes import kill, marked_processes
from tests.waiting import wait_until

AGENT = Path(__file__).parent / "programs" / "agent"
WORKERS: Mapping[str, Mapping[str, Any]] = {
    "command": {"argv": [str(AGENT)]},
    "claude": {"program": str(AGENT)},
}
PATIENCE_S = 60.0

Row = tuple[Any, ...]


class Batch:
    """One job of a store, run by executors that this process starts.

    Its agents write what they do to the file `effects` in `folder`.
    """

    def __init__(
        self,
        repository: Repository,
        folder: Path,
        payloads: list[Mapping[str, Any]],
        *,
        name: str = "batch",
        worker: str = "command",
        workers: int = 4,
        max_retries: int = 100,
        status: JobStatus = JobStatus.RUNNING,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.repository = repository
        self.folder = folder
        self.size = len(payloads)
        self.executors: list[subprocess.Popen[bytes]] = []
        job = make_job(
            repository,
            payloads=payloads,
            name=name,
            template="{n} {kind} {seconds}\n",
            worker=worker,
            cwd=folder,
            max_workers=workers,
            desired_workers=workers,
            max_retries=max_retries,
        )
        repository.recipes.add(job.recipe, worker_options=dict(WORKERS[worker]))
        if status is not JobStatus.CREATED:
            repository.jobs.move(job.id, status)
        self.id = job.id
        self.log = executor_log(repository.path, job.id)
        self.log.parent.mkdir(exist_ok=True)

    @property
    def job(self) -> Job:
        return self.repository.jobs.get(self.id)

    @property
    def name(self) -> str:
        return self.job.name

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        """Start an executor, as `launch` does; what it prints goes to the job's log file."""
        argv = [sys.executable, "-P", "-m", "abp_tui.execution", str(self.id)]
        argv += ["--store", str(self.repository.path), *more]
        with self.log.open("ab") as log:
            executor = subprocess.Popen(
                argv,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.executors.append(executor)
        return executor

    def resume(self) -> subprocess.Popen[bytes]:
        """Start an executor of the job, which may be paused."""
        if self.job.status is JobStatus.PAUSED:
            self.repository.jobs.move(self.id, JobStatus.RUNNING)
        return self.start()

    def owned_by(self, executor: subprocess.Popen[bytes]) -> bool:
        lease = self.job.lease
        return lease is not None and lease.pid == executor.pid

    def until_processing(self, count: int) -> None:
        """Wait until so many units run, each with a process that says so in `effects`."""
        wait_until(lambda: self.job.counters.processing == count, PATIENCE_S, f"{count} units run")
        wait_until(lambda: len(self.marked()) >= count, PATIENCE_S, f"{count} programs run")

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def run_to_end(self) -> None:
        """Wait for the executors that run, and start others until the job has ended."""
        for executor in self.executors:
            executor.wait(PATIENCE_S)
        for _ in range(20):
            if self.job.status.ended:
                return
            self.resume().wait(PATIENCE_S)
        raise AssertionError(f"the job does not end: {self.job.status}, {self.said()[-2000:]}")

    def said(self) -> str:
        """What its executors printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def rows(self, query: str) -> list[Row]:
        """What a query with the job's number as its one value returns."""
        with self.repository.database.connected() as db:
            return list(db.execute_sql(query, (self.id,)).fetchall())

    def ended_units(self) -> dict[int, Row]:
        """What the store says of every unit that is in a final state, by number."""
        query = (
            "SELECT seq, status, attempts, output, error, cost_usd, duration_s FROM unit "
            "WHERE job_id = ? AND status IN ('COMPLETED', 'FAILED')"
        )
        return {row[0]: row[1:] for row in self.rows(query)}

    def attempts(self) -> dict[int, Row]:
        """Every attempt as (unit, number, status, output), by id."""
        query = (
            "SELECT id, seq, number, status, json_extract(outcome, '$.output') FROM attempt WHERE job_id = ?"
        )
        return {row[0]: row[1:] for row in self.rows(query)}

    def dump(self) -> dict[str, list[Row]]:
        """Everything that the store says of this job."""
        of_job = {
            table: f"SELECT * FROM {table} WHERE job_id = ?" for table in ("unit", "attempt", "log", "bucket")
        }
        events = "SELECT event.* FROM event JOIN attempt ON attempt.id = attempt_id WHERE job_id = ?"
        queries = {**of_job, "job": "SELECT * FROM job WHERE id = ?", "event": events}
        return {table: self.rows(query) for table, query in queries.items()}

    def marked(self) -> dict[int, int]:
        """The living processes of this job's attempts, as pid to attempt id."""
        mine = {row[0] for row in self.rows("SELECT id FROM attempt WHERE job_id = ?")}
        found = marked_processes(self.repository.uuid)
        return {pid: attempt for pid, attempt in found.items() if attempt in mine}

    def leaders(self) -> dict[int, int]:
        """Those of them that an executor started itself."""
        return {pid: attempt for pid, attempt in self.marked().items() if _leads(pid)}

    def effects(self) -> dict[str, list[tuple[int, int]]]:
        """What the agents did, as `began` and `done` to (unit, attempt)."""
        done: dict[str, list[tuple[int, int]]] = defaultdict(list)
        path = self.folder / "effects"
        for line in path.read_text().splitlines() if path.exists() else ():
            word, seq, mark = line.split()
            done[word].append((int(seq), int(mark.rpartition(":")[2])))
        return done

    def end(self) -> None:
        """Leave no process behind, whatever has happened."""
        for executor in self.executors:
            if executor.poll() is None:
                executor.kill()
            executor.wait(PATIENCE_S)
        lease = self.job.lease
        if lease is not None and is_alive(owner(lease)) and lease.pid != os.getpid():
            kill([lease.pid])  # one that the command has started
        wait_until(lambda: not kill(self.marked()), PATIENCE_S, "every process is gone")

    def assert_nothing_lost(self) -> None:
        """All that must hold of a job that has ended, whatever happened to its processes."""
        job = self.job
        assert job.status.ended
        assert job.lease is None
        assert len(self.ended_units()) == self.size == job.counters.total
        assert_counters_match(self.repository, self.id)
        assert_costs_match(self)
        assert_attempts_match(self)
        assert_effects_match(self)
        assert self.repository.check.run(quick=True).findings == []
        wait_until(lambda: not self.marked(), 20, f"no process is left of {self.marked()}")
        assert "Traceback" not in self.said(), self.said()[-4000:]


def assert_costs_match(batch: Batch) -> None:
    unknown = "SELECT count(*) FROM attempt WHERE job_id = ? AND cost_usd IS NULL"
    assert batch.rows("SELECT cost_unknown FROM job WHERE id = ?") == batch.rows(unknown)


def assert_attempts_match(batch: Batch) -> None:
    """Numbered without a gap, none still running, and of each unit only the last may have completed."""
    numbers: dict[int, list[int]] = defaultdict(list)
    completed: Counter[int] = Counter()
    attempts = batch.attempts()
    for attempt_id in sorted(attempts):
        seq, number, status, _ = attempts[attempt_id]
        assert status != "RUNNING"
        assert not completed[seq], f"unit {seq} was run again after it had completed"
        numbers[seq].append(number)
        completed[seq] += status == "COMPLETED"
    for seq, (status, count, *_) in batch.ended_units().items():
        assert numbers[seq] == list(range(1, count + 1))
        assert completed[seq] == (status == "COMPLETED")


def assert_effects_match(batch: Batch) -> None:
    """Every program that began was recorded, none began twice, and what is recorded as done was done."""
    attempts, effects = batch.attempts(), batch.effects()
    for word in ("began", "done"):
        assert {(seq, attempt) for attempt, (seq, *_) in attempts.items()} >= set(effects[word])
        assert max(Counter(effects[word]).values(), default=0) <= 1, f"the same attempt {word} twice"
    done = set(effects["done"])
    query = "SELECT group_concat(body, '') FROM event WHERE kind = 'text' AND attempt_id = "
    for attempt, (seq, _, status, output) in attempts.items():
        if status == "COMPLETED":
            assert (seq, attempt) in done
            said = batch.rows(f"{query}{attempt} AND ? ORDER BY id")[0][0]
            assert [said.count(f"unit {seq} {word}") for word in ("begins", "goes on", "is done")] == [
                1,
                1,
                1,
            ]
            assert f"unit {seq} is done" in output


def payloads(
    count: int, kinds: Iterable[str], rng: random.Random, longest_s: float
) -> list[Mapping[str, Any]]:
    """Items of mixed kinds that take up to `longest_s` seconds each."""
    choices = list(kinds)
    return [
        {"n": n, "kind": rng.choice(choices), "seconds": f"{rng.uniform(0, longest_s):.3f}"}
        for n in range(count)
    ]


def gated(count: int, kind: str = "gated") -> list[Mapping[str, Any]]:
    """Items whose agents run until the gate is opened."""
    return [{"n": n, "kind": kind, "seconds": "0"} for n in range(count)]


def _leads(pid: int) -> bool:
    """Whether it is the program itself, and none of its children."""
    with suppress(OSError):
        command = (Path("/proc") / str(pid) / "cmdline").read_bytes()
        return os.getsid(pid) == pid and os.fsencode(AGENT) in command
    return False
