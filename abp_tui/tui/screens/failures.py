"""Why units of a job failed or are in doubt, cause by cause, and running one cause's units again."""

from __future__ import annotations

from functools import partial

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static
from textual.worker import Worker

from abp_tui.domain.model import Cause, Job
from abp_tui.feed import Snapshot
from abp_tui.tui.commands import bindings
from abp_tui.tui.named_keys import key
from abp_tui.tui.screens.again import retry_all, run_again
from abp_tui.tui.screens.ask_text import AskTextScreen
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.changing import change_settings, edit_prompt, saved
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.screens.copying import copy
from abp_tui.tui.screens.nudge import NUDGE, Nudge, NudgeScreen
from abp_tui.tui.screens.permit import PermitScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.cause_list import CauseList, kind_of, style_of
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.glyphs import BAD, DIM, GOOD
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.top_bar import Parts
from abp_tui.tui.widgets.wrapped import TextView
from abp_tui.verbs.permits import Proposal
from abp_tui.views import JobView

RULE_DETAIL = "Nothing was denied that a rule could be made of. In the worker's own form: Bash(git log *)"


class FailuresScreen(AbpScreen):
    """The causes in a list; beside it, what the first unit of the one under the cursor says."""

    BINDINGS = bindings("failures")
    SCOPES = ("failures", "lists", "screen", "app")
    AUTO_FOCUS = "CauseList"
    DEFAULT_CSS = """
    FailuresScreen {
        #causes { height: 2fr; padding-top: 1; }
        #empty { display: none; padding: 3 4; color: $foreground 70%; height: 1fr; }
        #error { height: 1fr; padding: 1 2; background: $surface; }
        &.-empty #empty { display: block; }
        &.-empty CauseList, &.-empty #titles, &.-empty #error { display: none; }
    }
    """

    def __init__(self, job_id: int) -> None:
        super().__init__(job_id)
        self._number = job_id
        self._nudge = NUDGE
        self._reader: Worker[None] | None = None
        self._outdated = False

    def body(self) -> ComposeResult:
        """The causes, and the text of one."""
        with Vertical(id="causes"):
            yield Static(id="titles", markup=False)
            yield CauseList()
            yield Static(
                f"No unit has failed or is in doubt. {key('screen.back')} goes back.",
                id="empty",
                markup=False,
            )
        yield TextView(id="error")

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return (self.job.name if self.job else "", "failures")

    def state(self) -> Parts:
        """How many units it is about."""
        if self.job is None:
            return (("removed", DIM),)
        failed, doubts = self.job.failed_units, self.job.suspect_units
        again = sum(cause.units for cause in self.query_one(CauseList).causes if cause.runs_again)
        return (
            (f"{failed:,} failed", BAD if failed else GOOD),
            (f" · {doubts:,} in doubt", DIM),
            (f" · {again:,} run again" if again else "", DIM),
        )

    def take(self, snapshot: Snapshot) -> None:
        """Group anew where units have changed: one may fail again for another reason."""
        focus = snapshot.focus
        if focus is not None and focus.job.id == f"j{self._number}" and focus.changed != ():
            self._read_anew()

    def on_screen_resume(self) -> None:
        """What changed while another screen was looked at is read anew."""
        super().on_screen_resume()
        self._read_anew()

    def on_resize(self) -> None:
        """The columns follow the width."""
        self.call_after_refresh(self._show_titles)

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Show what the cause under the cursor is."""
        cause = self.query_one(CauseList).cause
        self.query_one("#error", TextView).show(*(_told(cause) if cause else ()))

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """A click on the cause under the cursor opens its first unit."""
        self.action_open()

    def _mendable(self) -> Cause | None:
        """The cause under the cursor, if something can be done about it now."""
        cause = self.query_one(CauseList).cause
        if cause is None or not cause.runs_again:
            return cause
        self.tell(f"{count(cause.units, 'unit')} of this cause run again: {key('failures.open')} shows one")
        return None

    def action_open(self) -> None:
        """Open the first unit of the cause."""
        if cause := self.query_one(CauseList).cause:
            self.app.push_screen(UnitScreen(self._number, cause.first_seq))

    def action_copy(self) -> None:
        """Copy what the cause under the cursor is."""
        cause = self.query_one(CauseList).cause
        copy(self, "\n".join(text for text, _ in _told(cause)) if cause else "")

    def action_retry_cause(self) -> None:
        """Run the units of the cause under the cursor again."""
        cause, job = self._mendable(), self.job
        if cause and job:
            call = partial(self.orchestrator.retry_cause, self._number, cause.fingerprint)
            run_again(self, job, count(cause.units, "unit"), call)

    def action_retry(self) -> None:
        """Run all failed and suspect units again."""
        if job := self.job:
            retry_all(self, job)

    def action_try_first(self) -> None:
        """Run the first unit of the cause again, and look at it."""
        if cause := self._mendable():
            call = partial(self.orchestrator.try_first, self._number, cause.fingerprint)
            self.act(call, self._open_tried)

    def action_nudge(self) -> None:
        """Go on with the sessions of the cause, or first with one of them, with the words of a person."""
        cause, job = self._mendable(), self.job
        if cause and job:

            def said(nudge: Nudge | None) -> None:
                if nudge is not None:
                    self._nudge = nudge.words
                    self._run_nudged(job, cause, nudge)

            self.app.push_screen(NudgeScreen(self._nudge), said)

    def _run_nudged(self, job: JobView, cause: Cause, nudge: Nudge) -> None:
        verbs, to = self.orchestrator, (self._number, cause.fingerprint)
        if nudge.one_first:
            self.act(partial(verbs.try_first, *to, nudge=nudge.words), self._open_tried)
        else:
            call = partial(verbs.retry_cause, *to, nudge=nudge.words)
            run_again(self, job, count(cause.units, "unit"), call)

    def _open_tried(self, tried: tuple[Job, int]) -> None:
        self.go(lambda: self.app.push_screen(UnitScreen(self._number, tried[1])))

    def action_accept(self) -> None:
        """Count the units of the cause as good, once a person is sure."""
        cause = self._mendable()
        if cause is None:
            return
        if cause.failed:
            self.tell("what has failed can't be accepted, only what is in doubt")
            return

        def go_on(sure: bool | None) -> None:
            if sure:
                words = self.say(f"counts {count(cause.units, 'more unit')} as good")
                self.act(lambda: self.orchestrator.accept_cause(self._number, cause.fingerprint), words)

        question = f"Accept {count(cause.units, 'unit')} as good?"
        self.app.push_screen(ConfirmScreen(question, one_line(cause.error, 200)), go_on)

    def action_edit(self) -> None:
        """Edit the prompt; the units that are run again take the new version."""
        if self.job:
            edit_prompt(self, self.job, _again())

    def action_set(self) -> None:
        """Change timers or the worker's options; the units that are run again take the new version."""
        if self.job:
            change_settings(self, self.job, _again())

    def action_permit(self) -> None:
        """Allow what was denied, rule by rule, or a rule of one's own."""
        self.act(lambda: self.orchestrator.proposed_rules(self._number), self._permit)

    def _permit(self, proposals: tuple[Proposal, ...]) -> None:
        if not proposals:
            self._ask_rule()
            return

        def save(rules: tuple[str, ...] | None) -> None:
            if rules:
                self.act(lambda: self.orchestrator.permit(self._number, rules), saved(self, _again()))

        self.app.push_screen(PermitScreen(proposals), save)

    def _ask_rule(self, rule: str = "", wrong: str = "") -> None:
        def save(rule: str | None) -> None:
            if rule is not None:
                call = partial(self.orchestrator.permit, self._number, (rule,))
                self.act(call, saved(self, _again()), refused=self.ask_again(partial(self._ask_rule, rule)))

        self.app.push_screen(AskTextScreen("Allow by a rule", RULE_DETAIL, rule, wrong), save)

    def _read_anew(self) -> None:
        """One reading at a time, and one more of all that changes meanwhile: of many causes it takes long."""
        self._outdated = self._reader is not None and self._reader.is_running
        if not self._outdated:
            self._reader = self._read()

    @work(thread=True, group="causes", exit_on_error=False)
    def _read(self) -> None:
        verbs = self.orchestrator
        causes = [*verbs.causes(self._number), *verbs.causes_run_again(self._number)]
        self.show_from_thread(self._show, causes)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Read once more what has changed while it was read."""
        super().on_worker_state_changed(event)
        if event.worker is self._reader and event.worker.is_finished and self._outdated:
            self._read_anew()

    def _show(self, causes: list[Cause]) -> None:
        self.set_class(not causes, "-empty")
        self.query_one(CauseList).take(causes)
        self._show_titles()
        self._show_where()

    def _show_titles(self) -> None:
        self.query_one("#titles", Static).update(self.query_one(CauseList).titles(), layout=False)


def _told(cause: Cause) -> tuple[tuple[str, str], ...]:
    """A cause at length."""
    head = f"{count(cause.units, 'unit')} · {kind_of(cause)} · first: unit {cause.first_seq}"
    return (head, style_of(cause)), ("", ""), (cause.error or "it says nothing", "")


def _again() -> str:
    return f"{key('failures.retry_cause')} runs these again, {key('failures.try')} one first"
