"""A real Dask cluster of processes on 127.0.0.1, or on hosts that a test has made."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.waiting import wait_until

START_S = 60.0
END_S = 10.0
SET_PDEATHSIG = 1


class Cluster:
    """A scheduler and its nodes, each a process of its own that is ended with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        self._file = folder / "scheduler.json"
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.address = ""

    def start_scheduler(
        self, host: str = "127.0.0.1", within: Sequence[str] = (), protocol: str = "tcp"
    ) -> subprocess.Popen[bytes]:
        """Start one and wait for its address; `within` are words before the command."""
        self._file.unlink(missing_ok=True)
        options = ["--host", host, "--port", "0", "--protocol", protocol, "--no-dashboard"]
        arguments = [*options, "--scheduler-file", str(self._file)]
        process = self._start("scheduler", within, "distributed.cli.dask_scheduler", arguments, {})
        self.scheduler = process
        self.address = wait_until(self._address, START_S, "the scheduler's address")
        return process

    def start_node(
        self,
        name: str,
        *,
        slots: int | None = 4,
        threads: int = 1,
        host: str = "127.0.0.1",
        within: Sequence[str] = (),
        **variables: str,
    ) -> subprocess.Popen[bytes]:
        """Start a node that calls itself `name` to its agents, in the variable NODE."""
        options = ["--no-nanny", "--nthreads", str(threads), "--name", name, "--host", host, "--no-dashboard"]
        resources = [] if slots is None else ["--resources", f"abp_slots={slots}"]
        local = ["--local-directory", str(self.folder), "--death-timeout", "60", "--memory-limit", "0"]
        arguments = [self.address, *options, *resources, *local]
        env = {"NODE": name, **variables}
        self.nodes[name] = self._start(name, within, "distributed.cli.dask_worker", arguments, env)
        return self.nodes[name]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def wait_for_nodes(self, *names: str) -> None:
        """Until these nodes have registered."""
        said = "Registered to:"
        for name in names or self.nodes:
            wait_until(lambda name=name: said in self.log(name), START_S, f"node {name}")  # type: ignore[misc]

    def end(self) -> None:
        everything = [*self.nodes.values(), *([self.scheduler] if self.scheduler else [])]
        for process in everything:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in everything:
            process.wait(END_S)

    def _address(self) -> str:
        with suppress(FileNotFoundError, ValueError):
            return str(json.loads(self._file.read_text())["address"])
        return ""

    def _start(
        self,
        name: str,
        within: Sequence[str],
        module: str,
        arguments: Sequence[str],
        variables: Mapping[str, str],
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [*within, sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                env={**os.environ, "DASK_TEMPORARY_DIRECTORY": str(self.folder), **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_this_process,
            )


def _die_with_this_process() -> None:
    """So that a test run that is broken off leaves no cluster behind."""
    ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def running_cluster(folder: Path, **nodes: int | None) -> Iterator[Cluster]:
    """A scheduler with these nodes, each with so many slots; with none, it is for Dask to say."""
    cluster = Cluster(folder)
    try:
        cluster.start_scheduler()
        for name, slots in nodes.items():
            cluster.start_node(name, slots=slots)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.end()
