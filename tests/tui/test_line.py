from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until


@pytest.mark.parametrize(
    "before", [[], ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"]], ids=["plain", "ignored"]
)
def test_it_ends_with_its_line_where_no_signal_says_so(tmp_path: Path, before: list[str]) -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "HOME": str(tmp_path), "ABP_STORAGE_PATH": str(tmp_path / "abp.db"), "TERM": "xterm"}
    with subprocess.Popen(
        [*before, sys.executable, "-m", "abp_tui"], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    ) as process:
        os.close(theirs)
        said = b""
        while b"jobs" not in said:
            said += os.read(ours, 65536)
        os.close(ours)
        try:
            wait_until(lambda: process.poll() is not None, what="the end of a program without a terminal")
        finally:
            process.kill()
