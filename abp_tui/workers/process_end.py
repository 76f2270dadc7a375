"""How a program ended, or why it never started: values, with words for people."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.errors import AbpError

_ITEM_AT_FAULT = frozenset({errno.E2BIG, errno.ENAMETOOLONG})
_MACHINE_AT_FAULT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY})
_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
_TIMEOUTS = {
    FailureKind.TIMEOUT_FIRST: "no sign of life within {:g} s",
    FailureKind.TIMEOUT_IDLE: "silent for {:g} s",
    FailureKind.TIMEOUT_TOTAL: "not done within {:g} s",
}


class StartFailure(AbpError):
    """The program could not be started; `kind` says whose fault that is: item, machine or set-up."""

    def __init__(self, kind: FailureKind, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.kind = kind

    def outcome(self) -> Outcome:
        """The failed outcome of the attempt."""
        return Outcome.failed(self.kind, str(self))


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a program ended: by itself with `exit_code`, by `signal`, or (both None) it never started.

    `timeout` is the timer that ended it, `cancelled` the reason of the request that did, and
    `killed_after_result` says that it was we who ended it, with its result already there.
    """

    exit_code: int | None = None
    signal: int | None = None
    timeout: FailureKind | None = None
    timeout_s: float = 0.0
    cancelled: str | None = None
    killed_after_result: bool = False
    stderr: str = ""

    @property
    def last_stderr_line(self) -> str:
        """What the program complained of last, or nothing."""
        return next((line.strip() for line in reversed(self.stderr.splitlines()) if line.strip()), "")

    def interruption(self) -> tuple[FailureKind, str] | None:
        """Why we ended the program, as a failure kind and one line; None where it ended by itself."""
        if self.cancelled is not None:
            return FailureKind.INTERRUPTED, self.cancelled
        if self.timeout is not None:
            return self.timeout, _TIMEOUTS[self.timeout].format(self.timeout_s)
        return None

    def kind(self) -> FailureKind:
        """What the end alone says of a failure: one that somebody killed has nothing against another try.

        For a program that we did not end. A signal of its own fault, as SIGSEGV, is the agent's.
        """
        number = self.signal or (self.exit_code or 0) - 128  # some programs tell of it as shells do
        return FailureKind.TRANSIENT if number in _FROM_OUTSIDE else FailureKind.AGENT_ERROR

    def describe(self) -> str:
        """The end in one line: exit code or signal, and what the program complained of last."""
        how = f"exit code {self.exit_code}"
        if self.signal is not None:
            how = f"killed by {_signal_name(self.signal)}"
        return f"{how}: {self.last_stderr_line}" if self.last_stderr_line else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def start_failure(argv: Sequence[str], cwd: str, error: OSError | ValueError) -> StartFailure:
    """Say whose fault it is that `argv` could not be started in `cwd`."""
    program = argv[0] if argv else ""
    if not isinstance(error, OSError):
        return StartFailure(
            FailureKind.BAD_INPUT,
            f"an argument or variable can't be passed to {program!r}: {error}",
            "an item's value holds a NUL or a character that no argument can hold",
        )
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _ITEM_AT_FAULT:
        return StartFailure(
            FailureKind.BAD_INPUT,
            f"{program!r} can't be started: {reason.lower()}",
            "the item is too large for an argument; read it from stdin or ABP_ITEM_FILE",
        )
    if error.errno in _MACHINE_AT_FAULT:
        return StartFailure(FailureKind.TRANSIENT, f"{program!r} can't be started now: {reason.lower()}")
    if error.filename == cwd and cwd != program:
        return StartFailure(
            FailureKind.REFUSED_TO_START, f"the folder {cwd!r} can't be entered: {reason.lower()}"
        )
    return StartFailure(
        FailureKind.REFUSED_TO_START,
        f"{program!r} can't be started: {reason.lower()}",
        "is it installed, on PATH and executable?",
    )
