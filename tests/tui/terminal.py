"""A real terminal: a tmux server of our own with one window, its keys and what stands on it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path

TMUX = shutil.which("tmux")
NUMBERS = count()
ROOT = Path(__file__).parents[2]


class Terminal:
    """A tmux server of our own with one window."""

    def __init__(
        self, folder: Path, size: tuple[int, int], environment: Mapping[str, str] | None = None
    ) -> None:
        self._name = f"abp-test-{os.getpid()}-{next(NUMBERS)}"
        self._folder = folder
        self._size = size
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "ABP_STORAGE_PATH": str(folder / "data" / "abp.db"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            **(environment or {}),
        }
        self.pressed = 0

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

    def abp(self, arguments: str = "") -> None:
        """Start the program; what it is started with is no key of it."""
        self.tmux("send-keys", f"{shlex.quote(sys.executable)} -m abp_tui {arguments}", "Enter")
        self.pressed = 0

    def keys(self, *keys: str) -> None:
        """Press keys, one right after the other, and count them."""
        self.pressed += len(keys)
        self.tmux("send-keys", *keys)

    def text(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def styled(self) -> str:
        """What stands there with the sequences that style it."""
        return self.tmux("capture-pane", "-p", "-e")

    def wait_for(self, *any_of: str, seconds: float = 40.0) -> str:
        """What stands there once one of the texts does; fails with what stands there instead."""
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

    def end(self) -> None:
        subprocess.run([str(TMUX), "-L", self._name, "kill-server"], capture_output=True, timeout=20)
