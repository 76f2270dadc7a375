"""A new job: say what, with which items, by whom; see what comes of it before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widgets import Input, Select, TextArea

from abp_tui.creation import Plan
from abp_tui.domain.model import Job
from abp_tui.enumerators.base import Approval
from abp_tui.errors import AbpError
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.approve_code import ApproveCodeScreen
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.draft import NEW_JOB, DraftLine, Fields, fill
from abp_tui.tui.screens.new_job_form import EDITS, READS, NewJobForm
from abp_tui.tui.screens.new_job_look import Look, Unapproved, Unwanted
from abp_tui.tui.screens.new_job_preview import NewJobPreview
from abp_tui.tui.widgets.agent_line import AgentLine, first_worker, workers
from abp_tui.tui.widgets.checks_field import ChecksField
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.source_form import SourceForm, labelled, sources, text_field
from abp_tui.words import counted
from abp_tui.workers.base import runs_any_program

T = TypeVar("T")
DEBOUNCE_S = 0.3
PERMISSIONS = (("only read", READS), ("read, and edit files in its folder", EDITS))


class NewJobScreen(AbpScreen):
    """Nothing is written until it is asked for."""

    BINDINGS = bindings("new", "screen")  # escape ends a preview while one runs, else it goes back
    SCOPES = ("new", "screen", "app")
    AUTO_FOCUS = "#name"
    DEFAULT_CSS = """
    NewJobScreen {
        #form { width: 1fr; padding: 1 2; }
        .field { height: auto; margin-bottom: 1; }
        SourceForm { height: auto; }
        .field Label { width: 17; color: $foreground 55%; }
        Input, TextArea { width: 1fr; background: $surface; }
        TextArea { height: 4; padding: 0; }
        SourceForm TextArea { height: auto; min-height: 4; max-height: 16; }
        Select { width: 1fr; }
        Input:focus, TextArea:focus, Select:focus > SelectCurrent { background: $primary 25%; }
        Select:focus > SelectCurrent #label { text-style: underline; }
        SelectOverlay { border: round $primary; background: $panel; }
        #preview { width: 1fr; background: $surface; padding: 1 2; }
        &.-narrow #sides { layout: vertical; }
        &.-narrow #form { width: 100%; height: auto; max-height: 50%; padding: 0 2; }
        &.-narrow .field { margin-bottom: 0; }
        &.-narrow TextArea { height: 2; }
        &.-narrow SourceForm TextArea { height: auto; min-height: 2; max-height: 6; }
        &.-narrow #preview { width: 100%; height: 1fr; padding: 0 2; }
    }
    """
    is_form = True

    def __init__(self) -> None:
        super().__init__()
        self._debounce: Timer | None = None

    def body(self) -> ComposeResult:
        """The form, and what it would make."""
        with Horizontal(id="sides"):
            with VerticalScroll(id="form", can_focus=False):
                yield DraftLine(NEW_JOB, "what you typed", "empties the form", "new.swap", self._fill)
                yield from self._fields()
            yield NewJobPreview(id="preview")

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return ("jobs", "new job")

    def on_mount(self) -> None:
        """Show what the form would make as it stands."""
        super().on_mount()
        self._show_worker()
        self._settle_soon()

    def on_input_changed(self) -> None:
        """Look again once typing stops."""
        self._settle_soon()

    def on_text_area_changed(self) -> None:
        """Look again once typing stops."""
        self._settle_soon()

    async def on_select_changed(self, event: Select.Changed) -> None:
        """Another source or worker has other settings; a command is asked for at once."""
        if event.select.id == "source":
            await self.query_one(SourceForm).choose(self._source)  # keys behind it find its fields
        elif event.select.id == "worker":
            self._show_worker()
            if runs_any_program(self._worker):
                self.query_one("#command", Input).focus()
        self._settle_soon()

    def tick(self) -> None:
        """Show how far a preview is."""
        self._preview.tick()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A preview can be ended while one runs."""
        if action == "stop_preview":
            return self._preview.is_at_work
        if action == "swap":
            return self.query_one(DraftLine).is_needed
        return super().check_action(action, parameters)

    async def action_swap(self) -> None:
        """From what was typed before to an empty form, and back."""
        await self.query_one(DraftLine).swap()

    def action_back(self) -> None:
        """Keep what was typed, and go back."""
        self.query_one(DraftLine).keep()
        super().action_back()

    def on_input_submitted(self) -> None:
        """Enter goes to the next field."""
        self.focus_next()

    def action_next_prompt(self) -> None:
        """Show the next item's prompt."""
        self._preview.step()

    def action_create(self) -> None:
        """Write the job."""
        if self._is_filled_in():
            self._make(self.orchestrator.create_planned, self._created)

    def action_create_and_test(self) -> None:
        """Write the job, test its first unit, show its review."""
        if self._is_filled_in():
            self._make(self._create_and_test, self._tested)

    def action_run_preview(self) -> None:
        """Look at the items now; code in their source is shown first, if nobody has approved it."""
        self._preview.run(self._form())

    def action_stop_preview(self) -> None:
        """End the preview that runs."""
        self._preview.stop()

    def _is_filled_in(self) -> bool:
        """Whether it has what every job needs; else a person is taken to the field that is empty."""
        name, intent = self.query_one("#name", Input), self.query_one("#intent", TextArea)
        for field, text in ((name, name.value), (intent, intent.text)):
            if not text.strip():
                field.focus()
                self.tell(f"the job still needs its {field.id}")
                return False
        return True

    def _make(self, make: Callable[[Plan], T], then: Callable[[T], None], sha256: str | None = None) -> None:
        """Make something of the plan, after a person has approved the code in it, if there is any."""
        look, preview = Look(self._form(), making=True, approved=sha256), self._preview
        drafts = self.abp.drafts

        def call() -> T | Unapproved | Unwanted:
            try:
                made = look.run(self.orchestrator, make)
                drafts.pop(NEW_JOB, None)
                return made
            except (Unapproved, Unwanted) as otherwise:
                return otherwise
            finally:
                self.show_from_thread(preview.attended, look)

        def go_on(made: T | Unapproved | Unwanted) -> None:
            if isinstance(made, Unapproved):
                self._ask(made.wanted, lambda: self._make(make, then, made.wanted.sha256))
            elif isinstance(made, Unwanted):
                self.tell(f"ended after {count(look.seen, 'item')}: no job was made")
            elif self.is_attached:
                then(made)

        if not preview.is_making:
            preview.attend(look)
        self.act(call, go_on)  # which refuses while another one is being made

    def _ask(self, wanted: Approval, then: Callable[[], None]) -> None:
        self.app.push_screen(ApproveCodeScreen(wanted), lambda sure: then() if sure else None)

    def _fields(self) -> ComposeResult:
        yield labelled("name", Input(id="name", compact=True, placeholder="a name for the job"))
        yield labelled("intent", text_field("intent"))
        yield labelled(
            "source", Select(sources(), value="file", allow_blank=False, id="source", compact=True)
        )
        yield SourceForm()
        yield labelled(
            "worker", Select(workers(), value=first_worker(), allow_blank=False, id="worker", compact=True)
        )
        yield AgentLine()
        yield labelled(
            "it may", Select(PERMISSIONS, value=READS, allow_blank=False, id="permission", compact=True)
        )
        yield labelled("command", Input(id="command", compact=True, placeholder="wc -w {file_path}"))
        yield labelled("options", Input(id="options", compact=True, placeholder="its own: NAME=VALUE ..."))
        yield labelled(
            "at a time",
            Input(str(self.orchestrator.settings.max_workers), id="workers", compact=True, type="integer"),
        )
        yield labelled("budget", Input(id="budget", compact=True, placeholder="in USD; nothing: no limit"))
        yield labelled(
            "schema", Input(id="schema", compact=True, placeholder="a JSON file that each result must fit")
        )
        yield ChecksField()

    async def _fill(self, fields: Fields) -> None:
        """Have these fields; those of another source are made first."""
        await self.query_one(SourceForm).choose(str(fields["source"]))
        with self.prevent(Select.Changed):
            fill(self, fields)
        self._show_worker()
        self._settle_soon()

    def _show_worker(self) -> None:
        """The fields of this worker, and whether it is here."""
        self.query_one("#field-command").display = runs_any_program(self._worker)
        self.query_one("#field-permission").display = self._worker == "claude"
        self.query_one(AgentLine).ask(self._worker)

    def _settle_soon(self) -> None:
        if self._debounce is not None:
            self._debounce.stop()
        self._debounce = self.set_timer(DEBOUNCE_S, self._settle)

    def _settle(self) -> None:
        if self in self.app.screen_stack:  # once it is left, its fields go one by one
            form = self._form()
            self.query_one(ChecksField).say(form.checks_problem())
            self._preview.follow(form)

    @property
    def _preview(self) -> NewJobPreview:
        return self.query_one(NewJobPreview)

    def _create_and_test(self, plan: Plan) -> tuple[Job, AbpError | None]:
        job = self.orchestrator.create_planned(plan)
        try:
            return self.orchestrator.launch_test(job.id), None
        except AbpError as error:  # the job is there all the same
            return job, error

    def _created(self, job: Job) -> None:
        self.abp.point_at(job.id)
        self.tell(f"{job.name} is made, with {counted(job.counters.total, 'unit')}; nothing runs yet")
        self.app.pop_screen()

    def _tested(self, made: tuple[Job, AbpError | None]) -> None:
        job, error = made
        self.abp.point_at(job.id)
        if error is not None:
            self.abp.tell_of(error, f"{job.name} is made, but its test did not start: ")
            self.app.pop_screen()
            return
        self.abp.open_review(job.id, instead=True)

    def _form(self) -> NewJobForm:
        names = ("name", "command", "options", "workers", "budget", "schema")
        texts = {name: self.query_one(f"#{name}", Input).value.strip() for name in names}
        intent = self.query_one("#intent", TextArea).text.strip()
        source = self.query_one(SourceForm)
        return NewJobForm(
            **texts,
            intent=intent,
            checks=self.query_one(ChecksField).text,
            source=source.source,
            settings=source.texts(),
            worker=self._worker,
            permission=str(self.query_one("#permission", Select).value),
        )

    @property
    def _source(self) -> str:
        """As it is by now: what a select tells of may be over."""
        return str(self.query_one("#source", Select).value)

    @property
    def _worker(self) -> str:
        return str(self.query_one("#worker", Select).value)
