"""The head of the progress screen: bar, counts, rate, time left, cost."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.feed import Pace
from abp_tui.tui.widgets.facts import paragraph, stack
from abp_tui.tui.widgets.figures import countdown, money, rate, span
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, FAINT, GOOD, LIMIT, PRIMARY, WARN, job_mark
from abp_tui.tui.widgets.job_list import bar
from abp_tui.tui.widgets.job_panel import next_step
from abp_tui.tui.widgets.text import one_line
from abp_tui.views import JobView

Parts = list[tuple[str, str]]
GAP = ("   ", "")


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
        counts, money_line = _counts(self.job), _money(self.job, self.pace)
        lines = [_bar(self.job, width)]
        if _cells(counts) + _cells(money_line) + 6 <= width:
            lines.append(Content.assemble(*counts, ("      ", ""), *money_line))
        else:
            lines += [Content.assemble(*counts), *([Content.assemble(*money_line)] if money_line else [])]
        if self.job.pause_reason or self.job.phase == "interrupted":
            lines += paragraph(next_step(self.job), width, WARN)
        elif self.job.stalled:
            words = f"its executor does not answer: wait, or `abp resume {one_line(self.job.name)} --force`"
            lines += paragraph(words, width, WARN)
        elif self.job.waiting:
            lines += paragraph(f"waits: {one_line(self.job.waiting)}", width, WARN)
        elif self.job.phase == "gated" and self.job.gate:
            lines += paragraph(one_line(self.job.gate.words(countdown)), width, LIMIT)
        for words in self.job.warnings:
            lines += paragraph(f"Each agent {one_line(words)}", width, f"bold {BAD}")
        return lines


def _bar(job: JobView, width: int) -> Content:
    done, cells = bar(job, max(4, width - 6))
    percent = f"{100 * job.ended_units // job.total_units if job.total_units else 0}%"
    return Content.assemble(
        (cells[:done], job_mark(job).style), (cells[done:], FAINT), (f"{percent:>6}", BOLD)
    )


def _counts(job: JobView) -> Parts:
    shown = (
        (job.completed_units, "done", GOOD),
        (job.failed_units, "failed", BAD if job.failed_units else DIM),
        (job.suspect_units, "suspect", WARN if job.suspect_units else DIM),
        (job.processing_units, "running", PRIMARY),
        (job.pending_units, "waiting", ""),
    )
    parts: Parts = []
    for number, word, style in shown:
        if number or word in ("done", "failed", "waiting"):
            parts += [(f"{number:,}", f"bold {style}"), (f" {word}", DIM), GAP]
    return parts[:-1]


def _money(job: JobView, pace: Pace) -> Parts:
    parts: Parts = []
    if pace.per_s:
        parts += [(rate(pace.per_s), DIM), GAP]
    if pace.left_s:
        parts += [(f"{span(pace.left_s)} left", ""), GAP]
    if job.cost_usd is not None:
        parts += [(money(job.cost_usd, at_least=job.cost_is_floor), BOLD)]
        parts += [(f" of {money(job.budget_usd)}", DIM)] if job.budget_usd else []
        parts += [GAP]
    parts += [(one_line(job.worker, 40), DIM)]
    return parts


def _cells(parts: Parts) -> int:
    return sum(len(text) for text, _ in parts)
