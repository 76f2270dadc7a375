"""States as a word, a glyph and a colour, never as a colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from abp_tui.domain.model import UnitLine
from abp_tui.domain.pilot import Tried
from abp_tui.domain.status import BY_A_PERSON, JobStatus, Phase, UnitStatus, Verdict
from abp_tui.domain.status import Mark as Judged
from abp_tui.terminal import speaks_utf8
from abp_tui.views import JobView

DIM = "$foreground 55%"
FAINT = "$foreground 25%"
PRIMARY = "$text-primary"
GOOD = "$text-success"
WARN = "$text-warning"
BAD = "$text-error"
LIMIT = "$limit"
TOOL = "$text-accent"
BOLD = "bold"


@dataclass(frozen=True, slots=True)
class Mark:
    """How a state is shown."""

    word: str
    glyph: str
    ascii: str
    style: str

    @property
    def sign(self) -> str:
        """The glyph, or its ASCII stand-in where the locale has no UTF-8."""
        return self.glyph if speaks_utf8() else self.ascii

    def __str__(self) -> str:
        return f"{self.sign} {self.word}"


JOB_MARKS = {
    "held": Mark("held", "?", "?", WARN),
    "enumerating": Mark("enumerating", "○", "o", DIM),
    "created": Mark("created", "○", "o", DIM),
    "testing": Mark("testing", "●", "*", PRIMARY),
    "pilot": Mark("pilot", "●", "*", PRIMARY),
    "asks": Mark("asks you", "?", "?", WARN),
    "review": Mark("review", "◐", "%", WARN),
    "running": Mark("running", "●", "*", PRIMARY),
    "gated": Mark("limit", "‖", "=", LIMIT),
    "interrupted": Mark("interrupted", "!", "!", WARN),
    "stalled": Mark("stalled", "!", "!", WARN),
    "pause": Mark("pausing", "‖", "=", LIMIT),
    "stop": Mark("stopping", "‖", "=", LIMIT),
    "paused": Mark("paused", "‖", "=", LIMIT),
    "completed": Mark("completed", "✓", "+", GOOD),
    "failed": Mark("failed", "✗", "x", BAD),
}

UNIT_MARKS = {
    "pending": Mark("waiting", "·", ".", DIM),
    "processing": Mark("running", "●", "*", PRIMARY),
    "completed": Mark("done", "✓", "+", GOOD),
    "failed": Mark("failed", "✗", "x", BAD),
    "suspect": Mark("suspect", "?", "?", WARN),
}

TRIED = Mark("again", "·", ".", DIM)  # it waits for another try
NOT_ALL_GOOD = Mark("completed", "?", "?", WARN)  # some of its units are in doubt

PERSON_MARKS = {
    Judged.PASS: Mark("pass", "✓", "+", GOOD),
    Judged.DOUBTFUL: Mark("doubtful", "?", "?", WARN),
    Judged.FAIL: Mark("fail", "✗", "x", BAD),
}

ENDS = {
    Judged.PASS: UNIT_MARKS["completed"],
    Judged.DOUBTFUL: UNIT_MARKS["suspect"],
    Judged.FAIL: UNIT_MARKS["failed"],
}

MAP_MARKS = {
    "failed": Mark("a failed unit among them", "✗", "x", BAD),
    "suspect": Mark("a suspect unit among them", "?", "?", WARN),
    "processing": Mark("one runs", "●", "*", PRIMARY),
    "partly": Mark("some done, some waiting", "▪", "-", GOOD),
    "completed": Mark("done", "■", "#", GOOD),
    "pending": Mark("waiting", "·", ".", DIM),
}


def job_mark(job: JobView) -> Mark:
    """The mark of a job: its phase, where there is one that says more than its status."""
    if job.stalled:
        return JOB_MARKS["stalled"]
    if job.question is not None:
        return JOB_MARKS["asks"]
    if job.ending is not None:
        return JOB_MARKS[job.ending.value]
    if job.status is JobStatus.COMPLETED and job.suspect_units:
        return NOT_ALL_GOOD
    return JOB_MARKS[job.phase.value if job.phase else job.status.value.lower()]


def needs_person(job: JobView) -> bool:
    """Whether nothing goes on with this job until a person has looked at it."""
    if job.phase in (Phase.HELD, Phase.REVIEW, Phase.INTERRUPTED) or job.question is not None:
        return True
    reason = job.pause_reason or ""
    return job.status is JobStatus.PAUSED and bool(reason) and reason not in BY_A_PERSON


def unit_state(unit: UnitLine | Tried) -> str:
    """What a unit is counted as: its status, or suspect where it completed but is not good."""
    if unit.status is UnitStatus.COMPLETED and unit.verdict not in (None, Verdict.OK):
        return "suspect"
    return unit.status.value.lower()
