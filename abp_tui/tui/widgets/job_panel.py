"""What one job is, beside the list."""

from __future__ import annotations

import json
from typing import Any

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from abp_tui.domain.pace import Pace
from abp_tui.tui.named_keys import key
from abp_tui.tui.widgets.facts import Fact, facts, paragraph, stack
from abp_tui.tui.widgets.figures import ago, count, countdown, money, rate, span
from abp_tui.tui.widgets.glyphs import BAD, DIM, GOOD, LIMIT, WARN, job_mark, needs_person
from abp_tui.tui.widgets.text import one_line
from abp_tui.views import JobView


class JobPanel(Widget):
    """Details of the highlighted job."""

    DEFAULT_CSS = """
    JobPanel { background: $surface; padding: 1 2; }
    """
    job: reactive[JobView | None] = reactive(None)
    pace: reactive[Pace] = reactive(Pace())

    def render(self) -> Content:
        """Name, state, and what there is to know."""
        if self.job is None:
            return Content()
        job, mark, width = self.job, job_mark(self.job), self.content_size.width
        workers = Content.assemble((str(mark), mark.style), (f"  {_workers(job)}", DIM))
        lines = [*paragraph(one_line(job.name), width, "bold"), workers, Content()]
        lines += facts(job_facts(job, self.pace), width)
        for words in job.warnings:
            lines += [Content(), *paragraph(f"Each agent {one_line(words)}", width, f"bold {BAD}")]
        if needs_person(job):
            lines += [Content(), *paragraph(next_step(job), width, WARN)]
        return stack(lines)


def _checks(job: JobView) -> str:
    if not job.checks:
        return ""
    from abp_tui.domain.check import check_words  # few jobs have any, and what is first seen waits for it

    return one_line("; ".join(check_words(job.checks)), 300)


def job_facts(job: JobView, pace: Pace) -> list[Fact]:
    """What a person wants to know about a job, as labels and values."""
    spent = money(job.cost_usd, at_least=job.cost_is_floor)
    budget = f"{spent or '$0'} of {money(job.budget_usd)}" if job.budget_usd else ""
    return [
        ("intent", one_line(job.intent, 300)),
        ("items", f"{source(job)} ({job.total_units:,})"),
        ("prompt", f"version {job.prompt_version}"),
        ("results", f"JSON: {one_line(json.dumps(job.output_schema), 300)}" if job.output_schema else ""),
        ("checks", _checks(job)),
        ("folder", one_line(job.cwd)),
        ("done", f"{job.completed_units:,}" if job.completed_units else "", GOOD),
        ("failed", f"{job.failed_units:,}" if job.failed_units else "", BAD),
        ("suspect", f"{job.suspect_units:,}" if job.suspect_units else "", WARN),
        ("rate", rate(pace.per_s)),
        ("left", span(pace.left_s) if pace.left_s else ""),
        ("cost", "" if budget else spent),
        ("budget", budget),
        ("synthesis", job.synthesis.lower() if job.synthesis else ""),
        ("waits", one_line(job.waiting or "", 300), WARN),
        ("limit", one_line(job.gate.words(countdown), 300) if job.gate else "", LIMIT),
        ("executor", executor(job)),
        ("made", ago(job.created_at)),
    ]


def source(job: JobView) -> str:
    """Where the items come from, in a few words."""
    config: dict[str, Any] = job.enumerator_config
    if job.enumerator_type == "file":
        patterns = config.get("pattern", "**/*")
        shown = patterns if isinstance(patterns, str) else " ".join(str(p) for p in patterns)
        return one_line(f"{shown} in {config.get('base_directory', '')}")
    named = next((config[key] for key in ("file_path", "query") if key in config), "")
    return one_line(f"{job.enumerator_type} {named}")


def executor(job: JobView) -> str:
    """Whether the job's process lives."""
    if job.executor is None:
        return ""
    return f"{job.executor.state}, process {job.executor.pid}"


def next_step(job: JobView) -> str:
    """What a job that needs a person waits for."""
    if job.pause_reason:
        return f"paused: {one_line(job.pause_reason)}"
    if job.phase == "held":
        return f"{one_line(job.client or '')} asks for it: {key('jobs.test')} shows what it would run."
    if job.phase == "review":
        return f"The test waits for you: {key('jobs.open')} opens it."
    died = "Its process has died: what had ended is safe, what ran starts over."
    return f"{died} {key('jobs.resume')} goes on with it."


def _workers(job: JobView) -> str:
    return f"{count(job.max_workers, 'worker')}, {one_line(job.worker, 40)}"
