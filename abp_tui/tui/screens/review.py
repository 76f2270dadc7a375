"""The test review: watch one unit run, judge it, decide about all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal

from abp_tui.domain.model import Job, TestResult
from abp_tui.domain.status import JobStatus, Mark, Phase
from abp_tui.errors import AbpError
from abp_tui.feed import Focus, RunningUnit, Snapshot
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.ask_pilot import run_pilot
from abp_tui.tui.screens.attempt import AttemptScreen
from abp_tui.tui.screens.deciding import approve, reject
from abp_tui.tui.screens.draft import prompt_of
from abp_tui.tui.screens.edit_prompt import EditPromptScreen
from abp_tui.tui.screens.permit import PermitScreen
from abp_tui.tui.screens.pilot import PilotScreen
from abp_tui.tui.widgets.approve_panel import ApprovePanel, is_outdated
from abp_tui.tui.widgets.attempt_view import AttemptView
from abp_tui.tui.widgets.figures import clock, count, money, since, span
from abp_tui.tui.widgets.glyphs import DIM, JOB_MARKS, PRIMARY, UNIT_MARKS
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.top_bar import Parts
from abp_tui.verbs.permits import Proposal
from abp_tui.views import JobView
from abp_tui.workers.base import Worker, make_worker

DECISIONS = {f"review.{name}" for name in ("approve", "reject", "edit", "permit", "other", "pilot", "cancel")}
VERDICTS = {
    None: ("cancelled", JOB_MARKS["paused"]),
    Mark.PASS: ("passed", UNIT_MARKS["completed"]),
    Mark.DOUBTFUL: ("in doubt", UNIT_MARKS["suspect"]),
    Mark.FAIL: ("failed", UNIT_MARKS["failed"]),
}
QUIET_S = 3  # seconds without a word, from which on it is said


class ReviewScreen(AttemptScreen):
    """One job's test, running or ended."""

    BINDINGS = bindings("review")
    SCOPES = ("review", "lists", "screen", "app")
    AUTO_FOCUS = "Conversation"
    DEFAULT_CSS = """
    ReviewScreen {
        AttemptView { width: 1fr; }
        ApprovePanel { width: 38; height: 100%; }
        &.-narrow Horizontal { layout: vertical; }
        &.-narrow AttemptView { width: 100%; height: 1fr; }
        &.-narrow ApprovePanel { width: 100%; height: auto; max-height: 8; padding: 0 2; }
    }
    """

    def __init__(self, job_id: int) -> None:
        super().__init__(job_id)
        self._under_test: RunningUnit | None = None
        self._result: TestResult | None = None
        self._seen: tuple[Phase | None, JobStatus] | None = None
        self._attempt_id: int | None = None
        self._worker: Worker[Any] | None = None
        self._cost: float | None = None
        self._permitted_by: int | None = None  # the version whose permissions are shown

    def body(self) -> ComposeResult:
        """What happened on the left, what approving means on the right."""
        with Horizontal():
            yield AttemptView()
            yield ApprovePanel()

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        unit = self._result.unit.key if self._result else self._under_test.key if self._under_test else ""
        return (self.job.name if self.job else "", *([unit] if unit else []), "test review")

    def state(self) -> Parts:
        """How the test goes, or how it went."""
        if self.job is not None and self.job.question is not None:
            mark = JOB_MARKS["asks"]
            return ((f"{mark.sign} {mark.word}", mark.style),)
        if self._under_test is not None:
            return _going(self._under_test, self._cost)
        if self._result is not None:
            return _gone(self._result)
        return (("no test yet", DIM),)

    def look(self) -> None:
        """Look at the job and its test's events."""
        self.abp.feed.look_at(self.job_id, self._attempt_id)

    def take(self, snapshot: Snapshot) -> None:
        """Follow the test; once it has ended, read its result."""
        focus, job = snapshot.focus, self.job
        panel = self.query_one(ApprovePanel)
        panel.job, panel.keys = job, self._keys()
        if job is not None and job.prompt_version != self._permitted_by:
            self._permitted_by = job.prompt_version
            self._read_permissions(job)
        if focus is None or job is None or focus.job.id != job.id:
            return
        under_test = job.phase is Phase.TESTING
        self._under_test = focus.running[0] if under_test and focus.running else None
        if self._under_test is not None and self._follow(self._under_test.attempt_id):
            self.query_one(AttemptView).open("conversation", by_person=False)
        self._count_cost(focus)
        self.query_one(AttemptView).add(focus.attempt_id, focus.events)
        # A quick test may begin and end between two snapshots: its unit has changed all the same.
        if (job.phase, job.status) != self._seen or focus.changed != ():
            self._seen = (job.phase, job.status)
            if under_test:
                self._result = self.query_one(ApprovePanel).result = None
            self._read_result()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A rule can be made of what was denied."""
        if action == "permit" and not (self._result and self._result.denials):
            return False
        return super().check_action(action, parameters)

    def action_approve(self) -> None:
        """Let the batch run, and watch it."""
        approve(self, self._number)

    def action_reject(self) -> None:
        """Put what was tried back, and leave."""
        tried = self.job.ended_units if self.job else 1
        reject(self, self._number, lambda job: self._rejected(job, tried))

    def action_answer(self, number: int) -> None:
        """Answer what the agent asks with one of its options."""
        seen = self.job.question if self.job else None
        self.act(
            lambda: self.orchestrator.answer(self._number, str(number), seen=seen),
            lambda question: self.tell(f"answered: {question.answer}"),
        )

    def action_cancel(self) -> None:
        """End the running test."""
        number = self._number
        self.act(
            lambda: self.orchestrator.cancel_test(number), self.say("ends its test; the unit waits again")
        )

    def action_other(self) -> None:
        """Test the next unit that waits."""
        after = self._result.unit.seq if self._result else -1
        self.act(lambda: self._test_next(after), self._retested)

    def action_units(self) -> None:
        """All units: t there tests the one under the cursor."""
        self.abp.open_progress(self._number, instead=True)

    def action_pilot(self) -> None:
        """Look at the pilot there is, or run one."""
        if self.job is None:
            return
        if self.job.pilot_id is not None:
            self.app.push_screen(PilotScreen(self._number))
            return

        run_pilot(self, self.job, lambda job: self.go(lambda: self.app.push_screen(PilotScreen(job.id))))

    def action_versions(self) -> None:
        """What the recipe was before."""
        self.abp.open_versions(self._number)

    def action_edit(self) -> None:
        """Edit the prompt, save it as a new version, test the same unit with it."""
        job, result = self.job, self._result
        if job is None:
            return
        seq = result.unit.seq if result else None
        fields = tuple(result.unit.payload) if result else ()

        def save(text: str | None) -> None:
            if text is None:
                return
            if text == job.prompt_template and not is_outdated(job, result):
                self.tell("the prompt is as it was: nothing is tested")
                return
            self.act(lambda: self._save_and_test(text, job.prompt_version, seq), self._edited)

        self.app.push_screen(EditPromptScreen(job, fields), save)

    def action_permit(self) -> None:
        """Allow what the agent was denied, rule by rule, and test the same unit again."""
        self.act(lambda: self.orchestrator.proposed_rules(self._number), self._permit)

    def _permit(self, proposals: tuple[Proposal, ...]) -> None:
        job, result = self.job, self._result
        if not proposals or job is None or result is None:
            self.tell("nothing was denied that a rule could allow")
            return

        def save(rules: tuple[str, ...] | None) -> None:
            if rules:
                seq, version = result.unit.seq, job.prompt_version
                self.act(lambda: self._permit_and_test(rules, version, seq), self._retested)

        self.app.push_screen(PermitScreen(proposals), save)

    # In threads

    def _permit_and_test(self, rules: tuple[str, ...], version: int, seq: int) -> tuple[Job, str]:
        self.orchestrator.permit(self._number, rules, based_on=version)
        return self._test(seq)

    def _save_and_test(self, text: str, version: int, seq: int | None) -> tuple[Job, str]:
        self.orchestrator.set_prompt(self._number, text, based_on=version)
        return self._test(seq)

    def _test(self, seq: int | None) -> tuple[Job, str]:
        given_up = self.orchestrator.given_up_by_test(self._number, seq)
        return self.orchestrator.launch_test(self._number, seq), given_up

    def _test_next(self, after: int) -> tuple[Job, str]:
        given_up = self.orchestrator.given_up_by_test(self._number)
        return self.orchestrator.launch_next_test(self._number, after), given_up

    @work(thread=True, group="result", exclusive=True, exit_on_error=False)
    def _read_result(self) -> None:
        result = self.orchestrator.test_result(self._number)
        self.show_from_thread(self._show_result, result)

    @work(thread=True, group="permissions", exit_on_error=False)
    def _read_permissions(self, job: JobView) -> None:
        worker: Worker[Any] | None = None
        try:
            worker = make_worker(job.worker, job.worker_options)
            words = tuple(worker.permissions())
        except AbpError as error:
            words = (f"not known here: {error.message}",)
        self.show_from_thread(self._show_permissions, job.prompt_version, words, worker)

    # Back on the app's own thread

    def _show_permissions(self, version: int, words: tuple[str, ...], worker: Worker[Any] | None) -> None:
        if version == self._permitted_by:  # else a newer one is being read
            self.query_one(ApprovePanel).permissions = words
            self._worker = worker

    def _show_result(self, result: TestResult | None) -> None:
        if result is None or result.attempt.outcome is None:
            return
        if self._under_test is not None and self._under_test.attempt_id != result.attempt.id:
            return  # it was read before the test that runs now had begun
        view = self.query_one(AttemptView)
        self._follow(result.attempt.id)
        view.show(result.attempt, result.unit)
        view.add(result.attempt.id, result.events)
        if self.job is not None and self.job.phase is not Phase.TESTING:
            self._result = self.query_one(ApprovePanel).result = result
            view.open("output", by_person=False)
            self._show_where()
            self.query_one(ApprovePanel).keys = self._keys()
            self.refresh_bindings()

    def _follow(self, attempt_id: int) -> bool:
        if not self.query_one(AttemptView).follow(attempt_id):
            return False
        self._attempt_id, self._cost = attempt_id, None
        self.look()
        return True

    def _rejected(self, job: Job, tried: int) -> None:
        wait = "its unit waits again" if tried == 1 else f"its {count(tried, 'unit')} wait again"
        self.tell(f"{job.name} is rejected: nothing runs, {wait}")
        self.go(self.app.pop_screen)

    def _edited(self, done: tuple[Job, str]) -> None:
        self.abp.drafts.pop(prompt_of(f"j{done[0].id}"), None)
        self._retested(done)

    def _retested(self, done: tuple[Job, str]) -> None:
        job, given_up = done
        if self.is_attached:
            self.query_one(AttemptView).show_live()
        tests = f"{job.name}: testing with prompt version {job.recipe.version}"
        self.tell(f"{tests}. {given_up}" if given_up else tests)

    def _count_cost(self, focus: Focus) -> None:
        if self._worker is not None and focus.attempt_id == self._attempt_id:
            told = [cost for event in focus.events if (cost := self._worker.cost_at(event)) is not None]
            self._cost = told[-1] if told else self._cost

    def _keys(self) -> tuple[tuple[str, str], ...]:
        """What can be decided now, by which key, in a line each."""
        return self.keys_of("review", DECISIONS)

    @property
    def _number(self) -> int:
        assert self.job_id is not None, "a review is of a job"
        return self.job_id


def _going(running: RunningUnit, cost: float | None) -> Parts:
    now = datetime.now(UTC)
    last = running.last.at if running.last and running.last.at else running.started_at
    idle = since(last, now)
    parts = ((f"● testing {clock(since(running.started_at, now))}", PRIMARY),)
    details = [f"idle {span(idle)}" if idle >= QUIET_S else "", f"{money(cost)} so far" if cost else ""]
    return (*parts, *((f" · {detail}", DIM) for detail in details if detail))


def _gone(result: TestResult) -> Parts:
    word, mark = VERDICTS[result.came_to]
    seconds, turns = result.attempt.duration_s, result.attempt.usage.turns
    details = [f"in {span(seconds)}" if seconds is not None else "", money(result.cost_usd)]
    details += [count(turns, "turn") if turns else "", "put back" if result.is_put_back else ""]
    return ((f"{mark.sign} {word} ", mark.style), (one_line(" · ".join(d for d in details if d)), DIM))
