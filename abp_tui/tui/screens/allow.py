"""What a program asks for, before anything of it runs: a person reads it, and lets it run or not."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App

from abp_tui.domain.visible import visible
from abp_tui.enumerators.base import make_enumerator
from abp_tui.tui.screens.approve_code import ApproveCodeScreen
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.widgets.text import one_line
from abp_tui.views import JobView


def ask_to_allow(app: App[None], job: JobView, allowed: Callable[[], None]) -> None:
    """Show what a held job would run, its code in full, and go on with `allowed` after a yes to all of it."""
    found = job.total_units > 0  # and so its source is none that a person must allow
    code = None if found else make_enumerator(job.enumerator_type, job.enumerator_config).approval()

    def read_code(sure: bool | None) -> None:
        if sure and code is not None:
            app.push_screen(ApproveCodeScreen(code), lambda read: allowed() if read else None)
        elif sure:
            allowed()

    question = f"{one_line(job.client or 'a program', 40)} asks for this. Let it run on this machine, as you?"
    detail = "\n".join([f"in {visible(job.cwd)}:", *(f"it {visible(words)}" for words in job.held)])
    app.push_screen(ConfirmScreen(question, detail), read_code)
