"""Running units again: what that costs more than it seems to is asked first."""

from __future__ import annotations

from collections.abc import Callable

from abp_tui.domain.model import Job, UnitLine
from abp_tui.domain.status import JobStatus
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.glyphs import unit_state
from abp_tui.tui.widgets.text import one_line
from abp_tui.views import JobView


def retry_all(screen: AbpScreen, job: JobView) -> None:
    """Run what failed or is in doubt again, or else the synthesis."""
    again = job.failed_units + job.suspect_units
    units = count(again, "unit") if again else "its synthesis"
    run_again(screen, job, units, lambda: screen.orchestrator.retry(job.id))


def retry_unit(screen: AbpScreen, job: JobView, unit: UnitLine) -> None:
    """Run one unit again."""

    def once_more() -> None:
        run_again(screen, job, f"unit {unit.seq}", lambda: screen.orchestrator.retry(job.id, [unit.seq]))

    if unit_state(unit) != "completed":
        once_more()
        return
    detail = f"{one_line(unit.key, 60)} is done. Its result is replaced, and its agent is paid for again."
    _ask(screen, f"Run unit {unit.seq} again?", detail, once_more)


def run_again(screen: AbpScreen, job: JobView, units: str, call: Callable[[], Job]) -> None:
    """Run `units`, in words, again by a call; of a paused job only if the others may run, too."""

    def start() -> None:
        screen.act(call, screen.say(f"runs {units} again"))

    if job.status is not JobStatus.PAUSED or not job.pending_units:
        start()
        return
    detail = (
        f"{one_line(job.name, 60)} is paused: it goes on, with {count(job.pending_units, 'unit')} that wait."
    )
    _ask(screen, f"Run {units} again?", detail, start)


def _ask(screen: AbpScreen, question: str, detail: str, run: Callable[[], None]) -> None:
    screen.app.push_screen(ConfirmScreen(question, detail), lambda sure: run() if sure else None)
