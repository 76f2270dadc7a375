"""Keys of the environment reach the agents, but neither the database nor a log."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from abp_tui.domain.model import Job
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from abp_tui.workers.base import NESTING_MARKS, Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, make_job

STANDIN = Path(__file__).parent.parent / "standins" / "claude"
KEY = 'sk-"0123456789\\abc'
TOKEN = "ghp_abcdefghijklmnop"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_API_KEY", KEY)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[None]:
    """At the end no file of the test holds one, in no form that it may have been written in."""
    yield
    for file in filter(Path.is_file, tmp_path.rglob("*")):
        data = file.read_bytes()
        for form in (KEY, json.dumps(KEY)[1:-1], TOKEN):
            assert form.encode() not in data, file
    assert any(b"***" in file.read_bytes() for file in tmp_path.rglob("abp.db*"))


def run(repository: Repository, code: str, **options: object) -> Job:
    job = make_job(
        repository,
        1,
        status=JobStatus.RUNNING,
        worker="command",
        worker_options={"argv": [sys.executable, "-c", code], **options},
        max_retries=0,
    )
    JobExecutor(repository, job.id).run()
    return repository.jobs.get(job.id)


SHOWS = (
    "import json, os, sys\n"
    "key, token = os.environ['TEST_API_KEY'], os.environ['GITHUB_TOKEN']\n"
    "print(json.dumps({'type': key, 'text': key, 'in': json.dumps({'key': key})}), token)\n"
    "print(key, file=sys.stderr)\n"
)


@pytest.mark.parametrize("by_line", [False, True])
def test_what_a_program_prints(repository: Repository, nowhere: None, by_line: bool) -> None:
    job = run(repository, SHOWS, jsonl_events=by_line)
    unit = repository.units.get(job.id, 0)
    assert (unit.status, (unit.output or "").count("***")) == (UnitStatus.COMPLETED, 4)


def test_why_it_fails(repository: Repository, nowhere: None) -> None:
    job = run(repository, SHOWS + "print('bad key:', key, file=sys.stderr)\nsys.exit(3)")
    assert repository.units.get(job.id, 0).error == "exit code 3: bad key: ***"
    assert any("***" in entry.message for entry in repository.logs.after(job.id))


def test_a_structured_result(repository: Repository, nowhere: None) -> None:
    job = make_job(
        repository,
        1,
        status=JobStatus.RUNNING,
        worker="command",
        worker_options={"argv": [sys.executable, "-c", SHOWS.replace(", token)", ")")]},
    )
    repository.recipes.add(job.recipe, output_schema={"type": "object"})
    JobExecutor(repository, job.id).run()
    result = repository.units.get(job.id, 0).result
    assert result == {"type": "***", "text": "***", "in": '{"key": "***"}'}


def test_what_a_worker_raises(repository: Repository, nowhere: None) -> None:
    def raises(task: Task, sink: Sink, cancel: Cancel) -> None:
        raise RuntimeError(f"no access with {TOKEN}")

    job = make_job(repository, 1, status=JobStatus.RUNNING)
    JobExecutor(repository, job.id, InProcessWorker(raises)).run()  # type: ignore[arg-type]
    assert repository.units.get(job.id, 0).error == "RuntimeError: no access with ***"


def test_the_log_of_a_detached_executor() -> None:
    code = (
        "import logging, os, sys\n"
        "from abp_tui.execution.__main__ import _log_without_secrets\n"
        "_log_without_secrets()\n"
        "try: raise RuntimeError(os.environ['TEST_API_KEY'])\n"
        "except RuntimeError: logging.exception('with %s', os.environ['GITHUB_TOKEN'])\n"
        "raise RuntimeError(os.environ['GITHUB_TOKEN'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.count("***") == 3 and done.stderr.count("Traceback") == 2
    assert KEY not in done.stderr and TOKEN not in done.stderr


def test_agents_get_all_but_the_marks_of_an_agent_around_them(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mark in NESTING_MARKS:
        monkeypatch.setenv(mark, "1")
    code = "import json, os; json.dump(dict(os.environ), open('environment', 'w'))"
    job = make_job(
        repository, 1, status=JobStatus.RUNNING, worker="command", cwd=tmp_path,
        worker_options={"argv": [sys.executable, "-c", code]},
    )  # fmt: skip
    JobExecutor(repository, job.id).run()
    seen = json.loads((tmp_path / "environment").read_text())
    assert (seen["TEST_API_KEY"], seen["GITHUB_TOKEN"]) == (KEY, TOKEN)
    assert {"CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT"} == NESTING_MARKS
    assert not NESTING_MARKS & seen.keys()
