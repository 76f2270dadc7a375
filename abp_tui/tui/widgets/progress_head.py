"""The head of the progress screen: bar, counts, rate, time left, cost."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.domain.pace import INTERVALS, Pace
from abp_tui.domain.status import JobStatus
from abp_tui.tui.named_keys import key
from abp_tui.tui.widgets.facts import paragraph, stack
from abp_tui.tui.widgets.figures import count, countdown, money, number, rate, span, sparkline
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, FAINT, GOOD, LIMIT, PRIMARY, WARN, job_mark
from abp_tui.tui.widgets.job_list import bar
from abp_tui.tui.widgets.job_panel import next_step
from abp_tui.tui.widgets.text import one_line
from abp_tui.views import JobView

Parts = list[tuple[str, str]]
GAP = ("   ", "")
ALL, FEW = 20, 5  # cells of a count


class ProgressHead(Widget):
    """Two lines where it is wide, three where it is not, one more where the job waits for a person."""

    DEFAULT_CSS = """
    ProgressHead { height: auto; padding: 1 2 0 2; }
    """
    job: reactive[JobView | None] = reactive(None)
    pace: reactive[Pace] = reactive(Pace())
    _height = 0

    def watch_job(self) -> None:
        """Only another number of lines moves what is below."""
        height = len(self._lines())
        if height != self._height:
            self._height = height
            self.refresh(layout=True)

    def watch_pace(self) -> None:
        """As with the job: there may be no room for a rate beside the counts."""
        self.watch_job()

    def render(self) -> Content:
        """The lines."""
        return stack(self._lines())

    def _lines(self) -> list[Content]:
        if self.job is None:
            return []
        width = self.content_size.width or self.app.size.width - 4
        lines = [_bar(self.job, width), *_figures(self.job, self.pace, width)]
        if self.job.pause_reason or self.job.phase == "interrupted":
            lines += paragraph(next_step(self.job), width, WARN)
        elif self.job.stalled:
            words = f"its executor does not answer: wait, or `abp resume {one_line(self.job.name)} --force`"
            lines += paragraph(words, width, WARN)
        elif self.job.ending is not None:
            still = f"{job_mark(self.job).word}: {count(self.job.processing_units, 'unit')} still at work"
            lines += paragraph(f"{still}, {key('progress.resume')} goes on", width, LIMIT)
        elif self.job.waiting:
            lines += paragraph(f"waits: {one_line(self.job.waiting)}", width, WARN)
        elif self.job.phase == "gated" and self.job.gate:
            lines += paragraph(one_line(self.job.gate.words(countdown)), width, LIMIT)
        return lines


def _bar(job: JobView, width: int) -> Content:
    """What is done, what has ended without being good, and the rest; the percentage is of what is done."""
    ended, cells = bar(job, max(4, width - 6))
    good = ended * job.completed_units // max(1, job.ended_units)
    percent = f"{100 * job.completed_units // job.total_units if job.total_units else 0}%"
    return Content.assemble(
        (cells[:good], job_mark(job).style if job.status is not JobStatus.FAILED else GOOD),
        (cells[good:ended], BAD if job.failed_units else WARN),
        (cells[ended:], FAINT),
        (f"{percent:>6}", BOLD),
    )


def _figures(job: JobView, pace: Pace, width: int) -> list[Content]:
    """Counts, rate, time left and cost: on one line if they fit. The past rate and the worker give way."""
    counts, worker = _counts(job), one_line(job.worker, 40)
    counts = counts if _cells(counts) <= width else _counts(job, FEW)
    for intervals in (INTERVALS, INTERVALS // 2):
        beside = [*counts, ("      ", ""), *_money(job, pace, intervals, worker)]
        if _cells(beside) <= width:
            return [Content.assemble(*beside)]
    for intervals, shown in ((INTERVALS, worker), (INTERVALS // 2, worker), (INTERVALS // 2, ""), (0, "")):
        below = _money(job, pace, intervals, shown)
        if _cells(below) <= width:
            break
    return [Content.assemble(*counts), *([Content.assemble(*below)] if below else [])]


def _counts(job: JobView, cells: int = ALL) -> Parts:
    shown = (
        (job.completed_units, "done", GOOD),
        (job.failed_units, "failed", BAD if job.failed_units else DIM),
        (job.suspect_units, "suspect", WARN if job.suspect_units else DIM),
        (job.processing_units, "running", PRIMARY),
        (job.pending_units, "waiting", ""),
    )
    parts: Parts = []
    for units, word, style in shown:
        if units or word in ("done", "failed", "waiting"):
            parts += [(number(units, cells), f"bold {style}"), (f" {word}", DIM), GAP]
    return parts[:-1]


def _money(job: JobView, pace: Pace, intervals: int, worker: str) -> Parts:
    parts: Parts = []
    if pace.per_s:
        if intervals:  # of one width from the first second on: nothing beside it moves
            known = pace.recent[-intervals:]
            parts += [(sparkline((0,) * (intervals - len(known))), FAINT), (sparkline(known) + " ", PRIMARY)]
        parts += [(rate(pace.per_s), DIM), GAP]
    if pace.left_s and job.ending is None:
        parts += [(f"{span(pace.left_s)} left", ""), GAP]
    if job.cost_usd is not None:
        parts += [(money(job.cost_usd, at_least=job.cost_is_floor), BOLD)]
        parts += [(f" of {money(job.budget_usd)}", DIM)] if job.budget_usd else []
        parts += [GAP]
    return [*parts, (worker, DIM)] if worker else parts[:-1]


def _cells(parts: Parts) -> int:
    return sum(len(text) for text, _ in parts)
