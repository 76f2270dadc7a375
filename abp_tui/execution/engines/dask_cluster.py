"""The connection to a Dask cluster: one thread with an event loop, a client on it, the nodes there are."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any, TypeVar

from distributed import Client, LocalCluster
from distributed.security import Security

from abp_tui.domain.model import Placement
from abp_tui.errors import EngineUnavailable

T = TypeVar("T")

CONNECT_S = 10.0
CLOSE_S = 10.0
LOCAL_NODES = 4
CONNECTIONS = 100_000  # of the client; each node has two calls under way
UNREACHABLE = (OSError, TimeoutError)  # a scheduler or node; Dask's own errors of communication are such, too
MISCONFIGURED = (ValueError, ImportError, TypeError, RuntimeError)  # an address, a protocol, TLS

# An expression, because a function would have to be known there, or be of the same Python.
_VERSIONS = (
    "(list(__import__('sys').version_info[:2]), [found.version for found in "
    "__import__('importlib.metadata', fromlist=['x']).distributions(name='abp-tui')][:1])"
)

log = logging.getLogger(__name__)


class Unanswered(EngineUnavailable):
    """A node that can't be reached at this moment."""


class Cluster:
    """A cluster as one executor sees it. Its coroutines are for its own event loop, `call` for any thread."""

    def __init__(self, placement: Placement) -> None:
        self.name = placement.scheduler or "the cluster of this machine"
        self._scheduler = placement.scheduler
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dask", daemon=True)
        self._client: Any = None
        self._local: Any = None
        self._security: Any = None  # None: what Dask's configuration says
        self._closed = False

    def open(self) -> None:
        """Connect, and see that one of those there can run our units; raises `EngineUnavailable`."""
        logging.getLogger("distributed").setLevel(logging.WARNING)  # its comings and goings are ours to tell
        self._thread.start()
        try:
            self.call(self._connect())
            with suppress(*UNREACHABLE):  # of a node: it is asked again before it is given anything
                self.call(self.check_versions())
        except BaseException:
            self.close()
            raise

    def call(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the cluster's event loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def soon(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have a function called on the cluster's event loop, from any thread."""
        with suppress(RuntimeError):  # it has been closed
            self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """Let go of the cluster, and end it where it is ours. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with suppress(TimeoutError):
            self.call(self._disconnect(), 2 * CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)

    async def addresses(self) -> list[str]:
        """Where the nodes are that the scheduler knows."""
        return list(await asyncio.wait_for(self._client.nthreads(), CONNECT_S))

    async def run(self, address: str, function: Callable[..., Any], *arguments: Any, timeout: float) -> Any:
        """What a function gives on a node; raises one of `UNREACHABLE` where that can't be asked."""
        call = self._client.run(function, *arguments, workers=[address])
        answers = await asyncio.wait_for(call, timeout)
        return answers[address]

    async def check_versions(self, address: str | None = None) -> None:
        """Raise `EngineUnavailable` where none of the nodes, or this one, has the Python and abp of here.

        One that does not answer is not said to be another.
        """
        where = None if address is None else [address]
        call = self._client.run(eval, _VERSIONS, workers=where, on_error="return")
        answers = await asyncio.wait_for(call, CONNECT_S)
        others = {node: found for node, answer in answers.items() if (found := _found(answer)) != _here()}
        if others and len(others) == len(answers):
            node, found = next(iter(others.items()))
            hint = "install the same on all machines: pip install 'abp-tui[dask]'"
            raise EngineUnavailable(f"the node {node} has {found}, this machine has {_here()}", hint)

    async def _connect(self) -> None:
        try:
            address = self._scheduler or await self._begin_local()
            self._client = Client(
                address,
                asynchronous=True,
                set_as_default=False,
                timeout=CONNECT_S,
                name=f"abp-{os.getpid()}",
                connection_limit=CONNECTIONS,
                security=self._security,
            )
            await self._client
        except (*UNREACHABLE, *MISCONFIGURED) as error:
            why = str(error).partition("\n")[0] or type(error).__name__
            hint = "is its address right, and does it run? `dask scheduler` prints the address"
            raise EngineUnavailable(f"the scheduler at {self.name} can't be reached: {why}", hint) from error

    async def _begin_local(self) -> str:
        # Who reaches its ports runs code as this user, and every user of this machine reaches them.
        self._security = Security.temporary()
        self._local = await LocalCluster(
            n_workers=min(LOCAL_NODES, os.cpu_count() or 1),
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            protocol="tls://",
            security=self._security,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            asynchronous=True,
        )
        return str(self._local.scheduler_address)

    async def _disconnect(self) -> None:
        for each in (self._client, self._local):
            if each is not None:
                with suppress(*UNREACHABLE):
                    await each.close(timeout=CLOSE_S)


def _found(answer: Any) -> str:
    """What a node has, by what it answered to `_VERSIONS`; what is here where it did not."""
    if isinstance(answer, Exception):
        return _here()
    python, ours = answer
    return f"Python {'.'.join(map(str, python))} and {f'abp {ours[0]}' if ours else 'no abp'}"


def _here() -> str:
    return f"Python {'.'.join(map(str, sys.version_info[:2]))} and abp {version('abp-tui')}"


_OF_A_MACHINE = frozenset(
    "PATH HOME USER LOGNAME SHELL PWD OLDPWD TMPDIR TMP TEMP HOST HOSTNAME HOSTTYPE MACHTYPE OSTYPE MAIL "
    "DISPLAY WAYLAND_DISPLAY XAUTHORITY TERM TERM_PROGRAM COLUMNS LINES SHLVL _ LANG LANGUAGE MANPATH "
    "INFOPATH VIRTUAL_ENV TMUX STY WINDOWID SUDO_USER SUDO_UID SUDO_GID SUDO_COMMAND".split()
)
_OF_A_MACHINE_PREFIXES = (
    *("XDG_", "SSH_", "DBUS_", "LD_", "DYLD_", "LC_", "PYTHON", "CONDA_", "DASK_", "SLURM_", "PBS_"),
    *("KUBERNETES_", "ABP_", "TMUX_", "PYENV_", "SYSTEMD_"),
)


def travelling(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that an agent is to see on any machine: those that don't tell of this one."""
    return {
        name: value
        for name, value in variables.items()
        if name not in _OF_A_MACHINE and not name.startswith(_OF_A_MACHINE_PREFIXES)
    }
