"""Ends an executor's agents where it can't do it itself any more: a process that waits for it to be gone.

Nobody hears an agent whose executor was killed; it would only go on spending.
"""

from __future__ import annotations

import os
import select
import signal
import uuid
from contextlib import suppress

from abp_tui.processes import end_all, family

MARK = "ABP_EXECUTOR"


def watch_over_agents() -> None:
    """Have this process's agents ended once it is gone, whatever ended it. For before any thread runs.

    All that it starts from then on is marked for that by a variable of its environment. Where the system has
    no descriptor for a process (Linux has), the next executor of the job ends them instead.
    """
    if not hasattr(os, "pidfd_open"):
        return
    os.environ[MARK] = uuid.uuid4().hex
    try:
        me = os.pidfd_open(os.getpid())
    except OSError:
        return
    if os.fork() == 0:
        _watch(me, os.environ[MARK])
    os.close(me)


def _watch(executor: int, mark: str) -> None:
    """Runs in the child, and never returns."""
    try:
        os.setsid()  # a signal to the executor's group is not for it
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        _let_go_of_descriptors(executor)
        select.select([executor], [], [])
        end_all(lambda: family(MARK, mark.__eq__))
    finally:
        os._exit(0)


def _let_go_of_descriptors(kept: int) -> None:
    """Hold no file or pipe of the executor open."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) > 2 and int(name) != kept:
            with suppress(OSError):  # that of the list itself
                os.close(int(name))
