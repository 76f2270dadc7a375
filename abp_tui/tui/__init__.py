"""The terminal face. The one package that knows Textual."""

from __future__ import annotations

import os

from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import load_settings


def run(orchestrator: Orchestrator, job: str | None = None) -> None:
    """Show the jobs, or one of them by number or name, until a person leaves."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from abp_tui.tui.app import AbpApp  # textual reads the variable when it is imported
    from abp_tui.tui.line import end_with_the_line

    settings = load_settings()
    bell = settings.notify.on if settings.notify.bell else ()
    app = AbpApp(orchestrator, job, settings.keys, settings.theme, bell)
    app.collecting.take_over()
    end_with_the_line()
    app.run()
