"""The line to the terminal: below `docker exec` or `sudo` nobody may tell a program that it is gone."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading


def end_with_the_line() -> None:
    """End this process once its terminal is gone, as by the kernel's own signal for that.

    Without a terminal there, Textual's thread for keys reads the end of the file again and again.
    """
    if sys.__stdin__ is not None and sys.__stdin__.isatty():
        threading.Thread(target=_watch, args=(sys.__stdin__.fileno(),), name="line", daemon=True).start()


def _watch(terminal: int) -> None:
    line = select.poll()
    line.register(terminal, 0)  # nothing but that it is gone
    line.poll()
    for ending in (signal.SIGHUP, signal.SIGTERM):  # the first may be ignored, by `nohup` for one
        os.kill(os.getpid(), ending)
