"""The app: wiring between the feed, the screens and the orchestrator."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.events import DescendantFocus, Event, Key, Paste
from textual.filter import LineFilter
from textual.markup import escape
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from abp_tui.domain.status import JobStatus, Occasion
from abp_tui.errors import AbpError, EditConflict
from abp_tui.feed import SETTLE_S, Feed, Snapshot
from abp_tui.store.repository import Repository
from abp_tui.terminal import attention, speaks_utf8
from abp_tui.tui.ascii import Ascii
from abp_tui.tui.bell import Bell
from abp_tui.tui.collecting import LOOK_S, Collecting
from abp_tui.tui.colourless import Colourless
from abp_tui.tui.commands import COMMANDS, Command, bindings
from abp_tui.tui.frugal import Sent
from abp_tui.tui.keys import Keys
from abp_tui.tui.named_keys import key
from abp_tui.tui.printable import Printable
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.themes import CONTRAST, check_theme
from abp_tui.tui.type_ahead import Follower, TypeAhead
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.lines import LineView
from abp_tui.tui.widgets.text import one_line
from abp_tui.views import AT_WORK, JobView, view_job

if TYPE_CHECKING:
    from textual.command import Provider

    from abp_tui.orchestrator import Orchestrator
    from abp_tui.tui.screens.draft import Draft
    from abp_tui.tui.screens.errors import Wrong

DIFFERENCE_SHOWN = 12  # lines of what somebody else has edited
MOST_ERRORS = 20  # that are kept
NEWS_S, READ_S = 5.0, 1.5  # how long news are shown, and how long at least whatever is pressed
PAINT_S = 0.1  # the first paint, which shows the jobs as they are, is not held up by the feed's first look


def _palette() -> type[Provider]:
    from abp_tui.tui.palette import Palette  # when it is opened

    return Palette


class AbpApp(App[None]):
    """The terminal face of abp. Closing it ends nothing: the jobs run in processes of their own."""

    TITLE = "abp"
    CSS_PATH = "abp.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app"),
    ]
    COMMANDS = {_palette}

    class Fed(Message):
        """Something changed. The feed goes on once `taken` is set, so that one snapshot at most waits."""

        def __init__(self, snapshot: Snapshot, taken: threading.Event) -> None:
            super().__init__()
            self.snapshot = snapshot
            self.taken = taken

    def __init__(
        self,
        repository: Repository,
        orchestrator: Callable[[], Orchestrator],
        start_job: str | None = None,
        keys: Mapping[str, str] | None = None,
        theme: str | None = None,
        bell: Iterable[Occasion] = (),
    ) -> None:
        super().__init__()
        self.register_theme(CONTRAST)
        if theme is not None:
            self.theme = check_theme(theme, self.available_themes)
        self.keys = Keys(keys or {})
        self.set_keymap(self.keys.keymap)
        self.animation_level = "none"
        self.repository = repository
        self._make_orchestrator = orchestrator
        self.feed = Feed(repository)
        self.snapshot = self.feed.now()  # so that the first paint has the jobs already
        self._bell = Bell(bell, self.snapshot.jobs)
        self._start_job = start_job
        self.collecting = Collecting()
        self.drafts: dict[str, Draft] = {}
        self._wrong: deque[Wrong] = deque(maxlen=MOST_ERRORS)
        self._sent = Sent()
        self._told_at: float | None = None
        self._type_ahead = TypeAhead(self, super().on_event)
        self._stop = threading.Event()
        self._taken = threading.Event()

    @cached_property
    def orchestrator(self) -> Orchestrator:
        """The verbs. To load them takes a tenth of the time to the first paint, which has no use for them."""
        return self._make_orchestrator()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Textual's way to the terminal, on which it sends less."""
        super()._display(screen, self._sent.less(screen, renderable))

    async def on_event(self, event: Event) -> None:
        """Textual's way of events, on which keys keep their order."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            self.collecting.typed()
            self._forget_news()
            await self._type_ahead.take(event)
        else:
            await super().on_event(event)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """A cursor stands still: one that blinks is a paint, twice a second, on a line that may be slow."""
        if hasattr(event.widget, "cursor_blink"):
            event.widget.cursor_blink = False

    async def on_abp_follower(self, message: Follower) -> None:
        """All that a key does is done."""
        await self._type_ahead.back(message)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of ours that themes may change."""
        return {"limit": "#b48ead"}

    def key_of(self, command: Command) -> str:
        """The first key of a command, as the last line names it."""
        return self.get_key_display(Binding(self.keys.of(command).split(",")[0], command.action))

    def get_key_display(self, binding: Binding) -> str:
        """A key as the last line names it: in words where its sign is none of ASCII and must be."""
        shown = super().get_key_display(binding)
        return shown if shown.isascii() or speaks_utf8() else binding.key

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What lines go through before they are drawn."""
        filters = [*super().get_line_filters(), Printable()]
        filters += [Colourless()] if self.no_color else []
        filters += [] if speaks_utf8() else [Ascii()]
        return filters

    def get_default_screen(self) -> Screen[None]:
        """The jobs."""
        return JobsScreen(self._start_job)

    def on_mount(self) -> None:
        """Begin to watch the store."""
        self.set_timer(PAINT_S, self._watch)
        self.set_timer(SETTLE_S, self._load_orchestrator)
        self.set_interval(LOOK_S, self.collecting.rest)

    def on_unmount(self) -> None:
        """Let the feed's thread end."""
        self._stop.set()
        self._taken.set()
        self.feed.wake()

    @work(thread=True, exit_on_error=False)
    def _load_orchestrator(self) -> None:
        """So that the first command does not wait for it."""
        _ = self.orchestrator

    @work(thread=True, group="feed", exit_on_error=False)
    def _watch(self) -> None:
        for snapshot in self.feed.snapshots(self._stop):
            self._taken.clear()
            if self._stop.is_set() or not self.post_message(self.Fed(snapshot, self._taken)):
                return
            self._taken.wait()

    def on_abp_app_fed(self, message: Fed) -> None:
        """Hand a snapshot to the screen that is looked at, under a dialog too."""
        try:
            self.snapshot = message.snapshot
            if not self.is_running:
                return  # it is being taken apart
            self._ring(self._bell.news(message.snapshot.jobs))
            for screen in reversed(self.screen_stack):
                if isinstance(screen, AbpScreen):
                    screen.receive(message.snapshot)
                    break
        finally:
            message.taken.set()

    def _ring(self, text: str | None) -> None:
        if text is not None and self._driver is not None:
            self._driver.write(attention(text))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report what went wrong in a thread of the app's own."""
        self.report(event)

    def report(self, event: Worker.StateChanged) -> None:
        """Say what went wrong in a thread."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            self.tell_of(error)

    def tell_of(self, error: BaseException, before: str = "") -> None:
        """Say in a toast what went wrong, in a person's words where it is one of our errors, and keep it."""
        from abp_tui.tui.screens.errors import Wrong

        wrong = Wrong(datetime.now(), error)
        self._wrong.append(wrong)
        self._told_at = None
        more = f"{key('app.errors')} shows all of it"
        shown = [one_line(f"{before}{wrong.line}", 300)]
        if isinstance(error, EditConflict):
            shown += [one_line(line, 100) for line in error.difference[:DIFFERENCE_SHOWN]]
        elif not isinstance(error, AbpError):
            self.log.error(error)
        seconds = 8 if len(shown) == 1 and isinstance(error, AbpError) else 20
        self.notify("\n".join([*shown, more]), severity="error", markup=False, timeout=seconds)

    def tell(self, words: str) -> None:
        """Say in one line what happened, in the place of what was said before: few lines have room."""
        self.clear_notifications()
        self.notify(one_line(words), markup=False, timeout=NEWS_S)
        self._told_at = monotonic()

    def _forget_news(self) -> None:
        """A key makes room for what is under the last news, once it could be read."""
        if self._told_at is not None and monotonic() - self._told_at > READ_S:
            self.clear_notifications()
            self._told_at = None

    def action_errors(self) -> None:
        """All that went wrong since it was opened."""
        from abp_tui.tui.screens.errors import ErrorsScreen

        self.clear_notifications()  # they would hide some of it
        self.push_screen(ErrorsScreen(self._wrong))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: what can be done here, each with its key, then the theme."""
        if isinstance(screen, AbpScreen):
            for each in COMMANDS:
                place = self.place_of(each, screen)
                if place is not None and each.id != "app.palette":
                    words = f"{self.key_of(each)}  {each.label}"
                    yield SystemCommand(each.help, escape(words), _runner(self, place, each))
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)

    def place_of(self, command: Command, screen: AbpScreen) -> DOMNode | None:
        """Where a command is carried out on this screen, if it can be now."""
        if command.scope == "app":
            return None if command.id == "app.leave" and screen.is_form else self
        if command.scope == "lists":
            return screen.focused if isinstance(screen.focused, LineView) else None
        offered = command.scope in (*screen.SCOPES, "screen") and command.is_offered(screen.job)
        return screen if offered and screen.check_action(command.name, ()) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a form `q` is a letter, and takes nobody away from it."""
        if action == "leave":
            return not (isinstance(self.screen, AbpScreen) and self.screen.is_form)
        return super().check_action(action, parameters)

    def open_review(self, job_id: int, *, instead: bool = False) -> None:
        """Show a job's test, on top of what is shown or instead of it."""
        from abp_tui.tui.screens.review import ReviewScreen  # as all screens but the first: when it is opened

        self._open(ReviewScreen(job_id), instead)

    def open_progress(self, job_id: int, *, instead: bool = False) -> None:
        """Show a job's progress, on top of what is shown or instead of it."""
        from abp_tui.tui.screens.progress import ProgressScreen

        self._open(ProgressScreen(job_id), instead)

    def point_at(self, job_id: int) -> None:
        """Have the cursor of the jobs on this one, once it is among them."""
        for screen in self.screen_stack:
            if isinstance(screen, JobsScreen):
                screen.point_at(job_id)

    def open_versions(self, job_id: int) -> None:
        """Show the versions of a job's recipe."""
        from abp_tui.tui.screens.versions import VersionsScreen

        self.push_screen(VersionsScreen(job_id))

    def _open(self, screen: AbpScreen, instead: bool) -> None:
        if instead:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def action_help(self) -> None:
        """All keys and signs."""
        from abp_tui.tui.moment import Moment, moment_of
        from abp_tui.tui.screens.help import HelpScreen

        screen = self.screen
        moment = moment_of(screen) if isinstance(screen, AbpScreen) else Moment()
        self.push_screen(HelpScreen(moment, self.keys))

    def action_leave(self) -> None:
        """End the screen; the jobs run on, and the terminal says so."""
        running = [job for job in self._jobs_now() if _is_at_work(job)]
        words = f"{count(len(running), 'job')} still at work in the background. `abp` shows it all again."
        self.exit(message=words if running else None)

    def _jobs_now(self) -> Sequence[JobView]:
        """All jobs, also as a command of a moment ago has left them; else as they were last seen."""
        try:
            return [view_job(job) for job in self.repository.jobs.all()]
        except AbpError:
            return self.snapshot.jobs

    def action_leave_at_once(self) -> None:
        """As `leave`, from wherever it is pressed."""
        self.action_leave()

    async def action_quit(self) -> None:
        """What Textual's own bindings ask for."""
        self.action_leave()


def _is_at_work(job: JobView) -> bool:
    """Whether it runs, or is about to: its executor is being started."""
    return job.phase in AT_WORK or (job.status is JobStatus.RUNNING and job.executor is None)


def _runner(app: AbpApp, place: DOMNode, command: Command) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await app.run_action(command.action, place)

    return run
