"""The pilot: its units in a list, a mark for each by one key, and what it says of the rest."""

from __future__ import annotations

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from abp_tui.domain.model import Job
from abp_tui.domain.quote import PilotReview
from abp_tui.domain.status import Mark, Phase
from abp_tui.feed import Snapshot
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.ask_pilot import run_pilot
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.copying import copy
from abp_tui.tui.screens.deciding import approve, let_run, reject
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.glyphs import BAD, DIM, GOOD, PRIMARY, WARN, job_mark
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.quote_panel import QuotePanel
from abp_tui.tui.widgets.top_bar import Parts
from abp_tui.tui.widgets.tried_list import TriedList
from abp_tui.verbs.piloting import QUOTE

DECISIONS = ("pass", "doubtful", "fail", "approve", "budget", "reject", "more", "cancel")


class PilotScreen(AbpScreen):
    """The pilot that a job is at, running or ended; earlier ones can be looked at, too."""

    BINDINGS = bindings("pilot")
    SCOPES = ("pilot", "lists", "screen", "app")
    AUTO_FOCUS = "TriedList"
    DEFAULT_CSS = """
    PilotScreen {
        #tried { width: 1fr; padding-top: 1; }
        QuotePanel { width: 42; height: 100%; }
        &.-narrow Horizontal { layout: vertical; }
        &.-narrow #tried { width: 100%; height: 1fr; padding-top: 0; }
        &.-narrow QuotePanel { width: 100%; height: auto; max-height: 11; padding: 0 2; }
    }
    """

    def __init__(self, job_id: int) -> None:
        super().__init__(job_id)
        self._number = job_id
        self._review: PilotReview | None = None
        self._pilots: list[int] = []
        self._picked: int | None = None
        self._seen: tuple[object, ...] | None = None

    def body(self) -> ComposeResult:
        """The units on the left, the rest on the right."""
        with Horizontal():
            with Vertical(id="tried"):
                yield Static(id="titles", markup=False)
                yield TriedList()
            yield QuotePanel()

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        which = f"pilot {self._at + 1}/{len(self._pilots)}" if len(self._pilots) > 1 else "pilot"
        return (self.job.name if self.job else "", which)

    def state(self) -> Parts:
        """How far it is, and how it went."""
        if self._review is None or self.job is None:
            return (("", DIM),)
        units = self._review.units
        ended = f"{sum(unit.ended for unit in units):,} of {len(units):,}"
        if self.job.phase in (Phase.PILOT, Phase.INTERRUPTED):
            mark = job_mark(self.job)
            return ((f"{mark} ", mark.style), (ended, PRIMARY))
        failed, doubtful = sum(unit.failed for unit in units), sum(unit.doubtful for unit in units)
        return (
            (f"{ended} run", PRIMARY),
            (f" · {failed:,} failed", BAD if failed else GOOD),
            (f" · {doubtful:,} in doubt", WARN if doubtful else DIM),
        )

    def take(self, snapshot: Snapshot) -> None:
        """Read it anew where something has changed."""
        focus, job = snapshot.focus, self.job
        if focus is None or job is None or focus.job.id != job.id:
            return
        self.query_one(QuotePanel).keys = self._keys()
        now = (job.phase, job.status, job.pilot_id, job.prompt_version)
        if now != self._seen or focus.changed != ():
            self._seen = now
            self._read()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Other pilots are offered where there are some; the newest one's quote is that of a budget."""
        if action == "pick":
            return len(self._pilots) > 1
        return super().check_action(action, parameters) and not (action == "budget" and self._is_earlier)

    def on_resize(self) -> None:
        """The columns follow the width."""
        self.call_after_refresh(self._show_titles)

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """A click on the unit under the cursor opens it."""
        self.action_open()

    def action_open(self) -> None:
        """Open the unit under the cursor."""
        if unit := self.query_one(TriedList).unit:
            self.app.push_screen(UnitScreen(self._number, unit.seq, mark=self.action_mark))

    def action_copy(self) -> None:
        """Copy the key of the unit under the cursor, and the first line of what came of it."""
        unit = self.query_one(TriedList).unit
        first = next(iter(unit.note.strip().splitlines()), "") if unit else ""
        copy(self, f"{unit.key}\n{first}".rstrip() if unit else "")

    def action_mark(self, mark: str) -> None:
        """Mark the unit under the cursor, and go to the next; the mark that it has is taken back."""
        units = self.query_one(TriedList)
        if unit := units.unit:
            now = None if unit.mark == mark else Mark(mark)
            self.act(
                lambda: self.orchestrator.mark(self._number, unit.seq, now),
                lambda _: self._read(),
                in_turn=True,
            )
            units.cursor += 1 if now else 0

    def action_pick(self, by: int) -> None:
        """Look at the pilot before or after."""
        at = self._at + by
        if not 0 <= at < len(self._pilots):
            self.tell("there is no other pilot in that direction")
            return
        self._picked = self._pilots[at] if at < len(self._pilots) - 1 else None
        self._read()

    def action_approve(self) -> None:
        """Let the rest run, and watch it."""
        approve(self, self._number, instead=True)

    def action_budget(self) -> None:
        """Let the rest run with the quote's upper end, which the screen shows, as its budget."""
        if self._review is None:
            return
        quote = self._review.quote
        if quote.budget_usd is None:
            self.tell(quote.no_quote or "by this pilot there is no cost to set a budget by")
        else:
            let_run(self, self._number, QUOTE, instead=True)

    def action_reject(self) -> None:
        """Put all units back, and leave."""
        reject(self, self._number, self._rejected)

    def action_more(self) -> None:
        """Run another sample, and show it."""

        def show(job: Job) -> None:
            self._picked = None
            self._read()

        if self.job is not None:
            run_pilot(self, self.job, show)

    def action_cancel(self) -> None:
        """End the running pilot."""
        self.act(
            lambda: self.orchestrator.cancel_test(self._number),
            self.say("ends its pilot; what has not ended waits again"),
        )

    def action_versions(self) -> None:
        """What the recipe was before."""
        self.abp.open_versions(self._number)

    @work(thread=True, group="review", exclusive=True, exit_on_error=False)
    def _read(self) -> None:
        pilots = [pilot.id for pilot in self.orchestrator.pilots(self._number)]
        picked = self._picked if self._picked in pilots else None
        self.show_from_thread(self._show, self.orchestrator.pilot_review(self._number, picked), pilots)

    @property
    def _at(self) -> int:
        """Which of the pilots is shown."""
        return self._pilots.index(self._review.pilot.id) if self._review and self._pilots else 0

    @property
    def _is_earlier(self) -> bool:
        return self._at < len(self._pilots) - 1

    def _show(self, review: PilotReview, pilots: list[int]) -> None:
        before = self._at, len(self._pilots)
        self._review, self._pilots = review, pilots
        if before != (self._at, len(pilots)):
            self.refresh_bindings()
        self.query_one(QuotePanel).keys = self._keys()
        self.query_one(TriedList).take(review.units)
        self.query_one(QuotePanel).quote = review.quote
        self._show_titles()
        self._show_where()

    def _show_titles(self) -> None:
        self.query_one("#titles", Static).update(self.query_one(TriedList).titles(), layout=False)

    def _rejected(self, job: Job) -> None:
        self.tell(f"{job.name} is rejected: nothing runs, its units wait again")
        self.go(self._leave_review)

    def _leave_review(self) -> None:
        """The test review below is over, too."""
        self.app.pop_screen()
        self.app.pop_screen()

    def _keys(self) -> tuple[tuple[str, str], ...]:
        """What can be decided now, by which key, in a line each."""
        return self.keys_of("pilot", {f"pilot.{name}" for name in DECISIONS})
