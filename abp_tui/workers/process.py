"""Run one program safely: both pipes drained, timers kept, its whole process group ended, always reaped.

The caller's thread does it all; it sleeps in one `poll` over the pipes, the cancel flag and the process.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Timers
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.inlet import Inlet
from abp_tui.workers.process_end import ProcessEnd, start_failure
from abp_tui.workers.spawn import Environment, start

Ending = tuple[tuple[signal.Signals | None, float], ...]
"""Signals to a process group, each with the seconds to wait before the next; None asks through the inlet."""

TERMINATE: Ending = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 0.0))
ASK_FIRST: Ending = ((None, 5.0), *TERMINATE)
INTERRUPT: Ending = ((signal.SIGINT, 5.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 0.0))

LINGER_S = 0.25  # for output that outlives the program, through a child that holds the pipe
QUICK_MS = 3  # a program that has ended by then is read once, not at each line that it prints
LOOK_FOR_HURRY_S = 0.1
POLL_WITHOUT_PIDFD_S = 0.05
READ_SIZE = 65536  # what a pipe holds
STDERR_TAIL = 8192


def run_program(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Environment,
    timers: Timers,
    cancel: Cancel,
    on_stdout: Callable[[bytes], bool | None],
    on_stderr: Callable[[bytes], object] | None = None,
    on_start: Callable[[int], object] | None = None,
    stdin: bytes | Inlet = b"",
    ending: Ending = TERMINATE,
    linger_s: float = LINGER_S,
) -> ProcessEnd:
    """Run `argv` to its end with `env` as its whole environment, and end all of its process group.

    `on_stdout` returns whether the result has arrived: from then on only `timers.grace_s` counts. So it is
    once an inlet as `stdin` has been closed; where the program closes its output, we close the inlet.
    Raises `StartFailure`; whatever a callback raises comes through, after the program has been ended.
    """
    if cancel.requested:
        return ProcessEnd(cancelled=cancel.reason)
    inlet = stdin if isinstance(stdin, Inlet) else None
    child = _Child(argv, cwd, env, stdin)
    try:
        if on_start:
            on_start(child.pid)
        return _Watch(child, timers, cancel, on_stdout, on_stderr, ending, linger_s, inlet).until_end()
    finally:
        child.end()


class _Child:
    """The program, the leader of a process group, and our ends of its pipes."""

    def __init__(self, argv: Sequence[str], cwd: str, env: Environment, stdin: bytes | Inlet) -> None:
        self.stdin: int | None = None
        self.unsent, self.more_to_come = memoryview(b""), isinstance(stdin, Inlet)
        if not isinstance(stdin, Inlet):
            self.unsent = memoryview(stdin)
        self._pidfd: int | None = None
        self.outputs: set[int] = set()
        theirs: list[int] = []
        try:
            self.stdout, out = self._output_pipe(theirs)
            self.stderr, err = self._output_pipe(theirs)
            source = self._input_pipe(theirs) if stdin else self._no_input(theirs)
            self._program = start(argv, cwd, env, source, out, err)
        except (OSError, ValueError) as error:
            self._close_ours()
            raise start_failure(argv, cwd, error) from error
        finally:
            for fd in theirs:
                os.close(fd)
        self.pid = self._program.pid
        self.pidfd = self._pidfd = _open_pidfd(self.pid)

    def _output_pipe(self, theirs: list[int]) -> tuple[int, int]:
        ours, other = os.pipe()
        self.outputs.add(ours)
        theirs.append(other)
        return ours, other

    def _input_pipe(self, theirs: list[int]) -> int:
        other, self.stdin = os.pipe()
        theirs.append(other)
        os.set_blocking(self.stdin, False)
        self.send()  # most prompts fit into the pipe: then there is nothing left to watch
        return other

    def _no_input(self, theirs: list[int]) -> int:
        theirs.append(os.open(os.devnull, os.O_RDONLY))
        return theirs[-1]

    def send(self) -> bool:
        """Write as much of the input as fits now; True once it is all sent, or nobody reads it.

        It is closed then, unless there is more to come.
        """
        if self.stdin is None:
            return True
        try:
            while self.unsent:
                self.unsent = self.unsent[os.write(self.stdin, self.unsent) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self.unsent = memoryview(b"")  # a program need not read what it is given
        if not self.more_to_come:
            os.close(self.stdin)
            self.stdin = None
        return True

    def refill(self, inlet: Inlet) -> bool:
        """Send what the inlet has brought, as `send` does."""
        data, closed = inlet.take()
        self.unsent, self.more_to_come = memoryview(bytes(self.unsent) + data), not closed
        return self.send()

    def read(self, fd: int, ready: int) -> bytes:
        """What an output that is `ready`, as poll says, holds; it is closed at its end.

        Once nobody can write to it any more, whatever is read short of a whole buffer is the last of it.
        """
        data = os.read(fd, READ_SIZE) if ready & select.POLLIN else b""
        if not data or (ready & select.POLLHUP and len(data) < READ_SIZE):
            self.outputs.discard(fd)
            os.close(fd)
        return data

    def has_ended(self) -> bool:
        """Whether the program is gone, where no pidfd tells it."""
        return self._program.poll() is not None

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to all of the process group, if any of it is left."""
        with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM where all are zombies
            os.killpg(self.pid, number)

    def reap(self) -> int:
        """Kill what is left of the group, then take the exit status (negative: a signal).

        In this order, because the number of the group is ours only until its leader is reaped.
        """
        if self._program.returncode is None or self._pidfd is None:
            self.signal_group(signal.SIGKILL)
        return self._program.wait()

    def end(self) -> None:
        """Leave nothing behind: no process of the group, no zombie, no descriptor."""
        if self._program.returncode is None:
            self.reap()
        self._close_ours()

    def _close_ours(self) -> None:
        for fd in (*self.outputs, self.stdin, self._pidfd):
            if fd is not None:
                os.close(fd)


class _Watch:
    """One run's loop: what has arrived, which deadline comes next, how far the ending is."""

    def __init__(
        self,
        child: _Child,
        timers: Timers,
        cancel: Cancel,
        on_stdout: Callable[[bytes], bool | None],
        on_stderr: Callable[[bytes], object] | None,
        ending: Ending,
        linger_s: float,
        inlet: Inlet | None = None,
    ) -> None:
        self.child = child
        self.inlet = inlet
        self.inlet_fd = inlet.fileno() if inlet else -1
        self.timers = timers
        self.cancel = cancel
        self.on_stdout = on_stdout
        self.on_stderr = on_stderr
        self.steps = iter(ending)
        self.linger_s = linger_s
        self.started = self.heard = self.now = time.monotonic()
        self.silent = True
        self.result_at: float | None = None
        self.exited_at: float | None = None
        self.step_until: float | None = None
        self.stopping = self.asking = False
        self.timeout: FailureKind | None = None
        self.timeout_s = 0.0
        self.cancelled: str | None = None
        self.tail = b""
        self.cancel_fd = cancel.fileno()
        self.poller = select.poll()

    def _wait_for_end(self) -> None:
        """Give the program a moment to end before its outputs are looked at."""
        self.poller.register(self.cancel_fd, select.POLLIN)
        if self.child.pidfd is not None:
            self.poller.register(self.child.pidfd, select.POLLIN)
        if self.inlet:
            self.poller.register(self.inlet_fd, select.POLLIN)
        elif self.child.stdin is not None:
            self.poller.register(self.child.stdin, select.POLLOUT)
        self._handle_ready(QUICK_MS)
        for fd in (self.child.stdout, self.child.stderr):
            self.poller.register(fd, select.POLLIN)

    def until_end(self) -> ProcessEnd:
        """Go round until the program is gone and its output is at an end, or has lingered long enough."""
        self._wait_for_end()
        while not self._finished():
            self._handle_ready(self._wait_ms())
            if self.child.pidfd is None and self.exited_at is None and self.child.has_ended():
                self.exited_at = self.now
            self._keep_time()
        return self._end(self.child.reap())

    def _handle_ready(self, wait_ms: float | None) -> None:
        ready = self.poller.poll(wait_ms)
        self.now = time.monotonic()
        for fd, event in ready:
            self._handle(fd, event)

    def _finished(self) -> bool:
        if self.exited_at is None:
            return False
        return not self.child.outputs or self.now >= self.exited_at + self.linger_s

    def _handle(self, fd: int, event: int) -> None:
        if fd == self.child.stdout or fd == self.child.stderr:
            self._read(fd, event)
        elif fd == self.child.pidfd:
            self.poller.unregister(fd)
            self.exited_at = self.now
        elif fd == self.cancel_fd:
            self.poller.unregister(fd)
            if not self.stopping and self.exited_at is None:
                self.cancelled = self.cancel.reason or "stopped"
                self._stop()
        elif fd == self.inlet_fd:
            self._pour()
        elif fd == self.child.stdin and self.child.send():
            self.poller.unregister(fd)

    def _pour(self) -> None:
        """Pass on what the inlet has brought. Once it is closed, nothing of the program is waited for."""
        assert self.inlet is not None
        self.heard = self.now  # it may have stood still until now
        stdin, all_sent = self.child.stdin, self.child.refill(self.inlet)
        if stdin is not None:
            with suppress(KeyError):
                self.poller.unregister(stdin)
            if not all_sent:
                self.poller.register(stdin, select.POLLOUT)
        if not self.child.more_to_come:
            self.poller.unregister(self.inlet_fd)
            self._heed_result(True)
            if self.stopping and self.asking:
                self.step_until = self.now

    def _read(self, fd: int, event: int) -> None:
        data = self.child.read(fd, event)
        if fd not in self.child.outputs:
            self.poller.unregister(fd)
            if self.inlet and fd == self.child.stdout:
                self.inlet.close()
        if not data:
            return
        self.silent = False
        self.heard = self.now
        if fd == self.child.stdout:
            all_said = self.inlet is not None and not self.child.more_to_come
            self._heed_result(bool(self.on_stdout(data)) or all_said)
            return
        self.tail = (self.tail + data)[-STDERR_TAIL:]
        if self.on_stderr:
            self.on_stderr(data)

    def _heed_result(self, arrived: bool) -> None:
        if not arrived:
            self.result_at = None
        elif self.result_at is None:
            self.result_at = self.now

    def _wait_ms(self) -> float | None:
        deadline, _, _ = self._next_deadline()
        waits = [] if deadline is None else [max(0.0, deadline - self.now)]
        if self.child.pidfd is None and self.exited_at is None:
            waits.append(POLL_WITHOUT_PIDFD_S)
        if self.stopping:
            waits.append(LOOK_FOR_HURRY_S)
        return min(waits) * 1000 + 1 if waits else None

    def _next_deadline(self) -> tuple[float | None, FailureKind | None, float]:
        """When something is due next, on the monotonic clock, and the timer that it is."""
        if self.exited_at is not None:
            return self.exited_at + self.linger_s, None, 0.0
        if self.stopping:
            return self.step_until, None, 0.0
        if self.result_at is not None and self.timers.grace_s:
            return self.result_at + self.timers.grace_s, None, self.timers.grace_s
        return min(self._due(), default=(None, None, 0.0))

    def _due(self) -> list[tuple[float, FailureKind, float]]:
        timers = self.timers
        due: list[tuple[float, FailureKind, float]] = []
        if self.inlet and self.inlet.held:
            return due
        if self.silent and timers.first_event_s:
            due.append((self.started + timers.first_event_s, FailureKind.TIMEOUT_FIRST, timers.first_event_s))
        elif timers.idle_s:
            due.append((self.heard + timers.idle_s, FailureKind.TIMEOUT_IDLE, timers.idle_s))
        if timers.total_s:
            since = self.started + (self.inlet.held_s if self.inlet else 0.0)
            due.append((since + timers.total_s, FailureKind.TIMEOUT_TOTAL, timers.total_s))
        return due

    def _keep_time(self) -> None:
        if self.stopping and self.cancel.urgent and self.exited_at is None:
            self.child.signal_group(signal.SIGKILL)
        deadline, timeout, seconds = self._next_deadline()
        if deadline is None or self.now < deadline or self.exited_at is not None:
            return
        if not self.stopping:
            self.timeout, self.timeout_s = timeout, seconds
        self._stop()

    def _stop(self) -> None:
        """Take the next step of the ending; after the last one there is nothing left but to wait."""
        self.stopping = True
        step = next(self.steps, None)
        self.step_until, self.asking = None, False
        if step is None:
            return
        if step[0] is not None:
            self.child.signal_group(step[0])
        elif self.inlet:
            self.asking = not self.inlet.closed
            self.inlet.ask_to_stop()
        self.step_until = self.now + step[1] * (step[0] is not None or self.asking)

    def _end(self, status: int) -> ProcessEnd:
        return ProcessEnd(
            exit_code=status if status >= 0 else None,
            signal=-status if status < 0 else None,
            timeout=self.timeout,
            timeout_s=self.timeout_s,
            cancelled=self.cancelled,
            killed_after_result=self.stopping and self.result_at is not None,
            stderr=self.tail.decode("utf-8", "replace"),
        )


def _open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the system has none."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, a sandbox or no descriptor left: polling does it too
        return None
