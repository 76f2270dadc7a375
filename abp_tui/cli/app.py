"""`abp` without a verb: the terminal app, without what only verbs need."""

from __future__ import annotations

import gc
import sys

from abp_tui.errors import InvalidInput


def open_app() -> None:
    """Show the jobs until a person leaves; raises `InvalidInput` where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput(
            "the app needs a terminal", "without one use the verbs: `abp ls`, `abp new --help`, `abp --help`"
        )
    gc.disable()  # until the app runs: nothing that is imported is garbage
    from abp_tui.tui import run

    run()
