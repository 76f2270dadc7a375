"""The herald as a process: what it starts is as usual, whatever becomes of its executor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from abp_tui.domain.status import JobStatus
from tests.execution.test_lease import lease_of
from tests.factories import make_job, make_repository
from tests.waiting import wait_until

START = "import sys; from abp_tui.notify.herald import start_herald; start_herald(sys.argv[1], 1)"
IGNORED = (
    "import os, signal, sys; numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)\n"
    "with open(sys.argv[1] + '.part', 'w') as file:\n"
    "    file.write(str([n.name for n in numbers if signal.getsignal(n) is signal.SIG_IGN]))\n"
    "os.rename(sys.argv[1] + '.part', sys.argv[1])"
)


def test_a_command_ignores_no_signal(tmp_path: Path) -> None:
    repository, out = make_repository(tmp_path), tmp_path / "out"
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    assert repository.leases.take(job.id, lease_of(os.getpid(), pid_started=1.0), None)  # it has died
    command = [sys.executable, "-c", IGNORED, str(out)]
    env = {**os.environ, "ABP_NOTIFY": json.dumps({"command": command})}
    subprocess.run([sys.executable, "-c", START, str(repository.path)], env=env, check=True, timeout=60)
    wait_until(out.exists)
    assert out.read_text() == "[]"
