"""What all screens share: the top bar, the keys, the newest snapshot, and calling the orchestrator."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar, cast

from textual.app import App, ComposeResult
from textual.worker import Worker

from abp_tui.domain.model import Job
from abp_tui.errors import AbpError, EditConflict
from abp_tui.feed import Snapshot
from abp_tui.tui.commands import bindings, commands, offered
from abp_tui.tui.screens.fitted import Fitted
from abp_tui.tui.widgets.glyphs import needs_person
from abp_tui.tui.widgets.key_bar import KeyBar
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.top_bar import Parts, TopBar
from abp_tui.tui.widgets.warning_bar import WarningBar
from abp_tui.views import JobView

if TYPE_CHECKING:
    from abp_tui.orchestrator import Orchestrator
    from abp_tui.tui.app import AbpApp

T = TypeVar("T")
ACT = "act"
SIGN_S = 0.3  # a command that takes longer gives a sign of life


class AbpScreen(Fitted[None]):
    """A screen over the orchestrator. Subclasses say where they are, and take snapshots in."""

    BINDINGS = bindings("screen")
    SCOPES: tuple[str, ...] = ()
    is_form = False  # where letters are written
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]

    def __init__(self, job_id: int | None = None) -> None:
        super().__init__()
        self.job_id = job_id
        self.job: JobView | None = None
        self._turns = ThreadPoolExecutor(max_workers=1)
        self._at_work = 0

    # For subclasses

    def body(self) -> ComposeResult:
        """The widgets between the first and the last line."""
        yield from ()

    def where(self) -> tuple[str, ...]:
        """The crumbs of the first line."""
        return ()

    def state(self) -> Parts:
        """What the first line says on the right."""
        return ()

    def take(self, snapshot: Snapshot) -> None:
        """Show a new snapshot."""

    def tick(self) -> None:
        """A second has passed: draw what counts time."""

    def look(self) -> None:
        """Tell the feed what this screen looks at."""
        self.abp.feed.look_at(self.job_id)

    # What they use

    @property
    def abp(self) -> AbpApp:
        """The app this belongs to."""
        return cast("AbpApp", self.app)

    @property
    def orchestrator(self) -> Orchestrator:
        """The verbs."""
        return self.abp.orchestrator

    def keys_of(self, scope: str, names: Collection[str]) -> tuple[tuple[str, str], ...]:
        """Of these commands, those that can be given now: the key, and what it does."""
        offered = [c for c in commands(scope) if c.id in names and self.check_action(c.action, ())]
        return tuple((self.abp.key_of(c), c.help) for c in offered)

    def act(
        self,
        call: Callable[[], T],
        then: Callable[[T], Any] | None = None,
        *,
        in_turn: bool = False,
        refused: Callable[[AbpError], Any] | None = None,
    ) -> None:
        """Do one thing in a thread, then go on with what it returned; one at a time.

        While one is at work another is refused, or waits its turn if it is of the kind
        that a person presses quickly in a row. An error of ours goes to `refused`, or is told in a toast.
        """
        if not in_turn and self._at_work:
            self.notify("one moment: the last command is still at work", timeout=2)
            return
        self._at_work += 1
        called, app = self._turns.submit(call), self.app
        # Of the app, not of this screen: what came of it is told though a person has gone elsewhere.
        app.run_worker(
            lambda: self._wait_for(called, then, refused, app), group=ACT, thread=True, exit_on_error=False
        )
        self.set_timer(SIGN_S, self._show_work)

    def ask_again(self, ask: Callable[[str], object]) -> Callable[[AbpError], None]:
        """A follow-up to `act` for what is refused: ask once more, with what was wrong with the answer."""

        def refused(error: AbpError) -> None:
            if isinstance(error, EditConflict):
                self.abp.tell_of(error)  # what it says is longer than a line, and no answer mends it
            else:
                self.go(lambda: ask(one_line(str(error))))

        return refused

    def go(self, step: Callable[[], object]) -> None:
        """Go to another screen, unless a person has gone elsewhere from this one."""
        if self.app.screen is self:
            step()

    def say(self, words: str) -> Callable[[Job], None]:
        """A follow-up to `act` that tells what became of the job."""
        return lambda job: self.tell(f"{job.name} {words}")

    def tell(self, words: str) -> None:
        """Say in one line what happened, in the place of what was said before: few lines have room."""
        self.abp.tell(words)

    def show_from_thread(self, show: Callable[..., None], *found: object) -> None:
        """From a thread of this screen: show what was found, unless the screen has been left."""
        self.app.call_from_thread(lambda: show(*found) if self.is_attached else None)

    def _wait_for(
        self,
        called: Future[T],
        then: Callable[[T], Any] | None,
        refused: Callable[[AbpError], Any] | None,
        app: App[Any],
    ) -> None:
        """In a thread: go on with what a command has returned."""
        try:
            result = called.result()
        except AbpError as error:
            if refused is None:
                raise
            app.call_from_thread(refused, error)
            return
        finally:
            app.call_from_thread(self._ended)
        if then is not None:
            app.call_from_thread(then, result)

    def _ended(self) -> None:
        self._at_work -= 1
        if self.is_attached and self.query_one(TopBar).busy:
            self._show_work()

    # How it works

    def compose(self) -> ComposeResult:
        """First line, warnings, body, keys."""
        yield TopBar()
        yield WarningBar()
        yield from self.body()
        yield KeyBar()

    def on_mount(self) -> None:
        """Count seconds while it is on."""
        self.set_interval(1.0, self._tick)

    def on_screen_resume(self) -> None:
        """Look at what this screen is about, and show what is known of it at once."""
        self.look()
        self.receive(self.abp.snapshot)

    def receive(self, snapshot: Snapshot) -> None:
        """Take a snapshot in and draw what follows from it."""
        if not (self.is_mounted and self.is_attached):
            return
        before = self.job
        if self.job_id is not None:
            self.job = next((job for job in snapshot.jobs if job.id == f"j{self.job_id}"), None)
        self.take(snapshot)
        self._show_where()
        waiting = sum(needs_person(job) for job in snapshot.jobs if job.id != f"j{self.job_id}")
        bar = self.query_one(TopBar)
        bar.waiting, bar.trouble = waiting, snapshot.trouble
        self.query_one(WarningBar).words = self.job.warnings if self.job else ()
        if _offers_change(before, self.job):
            self.refresh_bindings()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report what went wrong in one of its threads."""
        self.abp.report(event)

    def _show_work(self) -> None:
        self.query_one(TopBar).busy = bool(self._at_work)

    def _show_where(self) -> None:
        bar = self.query_one(TopBar)
        bar.where, bar.state = self.where(), self.state()

    def _tick(self) -> None:
        if self._is_seen():
            self.tick()
            self.query_one(TopBar).state = self.state()

    def _is_seen(self) -> bool:
        """Whether nothing but dialogs is in front. Textual takes any screen behind one to be current, too."""
        stack = self.app.screen_stack
        return next((s for s in reversed(stack) if isinstance(s, AbpScreen)), None) is self

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done with the job as it is."""
        return offered(self.SCOPES, action, self.job)

    def action_back(self) -> None:
        """Go back to the screen before."""
        self.app.pop_screen()


def _offers_change(before: JobView | None, now: JobView | None) -> bool:
    """Whether other commands are offered now."""
    return before is None or now is None or _offer(before) != _offer(now)


def _offer(job: JobView) -> tuple[object, ...]:
    alive = job.executor is not None and job.executor.alive
    asks = job.question is not None
    return job.id, job.status, job.phase, job.ending, job.failed_units + job.suspect_units > 0, alive, asks
