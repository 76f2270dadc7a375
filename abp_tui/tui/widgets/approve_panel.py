"""What approving means: what is left, what it may cost, what the agents may do."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.domain.check import CHECK, IN_DOUBT, check_words
from abp_tui.domain.model import Event, EventKind, Question, TestResult
from abp_tui.domain.projection import Projection, project
from abp_tui.domain.statistics import share_at_most
from abp_tui.domain.status import JobStatus, Phase
from abp_tui.domain.status import Mark as Judged
from abp_tui.tui.named_keys import key
from abp_tui.tui.widgets.facts import Fact, facts, fitted, paragraph
from abp_tui.tui.widgets.figures import money, roughly, span
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, UNIT_MARKS, WARN, Mark
from abp_tui.tui.widgets.text import one_line
from abp_tui.views import JobView
from abp_tui.workers.base import is_warning

WIDE = 50  # cells: wider than a panel beside something
SHOWN = 4000  # characters of a change
LONG = ("retries", "folder")  # facts that only the full form has room for


class ApprovePanel(Widget):
    """Beside the review. `permissions` are the worker's own words; `keys` are keys with what they do now.

    What the agent asks comes first.
    """

    DEFAULT_CSS = """
    ApprovePanel { background: $surface; padding: 1 2; }
    """
    job: reactive[JobView | None] = reactive(None)
    result: reactive[TestResult | None] = reactive(None, layout=True)
    permissions: reactive[tuple[str, ...]] = reactive((), layout=True)
    keys: reactive[tuple[tuple[str, str], ...]] = reactive(())

    def render(self) -> Content:
        """In plain words, in ranges; what there is no room for is left out from the end, and said."""
        if self.job is None:
            return Content()
        width, height = self.content_size
        lines = self._lines(self.job, width)
        return fitted(lines, () if self.job.question else self.keys, width, height)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as the short form is, or the question."""
        if self.job is None:
            return 1
        if self.job.question is not None:
            return len(_question(self.job.question, width))
        return len(self._in_short(self.job, width))

    def watch_job(self, old: JobView | None, new: JobView | None) -> None:
        """A question takes another height, and so does a job that can be approved no more."""
        if old is None or new is None or _shape(old) != _shape(new):
            self.refresh(layout=True)

    def _lines(self, job: JobView, width: int) -> list[Content]:
        if job.question is not None:
            return _question(job.question, width)
        return self._in_short(job, width) if width > WIDE else self._in_full(job, width)

    def _in_full(self, job: JobView, width: int) -> list[Content]:
        note, is_offered = self._note(job, width), is_open(job, self.result)
        lines = [Content.styled("If you approve", BOLD), *facts(_rows(job, self.result), width)]
        lines = lines if is_offered else [*note]
        if checks := checks_told(job, self.result, width):
            lines += [Content(), Content.styled("Checks", BOLD), *checks]
        if denied := denied_told(job, self.result, width):
            lines += [Content(), *denied]
        if self.permissions:
            lines += [Content(), Content.styled("Each agent", BOLD)]
            lines += [line for words in self.permissions for line in _permission(words, width)]
        return [*lines, Content(), *note] if is_offered else lines

    def _in_short(self, job: JobView, width: int) -> list[Content]:
        """The same below the conversation, where there are few lines."""
        note, is_offered = self._note(job, width), is_open(job, self.result)
        rows = [(label, value) for label, value, *_ in _rows(job, self.result) if value]
        said = [f"{label} {value}" for label, value in rows if label not in LONG]
        lines = paragraph("If you approve: " + " · ".join(said), width, "") if is_offered else [*note]
        lines += [*checks_told(job, self.result, width), *denied_told(job, self.result, width)]
        calm = [words for words in self.permissions if not is_warning(words)]  # the others stand above
        if calm:
            lines += paragraph(f"Each agent {'; '.join(calm)}", width, "")
        return [*lines, *note] if is_offered else lines

    def _note(self, job: JobView, width: int) -> list[Content]:
        style = WARN if is_outdated(job, self.result) else DIM
        return paragraph(caution(job, self.result), width, style)


def is_open(job: JobView, result: TestResult | None) -> bool:
    """Whether a person can approve, or will be able to once the test has ended."""
    return job.phase in (Phase.TESTING, Phase.REVIEW) and not is_outdated(job, result)


def is_outdated(job: JobView, result: TestResult | None) -> bool:
    """Whether a test that waits for a decision ran with another version than would run now."""
    if result is None or job.phase is not Phase.REVIEW:
        return False
    return result.attempt.recipe_version != job.prompt_version


def checks_told(job: JobView, result: TestResult | None, width: int) -> list[Content]:
    """A line for each check: how the test fared, or before it has ended what will be checked."""
    if result is None:
        return [line for words in check_words(job.checks) for line in paragraph(one_line(words), width, "")]
    told = [event for event in result.events if event.kind is EventKind.NOTICE and event.title == CHECK]
    marks = [(check_mark(event), event.body) for event in told]
    return [
        line
        for mark, body in marks
        for line in paragraph(f"{mark.sign} {one_line(body, 300)}", width, mark.style)
    ]


def check_mark(event: Event) -> Mark:
    """The mark of what a check came to, or of a sign of doubt."""
    if not event.is_error:
        return UNIT_MARKS["completed"]
    return UNIT_MARKS["suspect" if event.body.startswith(IN_DOUBT) else "failed"]


def denied_told(job: JobView, result: TestResult | None, width: int) -> list[Content]:
    """What the agent was kept from, and how to allow it, while that can be done."""
    if result is None or not result.denials or job.phase is not Phase.REVIEW:
        return []
    denied = ", ".join(dict.fromkeys(one_line(f"{d.tool} {d.detail}", 60) for d in result.denials))
    return paragraph(f"It was denied {denied}. Allow it rule by rule: Permit", width, WARN)


def projected(job: JobView, result: TestResult | None) -> Projection:
    """What the rest may cost and take, by the one unit there is."""
    cost_usd = result.cost_usd if result is not None else None
    seconds = result.attempt.duration_s if result is not None else None
    return project(rest=job.rest_units, workers=job.max_workers, cost_usd=cost_usd, seconds=seconds)


def cost_words(projection: Projection) -> str:
    """The cost of the rest as a range."""
    cost = projection.cost_usd
    if cost is None:
        return "not known"
    return roughly(cost.low, cost.high, "$") if cost.high else "nothing, as this test"


def time_words(projection: Projection) -> str:
    """The time of the rest as a range."""
    seconds = projection.seconds
    return f"{span(seconds.low)} to {span(seconds.high)}" if seconds else ""


def could_fail(passed: int) -> float:
    """The largest share of all units that could fail where so many were tried and all passed.

    At the usual certainty of 95 %: with a larger share, that many passes had been a rare stroke of luck.
    """
    return share_at_most(0, passed)


def caution(job: JobView, result: TestResult | None) -> str:
    """How much the figures are worth; where nothing can be approved, what comes next."""
    if job.status is JobStatus.CREATED:
        return _undecided(result)
    if is_outdated(job, result) and result is not None:
        versions = f"version {result.attempt.recipe_version}, the prompt is version {job.prompt_version} now"
        return f"Tested with {versions}: {key('review.edit')} tests it."
    if job.pilot_id is not None:
        return f"A pilot says more than this test: {key('review.pilot')} shows it, and its quote."
    if job.phase is Phase.INTERRUPTED and job.status is JobStatus.TESTING:
        return f"The test broke off: {key('jobs.test')} in the list of jobs tests again."
    if job.status is not JobStatus.TESTING:
        return f"The batch is approved: nothing is to be decided here. {key('screen.back')} goes back."
    if result is None:
        return "The test still runs. What it costs and takes will be shown here."
    if result.came_to is Judged.DOUBTFUL:
        return "The test is in doubt. If you approve, its result stays and counts as suspect."
    if result.came_to is not Judged.PASS:
        return "The test did not pass. If you approve, its unit runs again with all the others."
    return f"One test says little: up to {could_fail(1):.0%} could still fail.".replace("%", " %")


def _undecided(result: TestResult | None) -> str:
    """What comes next for a job that is not under test."""
    if result is None:
        return f"Nothing is tested yet: {key('review.other')} tests a unit, and shows it here."
    came_to = "The test came to no end" if result.came_to is None else "This test is set aside"
    if result.is_put_back:
        came_to = "This test counts no more"
    other, edit = key("review.other"), key("review.edit")
    return f"{came_to}: nothing waits for you. {other} tests the next unit, {edit} this one after an edit."


def _shape(job: JobView) -> tuple[object, ...]:
    """What the height of the panel hangs on, besides its width and the test's result."""
    return job.question, job.phase, job.prompt_version


def _rows(job: JobView, result: TestResult | None) -> list[Fact]:
    rest = projected(job, result)
    return [
        ("units left", f"{rest.rest:,}"),
        ("workers", f"{job.max_workers} \N{MULTIPLICATION SIGN} {one_line(job.worker, 40)}"),
        ("time", time_words(rest)),
        ("cost", cost_words(rest) if result is not None else ""),
        _budget(job, rest),
        ("retries", f"up to {job.max_retries} for each unit" if job.max_retries else "none"),
        ("folder", one_line(job.cwd)),
    ]


def _question(question: Question, width: int) -> list[Content]:
    """What is asked, the keys that answer it, and below them the change that it is about."""
    first, _, more = question.text.partition("\n")
    lines = [Content.styled("The agent asks", "bold"), *paragraph(one_line(first), width, WARN)]
    options = [(str(n), one_line(option, 200), "bold") for n, option in enumerate(question.options[:9], 1)]
    lines += facts(options, width, label_width=1)
    return [*lines, *paragraph(more[:SHOWN], width)]


def _budget(job: JobView, rest: Projection) -> Fact:
    """The budget, and whether it may end the batch early."""
    if job.budget_usd is None:
        return ("budget", "none: it stops at no sum")
    if rest.may_exceed(job.budget_usd, spent=job.cost_usd or 0.0):
        return ("budget", f"{money(job.budget_usd)}: may stop before the end", WARN)
    return ("budget", money(job.budget_usd))


def _permission(words: str, width: int) -> list[Content]:
    style = f"bold {BAD}" if is_warning(words) else ""
    return facts([("", one_line(words, 400), style)], width, label_width=1)
