"""What a terminal changes: it may close, be interrupted, be asked."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.cli.driver import PYTHON, Abp

pytestmark = pytest.mark.slow


class Terminal:
    """A verb on a terminal of its own, as the leader of its session."""

    def __init__(self, abp: Abp, *arguments: str, **env: str) -> None:
        self.said = b""
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.chdir(abp.folder)
            os.execve(sys.executable, [*PYTHON, *arguments], {**abp.env, "TERM": "xterm", **env})

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def says(self, text: str) -> bool:
        while select.select([self._master], [], [], 0)[0]:
            try:
                self.said += os.read(self._master, 65536)
            except OSError:  # the other end has gone
                break
        return text.encode() in self.said

    def close(self) -> None:
        """As a closed window does: whoever runs on it is sent SIGHUP."""
        os.close(self._master)

    def ended(self) -> int:
        """The exit code, or minus the signal that ended it."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            self.says("")
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        raise AssertionError(f"it does not end; it said {self.said!r}")


def test_units_and_jobs_fit_into_the_terminal_and_are_whole_in_a_pipe(abp: Abp, texts: Path) -> None:
    long = "a-very-long-name-of-a-file-that-nobody-would-want-to-see"
    (texts / f"{long}.md").write_text("word")
    message = "it went wrong for a reason of many words"
    fails = ("--", "sh", "-c", f"echo '{message}' >&2; exit 1")
    abp.run("new", "w", "--intent", "Count", "--files", texts, "--max-retries", "0", *fails)
    abp.run("start", "w", "--skip-test", "--wait", code=1)
    for verb in (("units", "w"), ("ls",), ("failures", "w")):
        terminal = Terminal(abp, *verb, NO_COLOR="1")
        assert terminal.ended() == 0
        lines = terminal.said.decode().splitlines()
        assert len(lines) > 1
        assert max(map(len, lines)) <= 80
    assert f"{long[:40]}" in abp.run("units", "w").stdout
    assert message in abp.run("units", "w").stdout


def test_a_closed_terminal_does_not_end_the_job(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    terminal = Terminal(abp, "start", "gated", "--skip-test", "--wait")
    abp.until_processing(3)
    executor = abp.json("show", "gated")["executor"]["pid"]
    assert os.getsid(executor) == executor != os.getsid(terminal.pid)
    terminal.close()
    _, status = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGHUP
    assert abp.json("show", "gated")["phase"] == "running"
    gate.touch()
    abp.run("wait", "gated")
    shown = abp.json("show", "gated")
    assert (shown["status"], shown["completed_units"]) == ("COMPLETED", 3)
    assert [unit["attempts"] for unit in abp.json("units", "gated")] == [1, 1, 1]


def test_a_closed_terminal_does_not_end_a_test(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    terminal = Terminal(abp, "test", "gated")
    abp.until_processing(1)
    terminal.close()
    os.waitpid(terminal.pid, 0)
    gate.touch()
    abp.run("wait", "gated", code=3)
    assert abp.json("show", "gated")["phase"] == "review"
    assert abp.json("units", "gated")[0]["status"] == "COMPLETED"


def test_progress_is_shown_on_a_terminal_and_ctrl_c_leaves(abp: Abp, texts: Path) -> None:
    abp.new_gated(texts)
    terminal = Terminal(abp, "start", "gated", "--skip-test", "--wait")
    abp.until(lambda: terminal.says("0 of 3 done"), "the progress is shown")
    terminal.type("\x03")
    abp.until(lambda: terminal.says("the job goes on"), "it says so")
    assert terminal.ended() == 130
    assert abp.json("show", "gated")["phase"] == "running"
    terminal.close()


def test_rm_asks_on_a_terminal(abp: Abp, texts: Path) -> None:
    abp.new_gated(texts)
    for answer, code, left in (("n\n", 1, 1), ("y\n", 0, 0)):
        terminal = Terminal(abp, "rm", "gated")
        abp.until(lambda: terminal.says("3 units"), "it asks")  # noqa: B023
        terminal.type(answer)
        assert terminal.ended() == code
        terminal.close()
        assert len(abp.json("ls")) == left


def test_colour_is_for_terminals_without_no_color(abp: Abp, texts: Path) -> None:
    abp.new_gated(texts)
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        terminal = Terminal(abp, "ls", **env)
        assert terminal.ended() == 0
        assert terminal.says("gated")
        assert terminal.says("\x1b[") is coloured
        terminal.close()
    assert "\x1b" not in abp.run("ls").stdout


def test_a_reader_that_leaves_is_no_error(abp: Abp, texts: Path) -> None:
    for n in range(2000):
        (texts / f"more-{n:04}.md").touch()
    abp.new_gated(texts)
    for verb, read in (
        ("units gated --json", 10),
        ("units gated --limit 9999", 10),
        ("export gated -o -", 10),
        ("units gated --json --limit 1", 0),  # little enough to be written only at the end
    ):
        command = [*PYTHON, *verb.split()]
        process = subprocess.Popen(
            command, cwd=abp.folder, env=abp.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout and process.stderr
        process.stdout.read(read)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


@pytest.mark.parametrize("verb", [[], ["demo"]])
def test_on_a_terminal_the_app_opens_and_q_leaves(abp: Abp, verb: list[str]) -> None:
    terminal = Terminal(abp, *verb, COLUMNS="100", LINES="30")
    abp.until(lambda: terminal.says("\x1b[?1049h") and terminal.says("Help"), "the app is shown")
    if verb:
        assert terminal.says("demo")
    terminal.type("q")
    assert terminal.ended() == 0
    assert not terminal.says("Traceback")
    terminal.close()


def test_a_test_that_is_told_to_end_says_that_it_goes_on(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    test = abp.start("test", "gated")
    abp.until_processing(1)
    abp.until(lambda: test.said.stat().st_size, "it shows what happens")
    test.process.terminate()
    assert test.process.wait(30) == 128 + signal.SIGTERM
    assert test.says("the test goes on") and test.says("abp stop gated")
    gate.touch()
    abp.run("wait", "gated", code=3)
