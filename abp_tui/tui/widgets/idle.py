"""What the workers' place says while none works, and which key does something about it."""

from __future__ import annotations

from abp_tui.domain.status import JobStatus, Phase, UnitStatus
from abp_tui.tui.named_keys import key
from abp_tui.tui.widgets.figures import count
from abp_tui.views import JobView


def idle_words(job: JobView) -> str:
    """The state of a job of which no agent works, and the next step."""
    if job.phase is Phase.INTERRUPTED:
        return f"nobody works: {count(job.processing_units, 'unit')} ran, and will start over"
    if job.phase is Phase.REVIEW:
        return f"the test waits for you: {key('progress.review')} opens it"
    if job.phase is Phase.GATED:
        return f"no agent starts for now: {key('progress.try')} tries one unit"
    if words := _of_synthesis(job):
        return words
    match job.status:
        case JobStatus.CREATED:
            return f"nothing has run yet: {key('progress.test')} tests the unit under the cursor"
        case JobStatus.PAUSED:
            does = "sets another budget" if job.lacks_budget else "goes on"
            return f"paused: {key('progress.resume')} {does}"
        case JobStatus.COMPLETED if job.suspect_units:
            doubtful = count(job.suspect_units, "unit")
            doubtful += " is in doubt, not done" if job.suspect_units == 1 else " are in doubt, not done"
            return f"{doubtful}: {_mended()}"
        case JobStatus.COMPLETED:
            return f"all units are done: {key('progress.export')} writes the results to a file"
        case JobStatus.FAILED:
            return f"some units failed: {_mended()}"
    return "no agent works at this moment"


def _of_synthesis(job: JobView) -> str:
    again = key("progress.retry")
    if job.synthesis is UnitStatus.FAILED:
        return f"the synthesis failed: {key('lists.bottom')} goes to it, {again} runs it again"
    if job.synthesis is UnitStatus.PENDING and job.status is JobStatus.FAILED:
        without = f"{key('progress.waive')} does without them"
        return f"the synthesis waits: {again} runs the failed units again, {without}"
    return ""


def _mended() -> str:
    return f"{key('progress.failures')} shows why, {key('progress.retry')} runs them again"
