from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from abp_tui.domain.status import JobStatus
from abp_tui.errors import AbpError
from abp_tui.execution.launch import clean_environment, executor_log, launch_executor
from abp_tui.store.repository import Repository
from tests.factories import make_job
from tests.waiting import wait_until


def job_of_commands(repository: Repository, folder: Path, *argv: str) -> int:
    """A running job of one unit of the `command` worker."""
    job = make_job(repository, 1, status=JobStatus.RUNNING, worker="command", cwd=folder)
    repository.recipes.add(job.recipe, worker_options={"argv": list(argv)})
    return job.id


def test_only_the_marks_of_a_nested_agent_are_left_out() -> None:
    environment = {
        "CLAUDECODE": "1",
        "ABP_ATTEMPT": "x:1",
        "ANTHROPIC_API_KEY": "k",
        "CLAUDE_CONFIG_DIR": "/c",
    }
    assert clean_environment(environment) == {"ANTHROPIC_API_KEY": "k", "CLAUDE_CONFIG_DIR": "/c"}


def test_it_leads_a_session_of_its_own_and_reads_nothing(repository: Repository, tmp_path: Path) -> None:
    job_id = job_of_commands(repository, tmp_path, "sleep", "60")
    job = launch_executor(repository, repository.jobs.get(job_id))
    assert job.lease is not None
    process = psutil.Process(job.lease.pid)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert Path(f"/proc/{process.pid}/fd/0").readlink() == Path("/dev/null")
    assert process.cwd() == str(tmp_path)
    process.terminate()
    wait_until(lambda: repository.jobs.get(job_id).status is JobStatus.PAUSED)


def test_a_closed_terminal_is_nothing_to_it_and_as_usual_to_its_agents(
    repository: Repository, tmp_path: Path
) -> None:
    says = "import signal, time; print(signal.getsignal(signal.SIGHUP).name, flush=True); time.sleep({})"
    job_id = job_of_commands(repository, tmp_path, sys.executable, "-c", says.format(60))
    job = launch_executor(repository, repository.jobs.get(job_id))
    (attempt,) = wait_until(lambda: [a for a in repository.attempts.running(job_id) if a.pid])
    said = wait_until(lambda: [e.body for e in repository.attempts.events(attempt.id) if e.kind == "text"])
    assert said == ["SIG_DFL"]
    assert job.lease is not None
    os.kill(job.lease.pid, signal.SIGHUP)
    repository.units.ask_end(job_id, 0)
    wait_until(lambda: repository.jobs.get(job_id).status is JobStatus.FAILED)


def test_modules_in_the_jobs_folder_are_not_imported(repository: Repository, tmp_path: Path) -> None:
    for name in ("json", "logging", "abp_tui"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    job_id = job_of_commands(repository, tmp_path, "true")
    launch_executor(repository, repository.jobs.get(job_id))
    wait_until(lambda: repository.jobs.get(job_id).status is JobStatus.COMPLETED)


def test_names_of_the_environment_are_kept_and_no_values(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret-value")
    job_id = job_of_commands(repository, tmp_path, "true")
    launch_executor(repository, repository.jobs.get(job_id))
    wait_until(lambda: repository.jobs.get(job_id).status is JobStatus.COMPLETED)
    assert "SOME_API_KEY" in repository.jobs.get(job_id).env_names
    for file in repository.path.parent.rglob("*"):
        if file.is_file():
            assert b"sk-secret-value" not in file.read_bytes()


def test_an_executor_that_can_not_begin_says_why(repository: Repository) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    with pytest.raises(AbpError, match="could not begin: there is no worker called 'in-process'") as caught:
        launch_executor(repository, job)
    assert str(executor_log(repository.path, job.id)) in caught.value.hint
