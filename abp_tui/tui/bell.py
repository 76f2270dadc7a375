"""The bell: it rings when a job comes to need its person, or ends, while the app is open."""

from __future__ import annotations

from collections.abc import Iterable

from abp_tui.domain.status import Occasion
from abp_tui.notify import notice_of, occasion_of
from abp_tui.views import JobView


class Bell:
    """Compares what there is to tell of each job with what there was before."""

    def __init__(self, on: Iterable[Occasion], jobs: Iterable[JobView]) -> None:
        self._on = frozenset(on)
        self._before = {job.id: occasion_of(job) for job in jobs}

    def news(self, jobs: Iterable[JobView]) -> str | None:
        """What has come about since the last look; None where nothing has. A job that is new is no news."""
        text = None
        now = {job.id: (job, occasion_of(job)) for job in jobs}
        for job_id, (job, occasion) in now.items():
            is_new = job_id in self._before and occasion is not self._before[job_id]
            if is_new and occasion in self._on:
                text = notice_of(job, occasion).text
        self._before = {job_id: occasion for job_id, (_, occasion) in now.items()}
        return text
