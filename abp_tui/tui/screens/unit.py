"""One unit: every attempt at it, with all that was said."""

from __future__ import annotations

from collections.abc import Callable

from textual import work
from textual.app import ComposeResult

from abp_tui.domain.model import Attempt, WorkUnit
from abp_tui.domain.status import AttemptStatus
from abp_tui.feed import Snapshot
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.attempt import AttemptScreen
from abp_tui.tui.widgets.attempt_view import AttemptView
from abp_tui.tui.widgets.figures import clock, money, since
from abp_tui.tui.widgets.glyphs import BAD, DIM, GOOD, PRIMARY, WARN
from abp_tui.tui.widgets.top_bar import Parts

STYLES = {
    AttemptStatus.RUNNING: PRIMARY,
    AttemptStatus.COMPLETED: GOOD,
    AttemptStatus.FAILED: BAD,
    AttemptStatus.INTERRUPTED: WARN,
}


class UnitScreen(AttemptScreen):
    """Follows the newest attempt until a person picks another.

    With `tail` it starts with what is said; `mark` is what the pilot it was opened from does with a mark.
    """

    BINDINGS = bindings("unit")
    SCOPES = ("unit", "lists", "screen", "app")
    AUTO_FOCUS = "Conversation"

    def __init__(
        self, job_id: int, seq: int, *, tail: bool = False, mark: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(job_id)
        self._mark = mark
        self._tail = tail
        self._number = job_id
        self._seq = seq
        self._unit: WorkUnit | None = None
        self._attempts: list[Attempt] = []
        self._picked: int | None = None

    def body(self) -> ComposeResult:
        """The tabs of an attempt."""
        yield AttemptView()

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return (self.job.name if self.job else "", self._unit.key if self._unit else f"unit {self._seq}")

    def state(self) -> Parts:
        """Which attempt this is and how it goes."""
        attempt = self._attempt
        if attempt is None:
            return (("no attempt yet", DIM),)
        style = STYLES[attempt.status]
        which = f"try {self._attempts.index(attempt) + 1} of {len(self._attempts)} "
        took = clock(since(attempt.started_at, attempt.ended_at))
        cost = money(attempt.usage.cost_usd)
        return (
            (which, DIM),
            (attempt.status.lower(), style),
            (f" {took}" + (f" · {cost}" if cost else ""), DIM),
        )

    def look(self) -> None:
        """Look at the attempt's events."""
        attempt = self._attempt
        self.abp.feed.look_at(self.job_id, attempt.id if attempt else None)

    def take(self, snapshot: Snapshot) -> None:
        """Take new events in; read the unit anew when it may have changed."""
        focus = snapshot.focus
        if focus is None or focus.job.id != f"j{self._number}":
            return
        self.query_one(AttemptView).add(focus.attempt_id, focus.events)
        changed = focus.changed is None or any(line.seq == self._seq for line in focus.changed)
        attempt = self._attempt
        if changed or self._unit is None or (attempt and attempt.status is AttemptStatus.RUNNING):
            self._read()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Other attempts are offered where there are some, accepting where something is in doubt."""
        if action == "attempt":
            return len(self._attempts) > 1
        if action == "accept":
            return self._unit is not None and self._unit.is_in_doubt
        if action == "mark" and self._mark is None:
            return False
        return super().check_action(action, parameters)

    def action_attempt(self, by: int) -> None:
        """Show the attempt before or after."""
        attempt = self._attempt
        if attempt is None:
            return
        at = self._attempts.index(attempt) + by
        if not 0 <= at < len(self._attempts):
            self.tell("there is no other attempt in that direction")
            return
        self._picked = self._attempts[at].id if at < len(self._attempts) - 1 else None
        self._read()

    def action_accept(self) -> None:
        """Count the unit as good."""
        words = self.say(f"counts unit {self._seq} as good")
        self.act(lambda: self.orchestrator.accept(self._number, [self._seq]), words)

    def action_mark(self, mark: str) -> None:
        """Mark the unit, and go back to the pilot."""
        if self._mark is not None:
            self._mark(mark)
            self.action_back()

    @property
    def _attempt(self) -> Attempt | None:
        picked = next((a for a in self._attempts if a.id == self._picked), None)
        return picked or (self._attempts[-1] if self._attempts else None)

    @property
    def _offers(self) -> tuple[bool, bool]:
        return len(self._attempts) > 1, self._unit is not None and self._unit.is_in_doubt

    @work(thread=True, group="unit", exclusive=True, exit_on_error=False)
    def _read(self) -> None:
        repository = self.abp.repository
        unit = repository.units.get(self._number, self._seq)
        attempts = repository.attempts.of_unit(self._number, self._seq)
        self.show_from_thread(self._show, unit, attempts)

    def _show(self, unit: WorkUnit, attempts: list[Attempt]) -> None:
        opens = self._unit is None and not self._tail
        offered = self._offers
        self._unit, self._attempts = unit, attempts
        if offered != self._offers:
            self.refresh_bindings()
        attempt, view = self._attempt, self.query_one(AttemptView)
        if opens:
            view.open("output", by_person=False)  # what came of it, or why nothing did
        if attempt is None:
            view.wait(unit)
        else:
            if view.follow(attempt.id):
                self.look()
                if attempt.status is AttemptStatus.RUNNING:
                    view.open("conversation", by_person=False)
            view.show(attempt, unit)
        self._show_where()
