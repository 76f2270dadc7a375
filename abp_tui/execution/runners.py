"""Which runner an attempt has: that of the version of the recipe with which it was claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from abp_tui.domain.model import Job
from abp_tui.execution.attempt import AttemptRunner, Ended
from abp_tui.execution.engines.shipping import portable
from abp_tui.store.claims import Claim, GoOn
from abp_tui.workers.cancel import Cancel


class Runners:
    """The runner of the newest version, for claims, and those before it as long as their claims may run.

    Claims are made and edits taken on one thread; `run` is called on many.
    """

    def __init__(self, job: Job, make: Callable[[Job], AttemptRunner], *, away: bool = False) -> None:
        """`away`: the claims run on other machines, for which this makes them only."""
        self._make = make
        self.away = away
        self._by_version: dict[int, AttemptRunner] = {}
        self.use(job)

    def use(self, job: Job) -> None:
        """Make claims with the recipe that the job has now; raises `AbpError` where it can't be run."""
        self._current = self._make(job)
        self.version = job.recipe.version
        self._by_version[self.version] = self._current

    @property
    def go_on(self) -> GoOn | None:
        """What to say in a session that is gone on with; None where the worker can't do that.

        A session that an agent has left is on the machine where it was left.
        """
        return None if self.away else self._current.go_on

    def render(self, payload: Mapping[str, Any]) -> str:
        """The prompt for an item."""
        job = self._current.job
        travels = self.away and job.placement.ship_files_mb
        return self._current.render(portable(payload, job.cwd) if travels else payload)

    def job_of(self, claim: Claim) -> Job:
        """The job with the recipe that a claim was made with."""
        return self._by_version[claim.recipe_version].job

    def run(self, claim: Claim, cancel: Cancel) -> Ended:
        """Run a claim as it was made."""
        return self._by_version[claim.recipe_version].run(claim, cancel)
