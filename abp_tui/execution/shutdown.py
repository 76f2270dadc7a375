"""Whether a program was ended together with its executor, as when the machine shuts down."""

from __future__ import annotations

import select
import signal

from abp_tui.workers.cancel import Cancel

SIGNALS = frozenset({signal.SIGTERM, signal.SIGHUP, signal.SIGINT})
WAIT_S = 0.5


def ended_with_us(number: int | None, exit_code: int | None, cancel: Cancel) -> bool:
    """Whether a program that signal `number` ended, or that says so by its exit code, was ended with us.

    Then the order to stop is on its way: it is given a moment to arrive.
    """
    ended_by = number or (exit_code or 0) - 128  # some programs tell of it as shells do
    return ended_by in SIGNALS and bool(select.select([cancel.fileno()], [], [], WAIT_S)[0])
