"""A new job: say what, with which items, by whom; see what comes of it before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar, cast

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widgets import Input, Select, TextArea
from textual.worker import Worker, get_current_worker

from abp_tui.creation import Plan, Preview
from abp_tui.domain.model import Job
from abp_tui.enumerators.base import Approval, Enumerator, Item
from abp_tui.errors import AbpError, ApprovalNeeded
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.approve_code import ApproveCodeScreen
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.new_job_form import NewJobForm
from abp_tui.tui.widgets.plan_preview import PlanPreview
from abp_tui.tui.widgets.source_form import SourceForm, labelled, sources
from abp_tui.words import counted

T = TypeVar("T")
DEBOUNCE_S = 0.3
FIRST = 20
TELL_EVERY = 1000
WORKERS = (
    ("claude: Claude Code", "claude"),
    ("command: any program", "command"),
    ("sample: offline", "sample"),
)
READ_IT = "ctrl+r shows it and asks"
STAND_IN_INTENT = "(what is to be done)"


class NewJobScreen(AbpScreen):
    """Nothing is written until it is asked for."""

    BINDINGS = bindings("new")
    SCOPES = ("new", "screen", "app")
    AUTO_FOCUS = "#name"

    def __init__(self) -> None:
        super().__init__()
        self._debounce: Timer | None = None
        self._looked_at: Enumerator[Any] | None = None

    def body(self) -> ComposeResult:
        """The form, and what it would make."""
        with Horizontal(id="sides"):
            with VerticalScroll(id="form", can_focus=False):
                yield from self._fields()
            yield PlanPreview(id="preview")

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return ("jobs", "new job")

    def on_mount(self) -> None:
        """Show what the form would make as it stands."""
        super().on_mount()
        self._show_command()
        self._look_soon()

    def on_input_changed(self) -> None:
        """Look again once typing stops."""
        self._look_soon()

    def on_text_area_changed(self) -> None:
        """Look again once typing stops."""
        self._look_soon()

    def on_select_changed(self, event: Select.Changed) -> None:
        """Another source or worker has other settings; a command is asked for at once."""
        if event.select.id == "source":
            self.query_one(SourceForm).source = str(event.value)
        elif event.select.id == "worker":
            self._show_command()
            if self._worker == "command":
                self.call_after_refresh(self.query_one("#command", Input).focus)
        self._look_soon()

    def on_unmount(self) -> None:
        """Nobody waits for the items any more."""
        self._abandon()

    def on_input_submitted(self) -> None:
        """Enter goes to the next field."""
        self.focus_next()

    def action_next_prompt(self) -> None:
        """Show the next item's prompt."""
        self.query_one(PlanPreview).step()

    def action_create(self) -> None:
        """Write the job."""
        self._make(self.orchestrator.create_planned, self._created)

    def action_create_and_test(self) -> None:
        """Write the job, test its first unit, show its review."""
        self._make(self._create_and_test, self._tested)

    def action_approve_code(self) -> None:
        """Show the code that would run, if there is any that nobody has approved."""
        self._make(lambda plan: None, lambda _: self._look_now())

    def _make(self, make: Callable[[Plan], T], then: Callable[[T], None], sha256: str | None = None) -> None:
        """Make something of the plan, after a person has approved the code in it, if there is any."""
        form = self._form()

        def call() -> Approval | T:
            plan = self.orchestrator.plan(**form.arguments())
            if sha256 is not None:
                self.orchestrator.approve_source(plan, sha256)
            return self.orchestrator.missing_approval(plan) or make(plan)

        def go_on(made: Approval | T) -> None:
            if isinstance(made, Approval):
                self._ask(made, lambda: self._make(make, then, made.sha256))
            else:
                then(made)

        self.act(call, go_on)

    def _ask(self, wanted: Approval, then: Callable[[], None]) -> None:
        self.app.push_screen(ApproveCodeScreen(wanted), lambda sure: then() if sure else None)

    def _fields(self) -> ComposeResult:
        yield labelled("name", Input(id="name", compact=True, placeholder="a name for the job"))
        yield labelled(
            "intent", TextArea(id="intent", compact=True, tab_behavior="focus", highlight_cursor_line=False)
        )
        yield labelled(
            "source", Select(sources(), value="file", allow_blank=False, id="source", compact=True)
        )
        yield SourceForm()
        yield labelled(
            "worker", Select(WORKERS, value="claude", allow_blank=False, id="worker", compact=True)
        )
        yield labelled("command", Input(id="command", compact=True, placeholder="wc -w {file_path}"))
        yield labelled(
            "at a time",
            Input(str(self.orchestrator.settings.max_workers), id="workers", compact=True, type="integer"),
        )

    def _show_command(self) -> None:
        self.query_one("#field-command").display = self._worker == "command"

    def _look_soon(self) -> None:
        if self._debounce is not None:
            self._debounce.stop()
        self._debounce = self.set_timer(DEBOUNCE_S, self._look_now)

    def _look_now(self) -> None:
        self._abandon()
        self._look_at(self._form())

    def _abandon(self) -> None:
        if self._looked_at is not None:
            self._looked_at.abandon()

    @work(thread=True, group="preview", exclusive=True, exit_on_error=False)
    def _look_at(self, form: NewJobForm) -> None:
        worker, shown = get_current_worker(), self.query_one(PlanPreview)

        def show(draw: Callable[[Any], None], what: object) -> None:
            if not worker.is_cancelled:
                self.app.call_from_thread(draw, what)

        try:
            preview = self._preview(form, worker, lambda seen: show(shown.show_looking, seen))
        except ApprovalNeeded as error:
            show(shown.show_problem, ApprovalNeeded(error.message, READ_IT))
        except AbpError as error:
            show(shown.show_problem, error)
        except _Abandoned:
            return
        else:
            show(shown.show_preview, preview)

    def _preview(self, form: NewJobForm, worker: Worker[None], tell: Callable[[int], None]) -> Preview:
        arguments = form.arguments()
        plan = self.orchestrator.plan(**{**arguments, "user_intent": form.intent or STAND_IN_INTENT})
        self._looked_at = plan.enumerator
        watched = _Watched(plan.enumerator, lambda: not worker.is_cancelled, tell)
        return self.orchestrator.preview(replace(plan, enumerator=cast("Enumerator[Any]", watched)), FIRST)

    def _create_and_test(self, plan: Plan) -> tuple[Job, AbpError | None]:
        job = self.orchestrator.create_planned(plan)
        try:
            return self.orchestrator.launch_test(job.id), None
        except AbpError as error:  # the job is there all the same
            return job, error

    def _created(self, job: Job) -> None:
        self.tell(f"{job.name} is made, with {counted(job.counters.total, 'unit')}; nothing runs yet")
        self.app.pop_screen()

    def _tested(self, made: tuple[Job, AbpError | None]) -> None:
        job, error = made
        if error is not None:
            self.notify(
                f"{job.name} is made, but its test did not start: {error}", severity="error", markup=False
            )
            self.app.pop_screen()
            return
        self.abp.open_review(job.id, instead=True)

    def _form(self) -> NewJobForm:
        names = ("name", "command", "workers")
        texts = {name: self.query_one(f"#{name}", Input).value.strip() for name in names}
        intent = self.query_one("#intent", TextArea).text.strip()
        source = self.query_one(SourceForm)
        return NewJobForm(
            **texts, intent=intent, source=source.source, settings=source.texts(), worker=self._worker
        )

    @property
    def _worker(self) -> str:
        return str(self.query_one("#worker", Select).value)


class _Abandoned(Exception):
    """The person typed on: nobody waits for this count any more."""


class _Watched:
    """An enumerator that stops in the middle once nobody waits for its items, and tells how far it is."""

    def __init__(
        self, inner: Enumerator[Any], wanted: Callable[[], bool], tell: Callable[[int], None]
    ) -> None:
        self._inner = inner
        self._wanted = wanted
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def items(self) -> Iterator[Item]:
        """The same items, as long as they are wanted."""
        for n, item in enumerate(self._inner.items(), 1):
            if not self._wanted():
                raise _Abandoned
            if n % TELL_EVERY == 0:
                self._tell(n)
            yield item
