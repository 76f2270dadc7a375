"""When a job goes no further by itself, for whoever waits for that."""

from __future__ import annotations

import time

from abp_tui.domain.model import Job
from abp_tui.domain.status import Phase
from abp_tui.liveness import Witness
from abp_tui.views import JobView, view_job

STARTING_S = 5.0  # from RUNNING until the executor, a fresh interpreter on a busy machine, owns the job
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
            return view, time.monotonic() - self._lost_at >= (DEAD_S if view.executor else STARTING_S)
        self._lost_at = None
        return view, view.question is not None or not (is_run(view) or view.phase is Phase.ENUMERATING)


def is_run(view: JobView) -> bool:
    """Whether some process has the job in hand; it takes hold of it before it changes its status."""
    return view.executor is not None and view.executor.alive
