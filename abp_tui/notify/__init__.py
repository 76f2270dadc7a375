"""Telling a person who does not look that a job needs them, or has ended."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from abp_tui.domain.status import (
    BY_A_PERSON,
    GateState,
    JobStatus,
    Occasion,
    Phase,
)
from abp_tui.views import JobView, View
from abp_tui.words import counted


class Notice(View):
    """What a command reads and a webhook is sent: the occasion, and the job as it is then."""

    occasion: Occasion
    text: str = Field(description="All of it in one sentence.")
    id: str = Field(description="Of the job: `j12`.")
    name: str
    status: JobStatus
    reason: str | None = Field(description="Why it is paused or waits, or what its agent asks.")
    total_units: int
    completed_units: int
    failed_units: int
    suspect_units: int
    cost_usd: float | None
    at: datetime


def occasion_of(job: JobView) -> Occasion | None:
    """What there is to tell of a job as it is now; None while it goes on, or as a person has left it."""
    if job.phase is Phase.INTERRUPTED:
        return Occasion.INTERRUPTED
    if job.question is not None:
        return Occasion.QUESTION
    if job.phase is Phase.REVIEW:
        return Occasion.REVIEW
    if job.phase is Phase.GATED:
        return Occasion.LIMIT if job.gate and job.gate.state is GateState.CLOSED else None
    if job.status is JobStatus.PAUSED:
        own = job.pause_reason in BY_A_PERSON
        return None if own else Occasion.PAUSED
    return {JobStatus.COMPLETED: Occasion.COMPLETED, JobStatus.FAILED: Occasion.FAILED}.get(job.status)


def notice_of(job: JobView, occasion: Occasion) -> Notice:
    """The occasion with the job around it."""
    reason = _reason(job)
    what = f"{_WORDS[occasion]}{f': {reason}' if reason else ''}"
    done = f"{job.completed_units:,} of {counted(job.total_units, 'unit')} done"
    failed = f", {job.failed_units:,} failed" if job.failed_units else ""
    same = {name: getattr(job, name) for name in Notice.model_fields if hasattr(job, name)}
    return Notice(
        **same,
        occasion=occasion,
        text=f"{job.name} {what} ({done}{failed})",
        reason=reason,
        at=datetime.now(UTC),
    )


def _reason(job: JobView) -> str | None:
    if job.question is not None:
        return job.question.text
    if job.gate is not None and not job.status.ended:
        return job.gate.reason
    return job.pause_reason or job.waiting


_WORDS = {
    Occasion.REVIEW: "was tested and waits for your review",
    Occasion.QUESTION: "asks you",
    Occasion.PAUSED: "is paused",
    Occasion.LIMIT: "waits",
    Occasion.INTERRUPTED: "is interrupted, its process is gone",
    Occasion.COMPLETED: "has completed",
    Occasion.FAILED: "has failed",
}
