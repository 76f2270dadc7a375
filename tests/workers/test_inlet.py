from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Timers
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.inlet import Inlet
from abp_tui.workers.process import ASK_FIRST, run_program
from abp_tui.workers.process_end import ProcessEnd
from abp_tui.workers.spawn import environment
from tests.workers.helpers import OFF, python, running, wait_for

ECHO = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True)"
DEAF = "import sys, time; print('up', flush=True); sys.stdin.read(); time.sleep(600)"


class Run:
    """A program with an inlet, and what it has printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = bytearray()
        self.asked = 0
        self.inlet = Inlet(on_stop=self._stop)
        self.cancel = Cancel()
        self.close_when_asked = False

    def _stop(self) -> None:
        self.asked += 1
        if self.close_when_asked:
            self.inlet.close()

    def __call__(self, code: str, timers: Timers = OFF) -> ProcessEnd:
        with self.cancel, self.inlet:
            return run_program(
                python(code),
                cwd=str(self.folder),
                env=environment(os.environ),
                timers=timers,
                cancel=self.cancel,
                on_stdout=self.said.extend,
                stdin=self.inlet,
                ending=ASK_FIRST,
            )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_program_is_told_more_while_it_runs(run: Run) -> None:
    ends: list[ProcessEnd] = []
    with running(lambda: ends.append(run(ECHO))):
        for word in (b"one", b"two"):
            run.inlet.write(word + b"\n")
            wait_for(lambda word=word: word.upper() in run.said)
        run.inlet.close()
    assert ends[0].exit_code == 0
    assert run.said == b"ONE\nTWO\n"


def test_what_is_written_before_the_start_and_far_more_than_a_pipe_holds_arrives(run: Run) -> None:
    run.inlet.write(b"x" * 3_000_000 + b"\n")
    run.inlet.close()
    assert run("import sys; print(len(sys.stdin.read()))").exit_code == 0
    assert run.said == b"3000001\n"


def test_what_is_written_after_the_close_is_dropped(run: Run) -> None:
    run.inlet.write(b"a")
    run.inlet.close()
    run.inlet.write(b"b")
    run("import sys; print(sys.stdin.read())")
    assert run.said == b"a\n"
    run.inlet.write(b"nobody is there any more")


def test_after_the_close_only_the_grace_time_counts(run: Run) -> None:
    run.inlet.close()
    end = run(DEAF, _grace(0.2))
    assert end.killed_after_result
    assert end.signal == signal.SIGTERM
    assert end.timeout is None


def test_a_program_that_closes_its_output_has_no_more_to_say(run: Run) -> None:
    end = run("import os, time; os.close(1); time.sleep(600)", _grace(0.2))
    assert end.killed_after_result
    assert run.inlet.closed


def test_a_program_that_reads_nothing_and_ends(run: Run) -> None:
    run.inlet.write(b"x" * 3_000_000)
    assert run("pass").exit_code == 0


def test_a_cancel_asks_first_and_ends_at_once_when_that_was_heeded(run: Run) -> None:
    run.close_when_asked = True
    ends: list[ProcessEnd] = []
    with running(lambda: ends.append(run(DEAF))):
        wait_for(lambda: b"up" in run.said)
        run.cancel.request("stopped")
    assert (run.asked, ends[0].cancelled, ends[0].signal) == (1, "stopped", signal.SIGTERM)


def test_a_timer_asks_first_too(run: Run) -> None:
    run.close_when_asked = True
    end = run(DEAF, Timers(first_event_s=30, idle_s=0.3, total_s=0, grace_s=0))
    assert (run.asked, end.timeout) == (1, FailureKind.TIMEOUT_IDLE)


@pytest.mark.slow
def test_no_timer_runs_while_the_program_waits_for_us(run: Run) -> None:
    ends: list[ProcessEnd] = []
    short = Timers(first_event_s=30, idle_s=1, total_s=3, grace_s=0)
    with running(lambda: ends.append(run(ECHO, short))):
        with run.inlet.holding():
            run.inlet.write(b"one\n")
            wait_for(lambda: b"ONE" in run.said)
            select.select([], [], [], 3.5)  # longer than either timer
            assert run.inlet.held and not ends
        run.inlet.close()
    assert ends[0].timeout is None
    assert run.inlet.held_s >= 3.5


@pytest.mark.slow
def test_timers_run_again_afterwards(run: Run) -> None:
    ends: list[ProcessEnd] = []
    short = Timers(first_event_s=30, idle_s=0.4, total_s=0, grace_s=0)
    with running(lambda: ends.append(run(ECHO, short))), run.inlet.holding():
        run.inlet.write(b"one\n")
        wait_for(lambda: b"ONE" in run.said)
    assert ends[0].timeout is FailureKind.TIMEOUT_IDLE


def _grace(seconds: float) -> Timers:
    return Timers(first_event_s=0, idle_s=0, total_s=0, grace_s=seconds)
