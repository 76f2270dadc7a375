"""The terminal face. The one package that knows Textual."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from abp_tui.settings import load_settings
from abp_tui.store.repository import Repository

if TYPE_CHECKING:
    from abp_tui.orchestrator import Orchestrator


def run(job: str | None = None) -> None:
    """Show the jobs of the store that the settings name, or one by number or name, until a person leaves."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from abp_tui.tui.app import AbpApp  # textual reads the variable when it is imported
    from abp_tui.tui.line import end_with_the_line

    settings = load_settings()
    repository = Repository(settings.database)

    def orchestrator() -> Orchestrator:
        from abp_tui.orchestrator import Orchestrator

        return Orchestrator(repository, settings=settings)

    bell = settings.notify.on if settings.notify.bell else ()
    app = AbpApp(repository, orchestrator, job, settings.keys, settings.theme, bell)
    app.collecting.take_over()
    end_with_the_line()
    app.run()
