from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Timers
from abp_tui.workers import process, spawn
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.process import Ending, run_program
from abp_tui.workers.process_end import ProcessEnd, StartFailure
from abp_tui.workers.spawn import environment
from tests.workers.helpers import OFF, is_alive, python, running, wait_for

QUICK: Ending = ((signal.SIGTERM, 0.2), (signal.SIGKILL, 0.0))
SLEEPS = "import time; time.sleep(60)"
CHILD_IGNORES_TERM = (
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "pid = os.fork()\n"
    "if pid == 0:\n"
    "    time.sleep(60)\n"
    "print(pid, flush=True)\n"
)


@pytest.fixture(autouse=True, params=["native", "subprocess"])
def way_to_start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds for both ways to start a program."""
    if request.param == "subprocess":
        monkeypatch.setattr(spawn, "_native", lambda: None)
    elif spawn._native() is None:
        pytest.skip("this system's C library can't start a program in another folder")


class Run:
    """One call of run_program, with all that it told."""

    def __init__(self, argv: list[str], timers: Timers = OFF, **more: Any) -> None:
        self.out = b""
        self.err = b""
        self.pid = 0
        self.cancel = more.pop("cancel", None) or Cancel()
        self.result_mark = more.pop("result_mark", None)
        self.argv, self.timers, self.more = argv, timers, more

    def __call__(self) -> ProcessEnd:
        started = time.monotonic()
        with self.cancel:
            self.end = run_program(
                self.argv,
                cwd=self.more.pop("cwd", "/"),
                env=environment(self.more.pop("env", dict(os.environ))),
                timers=self.timers,
                cancel=self.cancel,
                on_stdout=self._stdout,
                on_stderr=self._stderr,
                on_start=self._start,
                **self.more,
            )
        self.seconds = time.monotonic() - started
        return self.end

    def _stdout(self, data: bytes) -> bool:
        self.out += data
        return self.result_mark is not None and self.result_mark in self.out

    def _stderr(self, data: bytes) -> None:
        self.err += data

    def _start(self, pid: int) -> None:
        self.pid = pid


@pytest.fixture(params=["pidfd", "polling"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs with a pidfd, and again as on a system without."""
    if request.param == "polling":
        monkeypatch.setattr(process, "_open_pidfd", lambda pid: None)
    elif not hasattr(os, "pidfd_open"):
        pytest.skip("no pidfd here")


@pytest.fixture(autouse=True)
def no_descriptor_left() -> Any:
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir())) if folder.exists() else 0
    yield
    after = len(list(folder.iterdir())) if folder.exists() else 0
    assert after == before, "a descriptor was left open"


def test_output_and_exit_code(both_ways: None) -> None:
    run = Run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    end = run()
    assert (run.out, run.err) == (b"out\n", b"err\n")
    assert (end.exit_code, end.signal, end.stderr) == (3, None, "err\n")
    assert end.describe() == "exit code 3: err"
    assert end.interruption() is None


def test_the_program_leads_its_own_session() -> None:
    run = Run(python("import os; print(os.getpid(), os.getpgid(0), os.getsid(0))"))
    run()
    assert run.out.split() == [str(run.pid).encode()] * 3


def test_without_input_stdin_is_empty() -> None:
    run = Run(python("import sys; print(repr(sys.stdin.read()))"))
    run()
    assert run.out == b"''\n"


def test_a_prompt_of_a_megabyte_arrives_while_output_flows() -> None:
    code = "import sys\nfor x in sys.stdin.buffer: sys.stdout.buffer.write(x); sys.stderr.buffer.write(x)"
    prompt = b"".join(b"%d\n" % n for n in range(160_000))
    assert len(prompt) > 1_000_000
    run = Run(python(code), stdin=prompt)
    assert run().exit_code == 0
    assert run.out == prompt
    assert run.err == prompt


def test_a_program_that_reads_nothing_of_a_large_prompt_does_not_fail() -> None:
    run = Run(python("import os; os.close(0); print('done')"), stdin=b"x" * 1_000_000)
    assert run().exit_code == 0
    assert run.out == b"done\n"


def test_much_stderr_does_not_block_the_program() -> None:
    run = Run(python("import sys; sys.stderr.write('e' * 300_000 + '\\nlast'); print('done')"))
    end = run()
    assert (run.out, len(run.err)) == (b"done\n", 300_005)
    assert len(end.stderr) == process.STDERR_TAIL
    assert end.last_stderr_line == "last"


def test_output_without_a_newline() -> None:
    run = Run(python("print('no newline', end='')"))
    run()
    assert run.out == b"no newline"


def test_first_event_timer() -> None:
    end = Run(python(SLEEPS), Timers(first_event_s=0.2, idle_s=30, total_s=30), ending=QUICK)()
    assert (end.timeout, end.signal) == (FailureKind.TIMEOUT_FIRST, signal.SIGTERM)
    assert end.interruption() == (FailureKind.TIMEOUT_FIRST, "no sign of life within 0.2 s")


def test_idle_timer_counts_from_the_last_bytes_on_either_pipe() -> None:
    code = (
        "import sys, time\nfor n in range(5):\n time.sleep(.1); print(n, file=sys.stderr, flush=True)\n"
        + SLEEPS
    )
    run = Run(python(code), Timers(first_event_s=30, idle_s=0.35, total_s=30), ending=QUICK)
    assert run().timeout is FailureKind.TIMEOUT_IDLE
    assert run.err == b"0\n1\n2\n3\n4\n"


def test_idle_timer_counts_from_the_start_without_a_first_event_timer() -> None:
    end = Run(python(SLEEPS), Timers(first_event_s=0, idle_s=0.2, total_s=30), ending=QUICK)()
    assert end.timeout is FailureKind.TIMEOUT_IDLE


def test_total_timer_ends_a_busy_program() -> None:
    code = "import time\nwhile True: print('busy', flush=True); time.sleep(.02)"
    end = Run(python(code), Timers(first_event_s=5, idle_s=5, total_s=0.4), ending=QUICK)()
    assert end.timeout is FailureKind.TIMEOUT_TOTAL


def test_timers_of_zero_are_off(both_ways: None) -> None:
    end = Run(python("import time; time.sleep(.3)"))()
    assert (end.exit_code, end.timeout) == (0, None)


def test_a_program_that_stays_after_its_result_is_ended() -> None:
    timers = Timers(first_event_s=5, idle_s=0.1, total_s=0.2, grace_s=0.4)
    run = Run(python("print('RESULT', flush=True)\n" + SLEEPS), timers, ending=QUICK, result_mark=b"RESULT")
    end = run()
    assert end.killed_after_result
    assert (end.timeout, end.cancelled) == (None, None)
    assert run.seconds >= 0.4, "with its result there, only the grace counts"


def test_a_program_that_goes_by_itself_after_its_result_was_not_killed() -> None:
    run = Run(python("print('RESULT')"), Timers(grace_s=5), result_mark=b"RESULT")
    end = run()
    assert (end.exit_code, end.killed_after_result) == (0, False)


def test_closed_stdout_is_not_the_end(both_ways: None, tmp_path: Path) -> None:
    code = "import os, sys, time\nos.close(1); os.close(2); time.sleep(.4); open(sys.argv[1], 'w').close()"
    run = Run(python(code, str(tmp_path / "alive")))
    assert run().exit_code == 0
    assert (tmp_path / "alive").exists()


def test_a_program_that_closed_its_output_is_still_timed() -> None:
    run = Run(python("import os\nos.close(1); os.close(2)\n" + SLEEPS), Timers(total_s=0.3), ending=QUICK)
    assert run().timeout is FailureKind.TIMEOUT_TOTAL
    assert run.seconds < 5


def test_a_grandchild_that_holds_the_pipe_does_not_hold_us(both_ways: None) -> None:
    run = Run(python(CHILD_IGNORES_TERM + "os._exit(0)"))
    assert run().exit_code == 0
    assert run.seconds < 5
    wait_for(lambda: not is_alive(int(run.out)))


def test_output_that_a_child_writes_just_after_the_program_is_kept() -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n time.sleep(.1); os.write(1, b'late'); os._exit(0)\nos._exit(0)"
    )
    run = Run(python(code), linger_s=5)
    run()
    assert run.out == b"late"
    assert run.seconds < 4, "the end of the pipe is the end"


def test_a_grandchild_in_another_session_does_not_hold_us() -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n os.setsid(); print(os.getpid(), flush=True); time.sleep(60)\n"
    )
    run = Run(python(code + "time.sleep(.2); os._exit(0)"))
    assert run().exit_code == 0
    assert run.seconds < 5
    os.kill(int(run.out), signal.SIGKILL)


def test_stop_ends_grandchildren_that_ignore_term(both_ways: None) -> None:
    obey = "signal.signal(signal.SIGTERM, signal.SIG_DFL)\nprint(pid, flush=True)\n"
    code = CHILD_IGNORES_TERM.replace("print(pid, flush=True)\n", obey) + SLEEPS
    run = Run(python(code), ending=QUICK)
    with running(run):
        wait_for(lambda: run.out.endswith(b"\n"))
        run.cancel.request("stopped by a person")
    assert (run.end.signal, run.end.cancelled) == (signal.SIGTERM, "stopped by a person")
    assert run.end.interruption() == (FailureKind.INTERRUPTED, "stopped by a person")
    wait_for(lambda: not is_alive(int(run.out)))


def test_the_ending_goes_on_to_kill() -> None:
    run = Run(python(CHILD_IGNORES_TERM + SLEEPS), ending=QUICK)
    with running(run):
        wait_for(lambda: run.out.endswith(b"\n"))
        run.cancel.request()
    assert run.end.signal == signal.SIGKILL
    wait_for(lambda: not is_alive(int(run.out)))


def test_what_a_program_says_while_it_is_ended_is_heard() -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: (print('RESULT'), sys.exit(0)))\n"
        "print('ready', flush=True)\n" + SLEEPS
    )
    run = Run(python(code), ending=((signal.SIGINT, 5.0), *QUICK), result_mark=b"RESULT")
    with running(run):
        wait_for(lambda: b"ready" in run.out)
        run.cancel.request()
    assert run.out == b"ready\nRESULT\n"
    assert (run.end.exit_code, run.end.cancelled, run.end.killed_after_result) == (0, "stopped", True)


def test_cancelled_before_the_start_nothing_is_started() -> None:
    cancel = Cancel()
    cancel.request("too late")
    run = Run(python("print('started')"), cancel=cancel)
    end = run()
    assert (run.pid, run.out, end.exit_code, end.cancelled) == (0, b"", None, "too late")


def test_an_error_in_a_callback_ends_the_program() -> None:
    class Lost(Exception):
        pass

    def fail(data: bytes) -> bool:
        raise Lost

    pids: list[int] = []
    argv = python("print('x', flush=True)\n" + SLEEPS)
    with Cancel() as cancel, pytest.raises(Lost):
        run_program(argv, cwd="/", env={}, timers=OFF, cancel=cancel, on_stdout=fail, on_start=pids.append)
    assert not is_alive(pids[0])
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], os.WNOHANG)


def test_the_child_is_reaped_and_nothing_of_it_is_left(both_ways: None) -> None:
    run = Run(python("pass"))
    run()
    with pytest.raises(ChildProcessError):
        os.waitpid(run.pid, os.WNOHANG)


@pytest.mark.parametrize(
    ("argv", "cwd", "kind", "says"),
    [
        (
            ["no-such-program-here"],
            "/",
            FailureKind.REFUSED_TO_START,
            "'no-such-program-here' can't be started",
        ),
        (["/etc/passwd"], "/", FailureKind.REFUSED_TO_START, "permission denied"),
        (["true"], "/no/such/folder", FailureKind.REFUSED_TO_START, "the folder '/no/such/folder'"),
        (["true", "a\0b"], "/", FailureKind.BAD_INPUT, "can't be passed to 'true': embedded null"),
        (["true", "\ud800"], "/", FailureKind.BAD_INPUT, "can't be passed to 'true'"),
        (["true", "x" * 200_000], "/", FailureKind.BAD_INPUT, "argument list too long"),
    ],
)
def test_what_keeps_a_program_from_starting(argv: list[str], cwd: str, kind: FailureKind, says: str) -> None:
    with pytest.raises(StartFailure) as caught:
        Run(argv, cwd=cwd)()
    assert caught.value.kind is kind
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    outcome = caught.value.outcome()
    assert (outcome.ok, outcome.failure) == (False, kind)


def test_a_silent_program_costs_no_time_of_ours() -> None:
    run = Run(python("import time; time.sleep(1)"), Timers(first_event_s=30))
    before = time.thread_time()
    run()
    assert time.thread_time() - before < 0.1, "it must sleep, not poll"
