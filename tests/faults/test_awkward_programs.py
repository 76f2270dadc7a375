"""Programs that treat their pipes badly: each ends in time, with the class that it deserves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import EventKind, Timers, WorkUnit
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from tests.factories import make_job

RESULT = json.dumps({"type": "result", "subtype": "success", "is_error": False, "result": "done"})
DONE, FAILED = UnitStatus.COMPLETED, UnitStatus.FAILED
FLOOD = "import sys; sys.stderr.write('e' * 300_000 + '\\n'); sys.stderr.flush()\n"
ANSWER = {"command": "print('done', end='')\n", "claude": f"print({RESULT!r}, end='')\n"}
CLOSE = "import os, sys, time; sys.stdout.flush(); os.close(1); time.sleep(600)\n"
LEAVE_ONE = "import os, sys, time; sys.stdout.flush()\nif os.fork() == 0: time.sleep(600)\n"
IN_TIME_S = 20.0
TIMERS = {"first_event_s": 2.0, "idle_s": 1.0, "total_s": 60.0, "grace_s": 0.5}


def run(repository: Repository, folder: Path, worker: str, code: str) -> WorkUnit:
    program = folder / "program"
    program.write_text(f"#!{sys.executable} -IS\n{code}")
    program.chmod(0o700)
    options: dict[str, Any] = {"argv": [str(program)]} if worker == "command" else {"program": str(program)}
    job = make_job(repository, 1, status=JobStatus.RUNNING, worker=worker, worker_options=options, cwd=folder)
    repository.recipes.add(job.recipe, timers=Timers(**TIMERS))
    JobExecutor(repository, job.id).run()
    unit = repository.units.get(job.id, 0)
    assert unit.duration_s is not None and unit.duration_s < IN_TIME_S
    return unit


@pytest.fixture(params=["command", "claude"])
def worker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_300_kb_on_stderr(repository: Repository, tmp_path: Path, worker: str) -> None:
    unit = run(repository, tmp_path, worker, FLOOD + ANSWER[worker])
    assert (unit.status, unit.output) == (DONE, "done")
    events = repository.attempts.events(repository.attempts.of_unit(unit.job_id, 0)[0].id)
    assert sum(len(event.body) for event in events if event.kind is EventKind.STDERR) > 250_000


def test_300_kb_on_stderr_and_a_failure(repository: Repository, tmp_path: Path, worker: str) -> None:
    unit = run(repository, tmp_path, worker, FLOOD + "sys.exit('no luck')")
    assert (unit.status, unit.failure_kind) == (FAILED, "agent_error")
    assert (unit.error or "").endswith("exit code 1: no luck")


def test_output_without_a_newline(repository: Repository, tmp_path: Path, worker: str) -> None:
    unit = run(repository, tmp_path, worker, ANSWER[worker])
    assert (unit.status, unit.output) == (DONE, "done")


def test_closing_stdout_and_living_on(repository: Repository, tmp_path: Path, worker: str) -> None:
    unit = run(repository, tmp_path, worker, "print('working')\n" + CLOSE)
    assert (unit.status, unit.failure_kind) == (FAILED, "timeout_idle")


def test_closing_stdout_and_living_on_after_the_result(repository: Repository, tmp_path: Path) -> None:
    unit = run(repository, tmp_path, "claude", ANSWER["claude"].replace(", end=''", "") + CLOSE)
    assert (unit.status, unit.output) == (DONE, "done")


def test_closing_stdout_at_once(repository: Repository, tmp_path: Path, worker: str) -> None:
    unit = run(repository, tmp_path, worker, CLOSE)
    assert (unit.status, unit.failure_kind) == (FAILED, "timeout_first_event")


@pytest.mark.parametrize("where", ["", "else: time.sleep(.2)\n"], ids=["at once", "in a moment"])
def test_leaving_a_grandchild_that_holds_the_pipe(
    repository: Repository, tmp_path: Path, worker: str, where: str
) -> None:
    unit = run(repository, tmp_path, worker, ANSWER[worker] + LEAVE_ONE + where)
    assert (unit.status, unit.output) == (DONE, "done")


def test_leaving_a_grandchild_of_another_session_with_the_pipe(
    repository: Repository, tmp_path: Path, worker: str
) -> None:
    code = LEAVE_ONE.replace("time.sleep", "os.setsid(); time.sleep")
    unit = run(repository, tmp_path, worker, ANSWER[worker] + code)
    assert (unit.status, unit.output) == (DONE, "done")
