"""How large a pilot shall be, and by what."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
    DEFAULT_CSS = """
    AskPilotScreen {
        Input { background: $surface; margin-bottom: 1; }
        Label { color: $foreground 70%; }
    }
    """

    def __init__(self, waiting: int, units: int, by: str, *, is_again: bool, wrong: str = "") -> None:
        """`wrong` says what was refused of these values, where they are asked for a second time."""
        super().__init__()
        self._waiting = waiting
        self._units, self._by = units, by
        self._is_again = is_again
        self._wrong = wrong

    def compose(self) -> ComposeResult:
        """Two fields and the keys."""
        with Vertical(classes="box"):
            yield Static("Run a pilot before the rest", classes="question", markup=False)
            yield Static(
                f"A sample of the {count(self._waiting, 'unit')} that wait, with something of every kind.",
                classes="detail",
                markup=False,
            )
            if self._is_again:
                yield Static(AGAIN, classes="detail", markup=False)
            yield Label("how many units")
            yield Input(str(self._units), id="count", type="integer", compact=True)
            yield Label("by size, type, or a field of the items")
            yield Input(self._by, id="by", compact=True)
            if self._wrong:
                yield Static(self._wrong, classes="wrong", markup=False)
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

    def ask(again: Sample | None, wish: PilotWish, wrong: str = "") -> None:
        asked = AskPilotScreen(
            job.pending_units, wish.units, wish.by, is_again=again is not None, wrong=wrong
        )
        screen.app.push_screen(asked, lambda answer: run(again, answer) if answer else None)

    def run(again: Sample | None, wish: PilotWish) -> None:
        if wish.units < job.pending_units:
            start(again, wish, whole=False)
            return
        question = f"Run all {count(job.pending_units, 'unit')} that wait as the pilot?"
        detail = "That is the whole job: when it has run, there is nothing left to approve."
        screen.app.push_screen(
            ConfirmScreen(question, detail), lambda sure: start(again, wish, whole=True) if sure else None
        )

    def start(again: Sample | None, wish: PilotWish, whole: bool) -> None:
        call = partial(screen.orchestrator.launch_pilot, job.id, wish.units, wish.by, whole=whole)
        screen.act(call, then, refused=screen.ask_again(partial(ask, again, wish)))

    def first(again: Sample | None) -> None:
        ask(again, PilotWish(again.asked, again.by) if again else PilotWish(UNITS, SIZE))

    screen.act(lambda: screen.orchestrator.repeats(job.id), first)
