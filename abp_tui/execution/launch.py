"""Starting an executor that outlives the terminal: a process in a session of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from abp_tui.domain.model import Job
from abp_tui.domain.status import JobStatus
from abp_tui.errors import AbpError
from abp_tui.execution.attempt import ATTEMPT_MARK
from abp_tui.execution.watchdog import MARK as EXECUTOR_MARK
from abp_tui.paths import log_folder
from abp_tui.store.repository import Repository
from abp_tui.workers.base import NESTING_MARKS

START_WAIT_S = 60.0  # longer than it takes to see that an owner on another machine is dead
ALREADY_RUN = 2  # the exit code of an executor that found another one
LOOK_S = 0.02
TAIL_BYTES = 4000


def launch_executor(
    repository: Repository,
    job: Job,
    *,
    test_seq: int | None = None,
    only_seq: int | None = None,
    pilot_id: int | None = None,
    force: bool = False,
) -> Job:
    """Start the job's executor, for all its units or `only_seq`, its test of `test_seq` or a pilot, detached.

    Returns once it owns the job, or has ended already. Raises `AbpError` with the executor's own words
    where it could not begin.
    """
    log_file = executor_log(repository.path, job.id)
    arguments = [
        sys.executable,
        "-P",
        "-m",
        "abp_tui.execution",
        str(job.id),
        "--store",
        str(repository.path),
    ]
    if test_seq is not None:
        arguments += ["--test", str(test_seq)]
    if only_seq is not None:
        arguments += ["--only", str(only_seq)]
    if pilot_id is not None:
        arguments += ["--pilot", str(pilot_id)]
    if force:
        arguments.append("--force")
    repository.jobs.remember_environment(job.id, clean_environment(os.environ))
    process, begin = _start(arguments, job, log_file)
    # Someone must wait for it, or it stays a zombie for as long as this process lives.
    threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
    return _wait_until_it_owns(repository, job, process, log_file, begin, pilot_id)


def _start(arguments: list[str], job: Job, log_file: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start it, printing to the end of its log; returns the process and where in the log it begins."""
    try:
        log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(log_file, "ab", opener=_private) as log:
            begin = log.tell()
            process = subprocess.Popen(
                arguments,
                cwd=job.cwd,
                env=clean_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        hint = f"are {job.cwd} and {log_file.parent} there, and may you use them?"
        raise AbpError(f"the executor of job {job.name} can't be started: {error.strerror}", hint) from error
    return process, begin


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for an executor: all of it, less what marks this process as an agent's child."""
    ours = {*NESTING_MARKS, ATTEMPT_MARK, EXECUTOR_MARK}
    return {name: value for name, value in environment.items() if name not in ours}


def executor_log(store: Path, job_id: int) -> Path:
    """The file that a job's executors print to."""
    return log_folder(store) / f"{store.stem}-j{job_id}.log"


def _wait_until_it_owns(
    repository: Repository,
    job: Job,
    process: subprocess.Popen[bytes],
    log_file: Path,
    begin: int,
    pilot_id: int | None,
) -> Job:
    deadline = time.monotonic() + START_WAIT_S
    while time.monotonic() < deadline:
        code = process.poll()
        now = repository.jobs.get(job.id)
        owns = now.lease is not None and now.lease.pid == process.pid
        begun = pilot_id is None or now.pilot_id == pilot_id
        if owns and begun and now.status in (JobStatus.TESTING, JobStatus.RUNNING):
            return now
        if code == 0:
            return now  # it was that quick
        if code == ALREADY_RUN and now.lease is not None:
            return now  # another one was quicker
        if code is not None:
            raise _could_not_begin(job, log_file, begin)
        time.sleep(LOOK_S)
    raise AbpError(f"the executor of job {job.name} has not begun in {START_WAIT_S:.0f} s", f"see {log_file}")


def _could_not_begin(job: Job, log_file: Path, begin: int) -> AbpError:
    with log_file.open("rb") as log:
        log.seek(begin)
        said = log.read()[-TAIL_BYTES:].decode("utf-8", "replace").strip().splitlines()
    why = said[-1].removeprefix("abp: ") if said else "it said nothing"
    return AbpError(f"the executor of job {job.name} could not begin: {why}", f"see {log_file}")
