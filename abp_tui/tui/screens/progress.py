"""A job at work: counts, workers, the map of all units, and every unit in a list."""

from __future__ import annotations

from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from abp_tui.domain.model import Cause, Job
from abp_tui.domain.status import JobStatus, Phase, UnitStatus
from abp_tui.feed import Focus, RunningUnit, Snapshot
from abp_tui.tui.commands import bindings
from abp_tui.tui.named_keys import key
from abp_tui.tui.screens.again import retry_unit
from abp_tui.tui.screens.attempt import free_path
from abp_tui.tui.screens.changing import change_settings, edit_prompt
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.screens.failures import FailuresScreen
from abp_tui.tui.screens.log import LogScreen
from abp_tui.tui.screens.steered import SteeredScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.figures import count, span
from abp_tui.tui.widgets.glyphs import DIM, WARN, job_mark
from abp_tui.tui.widgets.idle import idle_words
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.progress_head import ProgressHead
from abp_tui.tui.widgets.running_strip import RunningStrip, by_kind
from abp_tui.tui.widgets.tab_line import TabLine
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.top_bar import Parts
from abp_tui.tui.widgets.unit_list import UnitList
from abp_tui.tui.widgets.unit_map import UnitMap
from abp_tui.tui.widgets.unit_rows import UnitRows
from abp_tui.tui.widgets.work_line import WorkLine
from abp_tui.views import JobView

FILTERS = {
    "": "All",
    "processing": "Running",
    "failed": "Failed",
    "suspect": "Suspect",
    "completed": "Done",
    "pending": "Waiting",
}
MOST_ROWS, MOST_ROWS_SHORT = 9, 5
NEVER = (0, 0)  # failed and in doubt, when their causes were read


class ProgressScreen(SteeredScreen):
    """One job, whatever its state."""

    BINDINGS = bindings("progress")
    SCOPES = ("progress", "lists", "screen", "app")
    AUTO_FOCUS = "UnitList"
    DEFAULT_CSS = """
    ProgressScreen {
        #overview { height: 4; padding: 1 2 1 2; }
        UnitMap { width: 2fr; max-width: 45%; }
        RunningStrip { width: 3fr; padding-left: 3; }
        #units { height: 1fr; background: $surface; }
        #units TabLine { margin: 0 1; }
        #search { display: none; height: 1; margin: 0 1; }
        &.-searching #search { display: block; }
        #sought { width: 1fr; background: $background; }
        #found { width: auto; padding-left: 2; color: $foreground 70%; }
        UnitList { background: $surface; }
    }
    """

    def __init__(self, job_id: int) -> None:
        super().__init__(job_id)
        self._number = job_id
        self._failures_read = NEVER
        self._rows = 2
        self._versions: tuple[int, ...] = ()
        self._versions_read: Phase | JobStatus | None = None

    def body(self) -> ComposeResult:
        """Head, map and workers, units."""
        yield ProgressHead()
        with Horizontal(id="overview"):
            yield UnitMap()
            yield RunningStrip()
        with Vertical(id="units"):
            yield TabLine(id="filters")
            with Horizontal(id="search"):
                yield Input(placeholder="part of a name, an answer or an error", id="sought", compact=True)
                yield Static(id="found", markup=False)
            yield Static(id="titles", markup=False)
            yield UnitList(UnitRows(self.abp.repository.units, self._number))
        yield WorkLine()

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return (self.job.name if self.job else "", "progress")

    def state(self) -> Parts:
        """Its state, for how long, with how many workers."""
        job = self.job
        if job is None:
            return (("removed", DIM),)
        mark = job_mark(job)
        parts = [(str(mark), mark.style)]
        if job.started_at is not None:
            parts += [(f" {span(job.time_worked())}", DIM)]
        mixed = f" · prompts {', '.join(f'v{version}' for version in self._versions)}"
        return (
            *parts,
            (f" · {count(job.max_workers, 'worker')}", DIM),
            (mixed if len(self._versions) > 1 else "", WARN),
        )

    def take(self, snapshot: Snapshot) -> None:
        """Show the job as it is."""
        focus = snapshot.focus
        if self.job is None or focus is None or focus.job.id != self.job.id:
            return
        units = self.query_one(UnitList)
        units.set_total(focus.job.total_units, synthesis=focus.job.synthesis is not None)
        units.take(focus.changed)
        units.set_running(_at_work(focus))
        self._show_found()
        self._show_head(focus)
        self._show_filters(focus.job)
        failures = (focus.job.failed_units, focus.job.suspect_units)
        if failures != self._failures_read:
            self._failures_read = failures
            self._read_causes()
        state = self.job.phase or self.job.status
        if self.job.prompt_version > 1 and state != self._versions_read:
            self._versions_read = state
            self._read_versions()

    def tick(self) -> None:
        """Count the running units' seconds, and those until a usage limit is over."""
        if self.job is not None and self.job.phase is Phase.GATED:
            self.query_one(ProgressHead).refresh()
        strip = self.query_one(RunningStrip)
        if strip.running:
            strip.refresh()
            self.query_one(UnitList).set_running(strip.running)

    def on_screen_resume(self) -> None:
        """What changed while another screen was looked at is read anew."""
        self._failures_read = NEVER
        super().on_screen_resume()
        self.query_one(UnitList).take(None)

    def on_resize(self) -> None:
        """The columns follow the width."""
        self.call_after_refresh(self._show_titles)
        self.call_after_refresh(self._give_room)
        if self.job is not None:
            self._show_filters(self.job)

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Show on the map where the cursor is."""
        self.query_one(UnitMap).cursor = self.query_one(UnitList).seq or 0

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """A click on the unit under the cursor opens it."""
        self.action_open()

    def on_unit_map_pointed(self, message: UnitMap.Pointed) -> None:
        """A click on the map goes there in the list."""
        self.query_one(UnitList).go_to(message.seq)

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        """A filter was clicked."""
        self._filter(message.choice)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while typing."""
        self.query_one(UnitList).search(event.value)
        self._show_found()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep what was found and go to the list; of nothing, all units."""
        if event.value:
            self.query_one(UnitList).focus()
        else:
            self.action_back()

    def on_unit_list_searched(self, message: UnitList.Searched) -> None:
        """Say how many were found."""
        self._show_found()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a text is typed there is only a way back: all other keys are letters of it."""
        if isinstance(self.focused, Input):
            return action == "back"
        if action in ("export", "end_export"):
            return self.query_one(WorkLine).is_at_work is (action == "end_export")
        return super().check_action(action, parameters)

    def action_search(self) -> None:
        """Ask for a text that units hold."""
        self.add_class("-searching")
        self.query_one("#sought", Input).focus()
        self._show_found()

    def action_back(self) -> None:
        """Show all units again where only some are shown; else go back."""
        if self.has_class("-searching"):
            self.remove_class("-searching")
            self.query_one("#sought", Input).value = ""
            self.query_one(UnitList).focus()
        elif self.query_one("#filters", TabLine).taken:
            self._filter("")
        else:
            super().action_back()

    def action_open(self) -> None:
        """Open the unit under the cursor."""
        seq = self.query_one(UnitList).seq
        if seq is not None:
            self.app.push_screen(UnitScreen(self._number, seq))

    def action_tail(self) -> None:
        """Follow the unit under the cursor, or else the next one that runs."""
        units = self.query_one(UnitList)
        running = sorted(unit.seq for unit in self.query_one(RunningStrip).running)
        if not running:
            self.tell(f"no unit runs at this moment: {key('progress.open')} opens the one under the cursor")
            return
        here = units.seq or 0
        seq = next((seq for seq in running if seq >= here), running[0])
        units.go_to(seq)
        self.app.push_screen(UnitScreen(self._number, seq, tail=True))

    def action_cell(self, by: int) -> None:
        """To another cell of the map."""
        if self.job is not None:
            units = self.query_one(UnitList)
            seq = self.query_one(UnitMap).beside(units.seq or 0, by)
            units.go_to(max(0, min(seq, self.job.total_units - 1)))

    def action_map_row(self, by: int) -> None:
        """To another row of the map."""
        self.action_cell(by * self.query_one(UnitMap).cells_per_row)

    def action_test(self) -> None:
        """Test the unit under the cursor."""
        seq = self.query_one(UnitList).seq
        self.act(
            lambda: self.orchestrator.launch_test(self._number, seq), lambda job: self.go(self.action_review)
        )

    def action_review(self) -> None:
        """Open the test review."""
        self.abp.open_review(self._number, instead=True)

    def action_workers(self, by: int) -> None:
        """One worker more or less than the store knows of, however quickly the key is pressed."""

        def change() -> Job:
            workers = self.orchestrator.status(self._number).max_workers
            return self.orchestrator.set_workers(self._number, workers + by)

        def say(job: Job) -> None:
            self.tell(f"{job.name} works with {count(job.max_workers, 'worker')} from now on")

        self.act(change, say, in_turn=True)

    def action_cycle(self) -> None:
        """The next filter that shows anything."""
        names = [name for name, _ in self.query_one("#filters", TabLine).choices]
        taken = self.query_one("#filters", TabLine).taken
        for step in range(1, len(names) + 1):
            name = names[(names.index(taken) + step) % len(names)]
            if not name or self.job is None or getattr(self.job, f"{name}_units"):
                self._filter(name)
                return

    def action_retry_unit(self) -> None:
        """Run the unit under the cursor again; of one that is good, if a person is sure."""
        unit = self.query_one(UnitList).unit
        if unit is None or self.job is None:
            return
        if unit.status in (UnitStatus.PENDING, UnitStatus.PROCESSING):
            self.tell(f"unit {unit.seq} {'waits' if unit.status is UnitStatus.PENDING else 'runs'} already")
            return
        retry_unit(self, self.job, unit)

    def action_end_unit(self) -> None:
        """End the agent of the unit under the cursor, if a person is sure."""
        unit = self.query_one(UnitList).unit
        if unit is None:
            return
        seq = unit.seq
        if unit.status is not UnitStatus.PROCESSING:
            self.tell(f"no agent works on unit {seq}")
            return

        def end(sure: bool | None) -> None:
            if sure:
                words = f"unit {seq}: its agent is ended; {key('progress.retry_unit')} runs it again"
                self.act(lambda: self.orchestrator.end_unit(self._number, seq), lambda _: self.tell(words))

        detail = "The unit has failed then; what its agent cost so far is spent. The others go on."
        self.app.push_screen(ConfirmScreen(f"End the agent of unit {seq}?", detail), end)

    def action_failures(self) -> None:
        """Why units failed, cause by cause."""
        self.app.push_screen(FailuresScreen(self._number))

    def action_waive(self) -> None:
        """Run the synthesis without the items that failed."""
        self.act(lambda: self.orchestrator.waive(self._number), self.say("runs its synthesis"))

    def action_export(self) -> None:
        """Write the results to a file in the folder abp was started in."""
        job = self.job
        if job is None:
            return
        target = free_path(Path.cwd(), job.name, ".jsonl")
        self.query_one(WorkLine).begin(
            f"writing {target.name}",
            job.total_units,
            lambda told: self.orchestrator.export(self._number, target, told=told),
            lambda rows: self._exported(rows, target),
        )

    def action_end_export(self) -> None:
        """Write no more results."""
        self.query_one(WorkLine).end()

    def _exported(self, rows: int | None, target: Path) -> None:
        doubts = self.job.suspect_units if self.job else 0
        doubtful = f", {doubts:,} of them in doubt" if doubts else ""
        ended = "the export is ended: nothing is written"
        words = ended if rows is None else f"{count(rows, 'unit')} in {target}{doubtful}"
        self.notify(one_line(words), markup=False, timeout=8)

    def action_edit(self) -> None:
        """Edit the prompt: what has not run yet takes the new version."""
        if self.job:
            edit_prompt(self, self.job)

    def action_set(self) -> None:
        """Change timers or the worker's options."""
        if self.job:
            change_settings(self, self.job)

    def action_versions(self) -> None:
        """What the recipe was before."""
        self.abp.open_versions(self._number)

    def action_log(self) -> None:
        """What happened to this job."""
        self.app.push_screen(LogScreen(self._number))

    def action_stop(self) -> None:
        """End the running agents, if a person is sure."""
        job = self.job
        if job is None:
            return

        def stop(sure: bool | None) -> None:
            if sure:
                self.act(
                    lambda: self.orchestrator.stop(self._number), self.say("stops: its agents are ended")
                )

        running = count(job.processing_units, "running agent")
        detail = f"{running} will be ended; what they cost so far is spent. Their units wait again."
        self.app.push_screen(ConfirmScreen(f"Stop {one_line(job.name)} now?", detail), stop)

    def _filter(self, name: str) -> None:
        self.query_one("#filters", TabLine).taken = name
        self.query_one(UnitList).filter(name)

    def _show_found(self) -> None:
        if not self.has_class("-searching"):
            return
        units = self.query_one(UnitList)
        words = ""
        if self.query_one("#sought", Input).value:
            found = f"{units.line_count:,} found" if units.rows.text else "searching"
            words = found if units.searched >= 1 else f"{found}, {units.searched:.0%} searched"
        self.query_one("#found", Static).update(words)

    def _show_head(self, focus: Focus) -> None:
        head = self.query_one(ProgressHead)
        head.job, head.pace = focus.job, focus.pace
        cells = self.query_one(UnitMap)
        cells.buckets, cells.units_per_bucket = focus.buckets, focus.bucket_width
        strip = self.query_one(RunningStrip)
        strip.running, strip.quiet = _at_work(focus), idle_words(focus.job)
        self.call_after_refresh(self._give_room)

    def _give_room(self) -> None:
        """Let map and workers have the lines they need, and the list the rest; they only grow."""
        wanted = max(self.query_one(UnitMap).wanted_height, self.query_one(RunningStrip).wanted_height)
        overview = self.query_one("#overview")
        most = MOST_ROWS_SHORT if self.has_class("-short") else MOST_ROWS
        self._rows = max(self._rows, min(wanted, most)) if self._rows <= most else most
        if overview.styles.height is None or overview.styles.height.value != self._rows + 2:
            overview.styles.height = self._rows + 2

    def _show_filters(self, job: JobView) -> None:
        tabs = self.query_one("#filters", TabLine)
        shown = {name: job.total_units if not name else getattr(job, f"{name}_units") for name in FILTERS}
        whole = tuple((name, f"{FILTERS[name]} {shown[name]:,}") for name in FILTERS)
        fits = sum(len(label) + 2 for _, label in whole) <= self.size.width - 2
        tabs.choices = whole if fits else tuple(FILTERS.items())  # the head has the numbers, too
        self._show_titles()

    def _show_titles(self) -> None:
        self.query_one("#titles", Static).update(self.query_one(UnitList).titles(), layout=False)

    @work(thread=True, group="causes", exclusive=True, exit_on_error=False)
    def _read_causes(self) -> None:
        self.show_from_thread(self._show_causes, self.orchestrator.causes(self._number))

    @work(thread=True, group="made", exclusive=True, exit_on_error=False)
    def _read_versions(self) -> None:
        """Which versions of the prompt have made results: it takes a look at all of them."""
        made = self.abp.repository.attempts.results_by_version(self._number)
        self.show_from_thread(self._show_versions, tuple(made))

    def _show_versions(self, versions: tuple[int, ...]) -> None:
        self._versions = versions
        self._show_where()

    def _show_causes(self, causes: list[Cause]) -> None:
        self.query_one(RunningStrip).failures = by_kind(causes)
        self._give_room()


def _at_work(focus: Focus) -> tuple[RunningUnit, ...]:
    """The units that agents work on: what a dead executor has left is none of them."""
    return () if focus.job.phase is Phase.INTERRUPTED else focus.running
