"""All jobs, and what the highlighted one is."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from abp_tui.domain.status import JobStatus, Phase
from abp_tui.feed import Snapshot
from abp_tui.tui.commands import bindings
from abp_tui.tui.named_keys import key
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.screens.steered import SteeredScreen
from abp_tui.tui.widgets.figures import count, money
from abp_tui.tui.widgets.glyphs import DIM, LIMIT, PRIMARY, needs_person
from abp_tui.tui.widgets.job_list import JobList
from abp_tui.tui.widgets.job_panel import JobPanel
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.top_bar import Parts
from abp_tui.views import JobView


class JobsScreen(SteeredScreen):
    """The first screen."""

    BINDINGS = bindings("jobs")
    SCOPES = ("jobs", "lists", "app")
    AUTO_FOCUS = "JobList"
    DEFAULT_CSS = """
    JobsScreen {
        #jobs { width: 1fr; padding-top: 1; }
        JobPanel { width: 38; height: 100%; }
        &.-narrow JobPanel { display: none; }
        #empty { display: none; padding: 3 4; color: $foreground 70%; height: 1fr; }
        &.-empty #empty, &.-no-hit #empty { display: block; }
        &.-no-hit JobList { height: 0; }
        &.-empty JobList, &.-empty #titles, &.-empty JobPanel { display: none; }
        #filter { display: none; margin: 0 1; background: $surface; }
        &.-filtering #filter { display: block; }
    }
    """

    def __init__(self, start_job: str | None = None) -> None:
        super().__init__()
        self._start_job = start_job
        self._snapshot: Snapshot | None = None
        self._wanted = ""

    def point_at(self, job_id: int) -> None:
        """Put the cursor on this job as soon as it is there."""
        self._wanted = f"j{job_id}"

    def body(self) -> ComposeResult:
        """The list, the panel beside it, and a filter that shows when it is asked for."""
        with Horizontal():
            with Vertical(id="jobs"):
                yield Static(id="titles", markup=False)
                yield JobList()
                yield Static(id="empty", markup=False)
                yield Input(placeholder="part of a name", id="filter", compact=True)
            yield JobPanel()

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return ("jobs",)

    def state(self) -> Parts:
        """How many run, and what all of them cost."""
        jobs = self._snapshot.jobs if self._snapshot else ()
        running = sum(job.phase in (Phase.RUNNING, Phase.TESTING, Phase.PILOT) for job in jobs)
        spent = [job.cost_usd for job in jobs if job.cost_usd is not None]
        limited = sum(job.phase is Phase.GATED for job in jobs)
        parts: list[tuple[str, str]] = []
        if running:
            parts += [(f"{running} running", PRIMARY)]
        if limited:
            parts += [(" · ", DIM)] if parts else []
            parts += [(f"{limited} at a limit", LIMIT)]
        if shown := money(sum(spent), at_least=any(job.cost_is_floor for job in jobs)) if spent else "":
            parts += [(" · ", DIM)] if parts else []
            parts += [(shown, DIM)]
        return tuple(parts)

    def look(self) -> None:
        """Look at the highlighted job."""
        self.abp.feed.look_at(_number(self.job) if self.job else None)

    def take(self, snapshot: Snapshot) -> None:
        """Show the jobs as they are."""
        first, self._snapshot = self._snapshot is None, snapshot
        jobs = self.query_one(JobList)
        jobs.take(snapshot.jobs)
        if snapshot.focus:
            jobs.set_pace(snapshot.focus.job.id, snapshot.focus.pace)
        self.query_one("#titles", Static).update(jobs.titles(), layout=False)
        if first:
            self._begin(jobs, snapshot)
        if any(job.id == self._wanted for job in snapshot.jobs):
            jobs.put_cursor(self._wanted)
            self._wanted = ""
        self._show_highlighted()

    def tick(self) -> None:
        """Count down until the usage limits are over."""
        self.query_one(JobList).count_down()
        if self.job is not None and self.job.phase is Phase.GATED:
            self.query_one(JobPanel).refresh()

    def on_resize(self) -> None:
        """The columns follow the width."""
        self.call_after_refresh(
            lambda: self.query_one("#titles", Static).update(self.query_one(JobList).titles(), layout=False)
        )

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Show the job under the cursor, and have the feed look at it."""
        self._show_highlighted()
        self.look()

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """A click on the highlighted job opens it."""
        self.action_open()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self.query_one(JobList).filter(event.value)
        self._show_highlighted()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go to the list."""
        self.query_one(JobList).focus()

    def action_new(self) -> None:
        """Make a job."""
        from abp_tui.tui.screens.new_job import NewJobScreen  # when it is opened, as all screens but this one

        self.app.push_screen(NewJobScreen())

    def action_open(self) -> None:
        """Open the review where a test runs or waits, else the progress."""
        if self.job is not None:
            self._open(self.job)

    def action_test(self) -> None:
        """Test one unit and show it; where a test is there already, show that. A held job is read first."""
        job = self.job
        if job is None:
            return
        if job.phase is Phase.HELD:
            self._ask_to_allow(job)
            return
        if job.status is JobStatus.TESTING and job.phase is not Phase.INTERRUPTED:
            self._open(job)
            return
        self.act(
            lambda: self.orchestrator.launch_test(job.id),
            lambda tested: self.go(lambda: self.abp.open_review(tested.id)),
        )

    def _ask_to_allow(self, job: JobView) -> None:
        from abp_tui.tui.screens.allow import ask_to_allow

        def allow() -> None:
            self.act(lambda: self.orchestrator.approve(job.id), self.say("may be tested now"))

        ask_to_allow(self.app, job, allow)

    def action_remove(self) -> None:
        """Remove a job, if a person is sure."""
        job = self.job
        if job is None:
            return

        def remove(sure: bool | None) -> None:
            if sure:
                self.act(lambda: self.orchestrator.remove(job.id), self.say("is removed"))

        question = f"Remove {one_line(job.name)} with all its results?"
        detail = (
            f"{count(job.ended_units, 'result')} and all conversations are deleted. This can't be undone."
        )
        self.app.push_screen(ConfirmScreen(question, detail), remove)

    def action_filter(self) -> None:
        """Ask for a part of a name."""
        self.add_class("-filtering")
        self.refresh_bindings()
        self.query_one("#filter", Input).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to go back to but all jobs, from those that a filter left."""
        if action == "back":
            return self.has_class("-filtering")
        if action == "open":
            return self.job is not None
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """Show all jobs again."""
        self.remove_class("-filtering")
        self.query_one("#filter", Input).value = ""
        self.refresh_bindings()
        self.query_one(JobList).focus()

    def _begin(self, jobs: JobList, snapshot: Snapshot) -> None:
        """Start on the job that was named, else the first that needs a person, else the first at work."""
        named = next((j for j in snapshot.jobs if self._start_job in (j.id, j.id[1:], j.name)), None)
        waits = next((job for job in snapshot.jobs if needs_person(job)), None)
        first = named or waits or next((job for job in snapshot.jobs if job.executor), None)
        if first:
            jobs.put_cursor(first.id)
        if named:
            self._open(named)

    def _show_highlighted(self) -> None:
        self.job = self.query_one(JobList).job
        jobs = self._snapshot.jobs if self._snapshot else ()
        self.set_class(not jobs, "-empty")
        self.set_class(bool(jobs) and self.job is None, "-no-hit")
        self.query_one("#empty", Static).update(_why_empty(bool(jobs)), layout=False)
        panel = self.query_one(JobPanel)
        panel.job = self.job
        focus = self._snapshot.focus if self._snapshot else None
        if focus and self.job and focus.job.id == self.job.id:
            panel.pace = focus.pace
        self.refresh_bindings()

    def _open(self, job: JobView) -> None:
        if job.status is JobStatus.TESTING:
            self.abp.open_review(_number(job))
        else:
            self.abp.open_progress(_number(job))


def _why_empty(filtered: bool) -> str:
    if filtered:
        return f"No job is called so.\n\n{key('screen.back')} shows all jobs."
    first = f"{key('jobs.new')} makes your first job: say what is to be done, and with which files."
    return f"No jobs yet.\n\n{first}\n`abp demo` makes one to try out: no key, no network."


def _number(job: JobView) -> int:
    return int(job.id[1:])
