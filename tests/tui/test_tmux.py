"""The real program in a real terminal: make a job, test it, approve it, watch it, leave, come back."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from abp_tui.store.repository import Repository
from tests.programs import needs_tmux

TMUX = shutil.which("tmux")
pytestmark = needs_tmux
ROOT = Path(__file__).parents[2]


class Terminal:
    """A tmux server of our own with one window."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._name = f"abp-test-{os.getpid()}-{size[0]}"
        self._folder = folder
        self._size = size
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "ABP_STORAGE_PATH": str(folder / "data" / "abp.db"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }

    def tmux(self, *arguments: str) -> str:
        command = [str(TMUX), "-L", self._name, "-f", "/dev/null", *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout

    def start(self) -> None:
        width, height = map(str, self._size)
        self.tmux("new-session", "-d", "-x", width, "-y", height, "-c", str(self._folder), "sh")
        self.wait_for("$", "#")

    def abp(self) -> None:
        self.tmux("send-keys", f"{shlex.quote(sys.executable)} -m abp_tui", "Enter")

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def text(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def wait_for(self, *any_of: str, seconds: float = 20.0) -> str:
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen()
            unwrapped = " ".join(screen.split())
            if any(text in screen or text in unwrapped for text in any_of):
                return screen
            assert time.monotonic() < deadline, f"none of {any_of} in time:\n{screen}"
            time.sleep(0.05)

    def type(self, text: str) -> None:
        self.text(text)
        self.wait_for(text)

    def cursor(self) -> str:
        return self.tmux("display-message", "-p", "#{cursor_x} #{cursor_y}")

    def next_field(self) -> None:
        """Go there and wait until the cursor is there: keys typed ahead would reach the field before."""
        before = self.cursor()
        self.keys("Tab")
        deadline = time.monotonic() + 10
        while self.cursor() == before:
            assert time.monotonic() < deadline, f"the cursor stays in {before}:\n{self.screen()}"
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until the cursor has stopped moving between fields."""
        seen = [self.cursor()]
        while len(seen) < 5 or len(set(seen[-5:])) > 1:
            assert len(seen) < 200
            time.sleep(0.05)
            seen.append(self.cursor())

    def end(self) -> None:
        subprocess.run([str(TMUX), "-L", self._name, "kill-server"], capture_output=True, timeout=20)


@pytest.fixture(params=[(80, 24), (160, 50)], ids=["80x24", "160x50"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(6):
        (texts / f"t{n}.txt").write_text("word " * (n + 1))
    made = Terminal(tmp_path, request.param)
    made.start()
    yield made
    made.end()


def test_a_job_from_its_making_to_its_results(terminal: Terminal, tmp_path: Path) -> None:
    terminal.abp()
    terminal.wait_for("n makes your first job")
    terminal.keys("n")
    terminal.wait_for("a name for the job")
    terminal.type("counted")
    terminal.next_field()
    terminal.type("Count {file_path}")
    terminal.keys("Tab")  # the source
    terminal.settle()
    terminal.next_field()
    terminal.keys("C-u")
    terminal.settle()  # letters are quicker through Textual than keys that are bound
    terminal.text(str(tmp_path / "texts"))
    terminal.wait_for("6 items")
    terminal.next_field()
    terminal.next_field()
    for _ in ("hidden files", "limit", "worker"):
        terminal.keys("Tab")
        terminal.settle()
    terminal.keys("Enter")
    terminal.wait_for("command: any program")
    terminal.keys("Down", "Enter")
    terminal.wait_for("wc -w {file_path}")
    terminal.settle()
    gate = tmp_path / "gate"  # the others wait for it, so that the batch is at work when the screens are left
    wait = f"case $1 in *t0*) ;; *) until [ -e {gate} ]; do sleep 0.05; done;; esac"
    terminal.text(f"sh -c '{wait}; exec wc -w \"$1\"' wc {{file_path}}")
    terminal.wait_for("wc {file_path}")
    terminal.keys("C-t")
    screen = terminal.wait_for("passed in")
    assert "test review" in screen or "t0.txt" in screen
    terminal.keys("a")
    terminal.wait_for("running")
    terminal.keys("q")
    terminal.wait_for("still at work in the background")
    gate.touch()
    terminal.abp()
    terminal.wait_for("counted")
    terminal.wait_for("✓ completed", "+ completed")
    terminal.keys("Enter")
    for text in ("6 done", "All 6", "x Export", "t5.txt"):
        terminal.wait_for(text)
    terminal.keys("G", "Enter", "1")
    terminal.wait_for("6 " + str(tmp_path)[:20])
    terminal.keys("q")
    units = Repository(tmp_path / "data" / "abp.db").units.page(1)
    assert [int((unit.output or "").split()[0]) for unit in units] == [1, 2, 3, 4, 5, 6]
