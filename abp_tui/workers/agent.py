"""What the adapters of agent programs share: running one on a task, its complaints, its account."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.process import Ending, run_program
from abp_tui.workers.process_end import ProcessEnd
from abp_tui.workers.spawn import Environment

STDERR_LIMIT = 1024 * 1024  # bytes told to the sink
COMPLAINT_LENGTH = 10_000  # characters that are looked at for what failed
ERROR_LENGTH = 500  # characters


class Listener(Protocol):
    """Hears all that a program prints."""

    def stdout(self, data: bytes) -> bool:
        """Take output; True while a result stands."""

    def stderr(self, data: bytes) -> None:
        """Take complaints."""

    def close(self) -> None:
        """There comes no more."""


def run_agent(
    argv: Sequence[str],
    task: Task,
    sink: Sink,
    cancel: Cancel,
    listener: Listener,
    *,
    env: Environment,
    stdin: bytes,
    ending: Ending,
) -> ProcessEnd:
    """Run an agent's program on a task to its end; raises `StartFailure`."""
    end = run_program(
        argv,
        cwd=task.cwd,
        env=env,
        stdin=stdin,
        timers=task.timers,
        cancel=cancel,
        on_stdout=listener.stdout,
        on_stderr=listener.stderr,
        on_start=sink.process,
        ending=ending,
    )
    listener.close()
    return end


def error_line(words: str) -> str:
    """What went wrong, on one line and short."""
    return " ".join(words.split())[:ERROR_LENGTH]


def account_of(signs: Iterable[str]) -> str:
    """A hash that tells accounts apart by these signs, which may be credentials."""
    return hashlib.blake2b("\0".join(signs).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
