"""Runs `abp` as a person or a script does: a real process, a real store, nothing of the user's own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from abp_tui.cli import main
from abp_tui.liveness import started_at

PYTHON = [sys.executable, "-m", "abp_tui"]
STANDINS = Path(__file__).parent.parent / "standins"
PATIENCE_S = 30.0

Result = subprocess.CompletedProcess[str]

WAIT_FOR_GATE = 'until [ -e "$1" ]; do sleep 0.02; done; wc -w "$2"'


@dataclass(frozen=True)
class Background:
    process: subprocess.Popen[bytes]
    said: Path

    def says(self, text: str) -> bool:
        return text in self.said.read_text()


class Abp:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "data" / "abp.db"
        home = folder / "home"
        home.mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.env = {**kept, "HOME": str(home), "ABP_STORAGE_PATH": str(self.store)}

    def use_standins(self) -> None:
        self.env["PATH"] = f"{STANDINS}{os.pathsep}{self.env['PATH']}"

    def run(self, *arguments: str | Path, code: int | None = 0, **env: str) -> Result:
        """Run a verb without a terminal; `code` is the exit code it must have, None for any."""
        done = subprocess.run(
            [*PYTHON, *map(str, arguments)],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )
        assert code is None or done.returncode == code, (arguments, done)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def quick(self, *arguments: str | Path) -> str:
        """Run a verb in this process, which is what a test prepares and looks with; returns its stdout."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        with (
            mock.patch.dict(os.environ, self.env, clear=True),
            mock.patch.object(sys, "argv", ["abp", *map(str, arguments)]),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        for stream in (out, err):
            stream.seek(0)
        assert ended.value.code in (None, 0), err.read()
        return out.read()

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.quick(*arguments, "--json"))

    def start(self, *arguments: str) -> Background:
        """Run a verb in the background, its talk going to a file."""
        said = self.folder / f"said-{uuid.uuid4().hex}.txt"
        with said.open("w") as file:
            process = subprocess.Popen(
                [*PYTHON, *arguments],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )
        return Background(process, said)

    def new_gated(self, texts: Path, *more: str) -> Path:
        """Make the job `gated`, whose units run until the returned file is there."""
        gate = self.folder / "gate"
        command = ("sh", "-c", WAIT_FOR_GATE, "sh", str(gate), "{file_path}")
        self.quick(
            "new", "gated", "--intent", "Wait", "--files", texts, "--pattern", "*.md", *more, "--", *command
        )
        return gate

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Look into the file itself, past all of the program."""
        connection = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for a condition, with a bound."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.02)
        raise AssertionError(f"it never came to this: {what}")

    def until_processing(self, count: int) -> None:
        query = "SELECT count(*) FROM unit WHERE status = 'PROCESSING'"
        self.until(lambda: self.sql(query)[0][0] == count, f"{count} units run")

    def kill_executor(self, job: str) -> int:
        """End a job's executor as nothing else can, and wait until it is gone."""
        executor = self.json("show", job)["executor"]
        pid = int(executor["pid"])
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: started_at(pid) is None, "the executor is gone")
        return pid

    def end_executors(self) -> None:
        """Let every executor that still runs end its agents, and wait for it."""
        if not self.store.exists() or not self.store.read_bytes().startswith(b"SQLite format 3"):
            return
        for pid, started in self.sql("SELECT pid, pid_started FROM job WHERE pid IS NOT NULL"):
            if started_at(pid) == started:
                os.kill(pid, signal.SIGTERM)
                self.until(lambda pid=pid: started_at(pid) is None, "the executor has ended")


def assert_counters_match(abp: Abp, job: str) -> None:
    """What `show` says equals what the rows of the file say."""
    view = abp.json("show", job)
    number = view["id"][1:]
    items = f"FROM unit WHERE job_id = {number} AND kind = 'item' GROUP BY status"
    rows = dict(abp.sql(f"SELECT lower(status), count(*) {items}"))
    assert view["total_units"] == sum(rows.values())
    for state in ("pending", "processing", "failed"):
        assert view[f"{state}_units"] == rows.get(state, 0), state
    assert view["completed_units"] + view["suspect_units"] == rows.get("completed", 0)
    spent = abp.sql(f"SELECT sum(cost_usd) FROM attempt WHERE job_id = {number}")[0][0]
    assert (view["cost_usd"] or 0) == (abs(spent or 0)) or abs(view["cost_usd"] - spent) < 1e-9
