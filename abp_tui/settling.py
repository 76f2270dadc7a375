"""When a job goes no further by itself, for whoever waits for that."""

from __future__ import annotations

import time

from abp_tui.domain.model import Job
from abp_tui.domain.status import Phase
from abp_tui.liveness import Witness
from abp_tui.views import JobView, view_job

DEAD_S = 0.5


class Settling:
    """Looks at one job again and again; what it has seen before tells of an executor that has just gone."""

    def __init__(self) -> None:
        self._witness = Witness()
        self._lost_at: float | None = None

    def look(self, job: Job) -> tuple[JobView, bool]:
        """The job as it is shown, and whether it goes no further without a person."""
        view = view_job(job, self._witness.judge)
        if view.phase is Phase.INTERRUPTED:
            self._lost_at = self._lost_at or time.monotonic()
            return view, time.monotonic() - self._lost_at >= DEAD_S
        self._lost_at = None
        goes_on = is_run(view) or view.phase in (Phase.ENUMERATING, Phase.RUNNING)
        return view, view.question is not None or not goes_on


def is_run(view: JobView) -> bool:
    """Whether some process has the job in hand; it takes hold of it before it changes its status."""
    return view.executor is not None and view.executor.alive
