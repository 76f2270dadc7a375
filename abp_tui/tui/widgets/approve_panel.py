"""What approving means: what is left, what it may cost, what the agents may do."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.domain.model import Question, TestResult
from abp_tui.tui.widgets.facts import facts, paragraph, stack
from abp_tui.tui.widgets.figures import money, roughly, span
from abp_tui.tui.widgets.glyphs import DIM, WARN
from abp_tui.tui.widgets.text import one_line
from abp_tui.views import JobView

WIDE = 50  # cells: wider than a panel beside something
SHOWN = 4000  # characters of a change
SPREAD = 2.0  # one unit says no more than the order of magnitude


class ApprovePanel(Widget):
    """Beside the review. `permissions` are the worker's own words. What the agent asks comes first."""

    DEFAULT_CSS = """
    ApprovePanel { background: $surface; padding: 1 2; overflow-y: auto; }
    """
    job: reactive[JobView | None] = reactive(None)
    result: reactive[TestResult | None] = reactive(None)
    permissions: reactive[tuple[str, ...]] = reactive(())

    def render(self) -> Content:
        """In plain words, in ranges."""
        if self.job is None:
            return Content()
        width = self.content_size.width
        if self.job.question is not None:
            return stack(_question(self.job.question, width))
        if width > WIDE:
            return self._in_short(self.job, width)
        lines = [Content.styled("If you approve", "bold"), Content()]
        lines += facts(_rows(self.job, self.result), width)
        if self.permissions:
            lines += [Content(), Content.styled("Each agent", "bold"), *_bullets(self.permissions, width)]
        lines += [Content(), *paragraph(_caution(self.result), width, DIM)]
        return stack(lines)

    def _in_short(self, job: JobView, width: int) -> Content:
        """The same below the conversation, where there are few lines."""
        said = [f"{label} {value}" for label, value in _rows(job, self.result) if value]
        lines = [Content.styled("If you approve", "bold"), *paragraph(" · ".join(said), width, "")]
        if self.permissions:
            lines += paragraph("Each agent " + "; ".join(self.permissions), width, "")
        return stack([*lines, *paragraph(_caution(self.result), width, DIM)])


def units_left(job: JobView, result: TestResult | None) -> int:
    """How many units an approval lets run: a passed test unit stays as a result."""
    return job.total_units - (1 if result is not None and result.passed else 0)


def projected_cost(job: JobView, result: TestResult | None) -> str:
    """A range for the whole rest, from the one unit there is."""
    cost = result.cost_usd if result is not None else None
    if not cost:
        return "not known" if cost is None else "nothing, as this test"
    whole = units_left(job, result) * cost
    return roughly(whole / SPREAD, whole * SPREAD, "$")


def projected_time(job: JobView, result: TestResult | None) -> str:
    """A range for how long the rest may take."""
    seconds = result.attempt.duration_s if result is not None else None
    if not seconds:
        return ""
    rounds = -(-units_left(job, result) // job.max_workers)
    return f"{span(rounds * seconds / SPREAD)} to {span(rounds * seconds * SPREAD)}"


def _rows(job: JobView, result: TestResult | None) -> list[tuple[str, str]]:
    return [
        ("units left", f"{units_left(job, result):,}"),
        ("workers", f"{job.max_workers} \N{MULTIPLICATION SIGN} {one_line(job.worker, 40)}"),
        ("time", projected_time(job, result)),
        ("cost", projected_cost(job, result) if result is not None else ""),
        ("budget", money(job.budget_usd)),
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


def _bullets(lines: Sequence[str], width: int) -> list[Content]:
    return [line for text in lines for line in facts([("", one_line(text, 400))], width, label_width=1)]


def _caution(result: TestResult | None) -> str:
    if result is None:
        return "The test still runs. What it costs and takes will be shown here."
    return "Rough guesses from one unit: others may take longer, or fail."
