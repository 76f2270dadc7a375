"""The executor's loop: write what the slots left together with new claims, and obey the faces."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from abp_tui.domain.model import Event, Job
from abp_tui.domain.status import (
    PAUSED_BY_A_PERSON,
    STOPPED_BY_A_PERSON,
    Desired,
    JobStatus,
    UnitStatus,
)
from abp_tui.errors import StoreUnavailable
from abp_tui.execution.assignment import Assignment
from abp_tui.execution.attempt import hold_reason
from abp_tui.execution.breaker import Breaker
from abp_tui.execution.budget import Budget
from abp_tui.execution.engines.base import Engine
from abp_tui.execution.gate import Gatekeeper
from abp_tui.execution.mailbox import Mail, Mailbox
from abp_tui.execution.orphans import Orphans
from abp_tui.execution.outage import Outage, Room
from abp_tui.execution.questions import OpenQuestions
from abp_tui.liveness import BEAT_S, started_at
from abp_tui.store.claims import Claim, Finished, Orders, Started
from abp_tui.store.journal import Journal
from abp_tui.words import counted

TICK_S = 0.1
GAP_S = 0.01  # between two transactions: what ends meanwhile shares one way to the disk
PATIENCE_S = 10.0  # with a database that can't be written, once the executor has been told to stop
MOST_KEPT_CHARS = 64 * 1024 * 1024
BY_A_PERSON = "ended by a person"


Edited = Callable[[], str | None]


def _ignore(*_: Any) -> None:
    """What a callback does that nobody gave."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What an executor tells, on its own thread, once it is recorded."""

    unit_started: Callable[[Claim], None] = _ignore
    event: Callable[[int, Event], None] = _ignore
    unit_finished: Callable[[Finished], None] = _ignore
    job_changed: Callable[[Job], None] = _ignore


@dataclass(slots=True)
class StopOrder:
    """What signals and other threads ask of an executor: to stop, and to be quick about it."""

    given: bool = False
    urgent: bool = False

    def give(self) -> None:
        """Stop; given twice, at once."""
        self.given, self.urgent = True, self.given


class Loop:
    """Runs an assignment on an engine. The calling thread is the only one that writes."""

    def __init__(
        self,
        job: Job,
        journal: Journal,
        mailbox: Mailbox[Finished],
        engine: Engine,
        work: Assignment,
        gate: Gatekeeper,
        tell: Callbacks,
        stop: StopOrder,
        outage: Outage,
        room: Room,
        orphans: Orphans,
        edited: Edited | None = None,
    ) -> None:
        """`edited` takes a new version of the recipe and says why the job can't go on with it, if so."""
        self._journal = journal
        self._mailbox = mailbox
        self._engine = engine
        self._work = work
        self._gate = gate
        self._tell = tell
        self._stop = stop
        self._outage = outage
        self._room = room
        self._orphans = orphans
        self._budget = Budget(job.budget_usd, *journal.spending())
        self._breaker = Breaker(job.max_failures_in_row)
        self._workers = job.desired_workers
        self._in_flight = (
            0  # attempts whose end has not been heard of, also where the engine is done with them
        )
        self.unrecorded: Mail[Finished] = Mail()
        self._edited = edited
        self._recipe_version = job.recipe.version
        self._questions = OpenQuestions()
        self._dropped = 0
        self._hold: str | None = None  # of its own accord, for good
        self._asked: str | None = None  # by the faces, who may think better of it
        self._short_of: str | None = None  # what the next claim needs
        self._waiting: str | None = None  # the same, as the store has it
        self._ending = False
        self._nothing_until: float | None = 0.0
        self._seen = -1
        self._written = 0.0

    def run(self) -> JobStatus:
        """Loop until the work is over; returns the state that the job was given.

        A database that can't be written is waited out. Raises `StoreUnavailable` only where that takes too
        long after an order to stop.
        """
        self._mailbox.wake()  # there is something to do from the start
        while True:
            self._gather()
            try:
                with self._journal.told():
                    status = self._round()
            except StoreUnavailable as error:
                self._nothing_until = 0.0  # nothing of this round has happened
                if self._stop.given and (self._stop.urgent or self._outage.seconds > PATIENCE_S):
                    raise
                self._outage.met(error, self.unrecorded.finished)
                continue
            if status is not None:
                return status

    def _gather(self) -> None:
        """Take what has come to what is not recorded yet, and draw the consequences of the ends in it."""
        time.sleep(max(0.0, self._written + GAP_S - time.monotonic()))
        mail = self._mailbox.collect(TICK_S)
        self._orphans.started(mail.processes)
        mail.finished = [self._draw_consequences(end) for end in mail.finished]
        if self.unrecorded:
            self._dropped += self.unrecorded.add(mail, MOST_KEPT_CHARS)
        else:
            self.unrecorded = mail

    def _round(self) -> JobStatus | None:
        self._look()
        if self.unrecorded.finished:  # before it is said that they have ended
            ended = [end.claim.attempt_id for end in self.unrecorded.finished]
            self._orphans.end(ended, self._engine.running)
        self._short_of = self._room.lacks() or self._engine.lacks()
        wanted = self._wanted()
        if self.unrecorded or wanted or time.monotonic() - self._written >= BEAT_S:
            self._write()
        if self._in_flight:
            return None
        if self._work.advance(self._held):
            self._nothing_until = 0.0
            return None
        return self._work.settled(self._held)

    def _look(self) -> None:
        """See what the faces want; another connection's commit may also have made units wait again."""
        if self._stop.given:
            self._hold = self._hold or "stopped by a signal"
            self._end_agents(self._hold)
        if self._stop.urgent:
            self._engine.hurry()
        self._hold = self._hold or self._engine.lost()
        if (version := self._journal.data_version()) != self._seen:
            self._nothing_until = 0.0
            orders = self._journal.orders_now()
            self._obey(orders)
            self._take_edit(orders.recipe_version)
            self._gate.look()
            self._engine.end(self._journal.ends_asked(), BY_A_PERSON)
            self._questions.bring_answers(self._journal)
            self._seen = version  # at last: what could not be read is read again

    def _take_edit(self, version: int) -> None:
        if version != self._recipe_version and self._edited is not None:
            self._hold = self._edited() or self._hold
            self._recipe_version = version

    def _obey(self, orders: Orders) -> None:
        if orders.workers != self._workers:
            self._workers = orders.workers
            self._engine.resize(orders.workers)
        if orders.desired is Desired.RUN:
            self._asked, self._ending = None, False
        elif orders.desired is Desired.PAUSE:
            self._asked = PAUSED_BY_A_PERSON if orders.by is None else f"paused by {orders.by}"
        else:
            self._asked = STOPPED_BY_A_PERSON if orders.by is None else f"stopped by {orders.by}"
            self._end_agents(self._asked)

    def _end_agents(self, reason: str) -> None:
        if not self._ending:
            self._ending = True
            self._engine.cancel(reason)

    def _held(self) -> str | None:
        """Why the job must be held, by what the faces want at this moment; None if it goes on."""
        self._obey(self._journal.orders_now())
        self._gate.look()
        return self._hold or self._asked or self._gate.hold()

    def _write(self) -> None:
        """One transaction: what the slots left, what there is to say, new claims. Then all of it is told."""
        mail = self.unrecorded
        with self._journal.transaction(durable=bool(mail.finished)):
            self._gate.look()
            self._record(mail)
            asked = self._questions.write(self._journal, mail.asked)
            finished = self._journal.finish(mail.finished)
            self._gate.record(finished)
            self._log(finished, mail.notes)
            claims = self._claim()
        self._written = time.monotonic()
        self._waiting = self._short_of
        self._questions.written(asked)
        self._work.taken(claims)
        self._in_flight += len(claims)
        self._engine.give(claims)
        self.unrecorded, self._dropped = Mail(), 0
        self._outage.over()
        self._report(mail, finished, claims)

    def _record(self, mail: Mail[Finished]) -> None:
        ended = {end.claim.attempt_id for end in mail.finished}
        running = [(i, pid, started_at(pid)) for i, pid in mail.processes if i not in ended]
        self._journal.started(Started(i, pid, at) for i, pid, at in running if at is not None)
        self._journal.started(mail.started)
        self._journal.sessions(mail.sessions)
        self._journal.events(mail.events)

    def _log(self, finished: list[Finished], notes: list[tuple[str, str]]) -> None:
        for level, note in notes:
            self._journal.log(note, level=level)
        for end in finished:
            if end.unit_status is UnitStatus.FAILED:
                self._journal.log(f"failed: {end.outcome.error}", level="error", seq=end.claim.seq)
        if words := self._outage.words():
            lost = f"; lost: {counted(self._dropped, 'event')} of conversations" if self._dropped else ""
            self._journal.log(words + lost, level="warning")
        if (self._short_of is None) != (self._waiting is None):
            self._journal.wait_for(self._short_of)
            words = f"waits: {self._short_of}" if self._short_of else "there is room again"
            self._journal.log(words, level="warning")

    def _draw_consequences(self, end: Finished) -> Finished:
        end = self._gate.consider(end)
        self._in_flight -= 1
        self._budget.spend(end.outcome.usage.cost_usd, ok=end.outcome.ok)
        if end.unit_status is UnitStatus.PENDING:
            self._nothing_until = 0.0
        self._hold = self._hold or hold_reason(end) or self._breaker.reason(end)
        return end

    def _claim(self) -> list[Claim]:
        wanted = self._wanted()
        claims = self._work.claim(wanted) if wanted else []
        self._gate.entered(claims)
        if len(claims) < wanted:
            self._nothing_until = self._journal.next_due()
        return claims

    def _wanted(self) -> int:
        """How many units to claim now: what the engine can use, the gate lets through, the budget allows."""
        if self._hold or self._asked or self._nothing_until is None or time.time() < self._nothing_until:
            return 0
        room = self._gate.room(self._in_flight)
        if self._short_of or room == 0:
            return 0
        wanted, affordable = self._engine.demand(), self._budget.affordable(self._in_flight)
        wanted = wanted if room is None else min(wanted, room)
        if affordable is None:
            return wanted
        if not affordable and not self._in_flight:
            self._hold = f"the budget of ${self._budget.limit_usd:g} is reached; `abp set` raises it"
        return min(wanted, affordable)

    def _report(self, mail: Mail[Finished], finished: list[Finished], claims: list[Claim]) -> None:
        if self._tell.event is not _ignore:
            for attempt_id, _, event in mail.events:
                self._tell.event(attempt_id, event)
        for end in finished:
            self._tell.unit_finished(end)
        for claim in claims:
            self._tell.unit_started(claim)
