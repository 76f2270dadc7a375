"""How large a pilot shall be, and by what."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Label, Static

from abp_tui.domain.model import Job
from abp_tui.domain.sample import SIZE, Sample
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.figures import count
from abp_tui.verbs.piloting import UNITS
from abp_tui.views import JobView

AGAIN = "As it stands, it takes the units of the last pilot again, so that the versions compare."


class PilotWish(NamedTuple):
    """How many units, and what their kinds differ in."""

    units: int
    by: str


class AskPilotScreen(Dialog[PilotWish]):
    """Answers with what a person wants, or None for nothing."""

    BINDINGS = bindings("sample")
    SCOPE = "sample"

    def __init__(self, waiting: int, again: Sample | None = None) -> None:
        super().__init__()
        self._waiting = waiting
        self._again = again

    def compose(self) -> ComposeResult:
        """Two fields and the keys."""
        units, by = (self._again.asked, self._again.by) if self._again is not None else (UNITS, SIZE)
        with Vertical(classes="box"):
            yield Static("Run a pilot before the rest", classes="question", markup=False)
            yield Static(
                f"A sample of the {count(self._waiting, 'unit')} that wait, with something of every kind.",
                classes="detail",
                markup=False,
            )
            if self._again is not None:
                yield Static(AGAIN, classes="detail", markup=False)
            yield Label("how many units")
            yield Input(str(units), id="count", type="integer", compact=True)
            yield Label("by size, type, or a field of the items")
            yield Input(by, id="by", compact=True)
            yield Static(self.keys(), classes="keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter runs it."""
        self.action_run()

    def action_run(self) -> None:
        """Answer with what was written."""
        number, by = self.query_one("#count", Input).value.strip(), self.query_one("#by", Input).value.strip()
        if not number.isdecimal() or not int(number) or not by:
            self.notify("say how many units, and by what", severity="warning")
            return
        self.dismiss(PilotWish(int(number), by))


def run_pilot(screen: AbpScreen, job: JobView, then: Callable[[Job], object]) -> None:
    """Ask how large a pilot shall be, and run it; one of all that waits only if a person is sure."""

    def start(wish: PilotWish, whole: bool) -> None:
        screen.act(lambda: screen.orchestrator.launch_pilot(job.id, wish.units, wish.by, whole=whole), then)

    def run(wish: PilotWish | None) -> None:
        if wish is None:
            return
        if wish.units < job.pending_units:
            start(wish, whole=False)
            return
        question = f"Run all {count(job.pending_units, 'unit')} that wait as the pilot?"
        detail = "That is the whole job: when it has run, there is nothing left to approve."
        screen.app.push_screen(
            ConfirmScreen(question, detail), lambda sure: start(wish, whole=True) if sure else None
        )

    screen.act(
        lambda: screen.orchestrator.repeats(job.id),
        lambda again: screen.app.push_screen(AskPilotScreen(job.pending_units, again), run),
    )
