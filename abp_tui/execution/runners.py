"""Which runner an attempt has: that of the version of the recipe with which it was claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from abp_tui.domain.model import Job
from abp_tui.execution.attempt import AttemptRunner
from abp_tui.store.claims import Claim, Finished, GoOn
from abp_tui.workers.cancel import Cancel


class Runners:
    """The runner of the newest version, for claims, and those before it as long as their claims may run.

    Claims are made and edits taken on one thread; `run` is called on many.
    """

    def __init__(self, job: Job, make: Callable[[Job], AttemptRunner]) -> None:
        self._make = make
        self._by_version: dict[int, AttemptRunner] = {}
        self.use(job)

    def use(self, job: Job) -> None:
        """Make claims with the recipe that the job has now; raises `AbpError` where it can't be run."""
        self._current = self._make(job)
        self.version = job.recipe.version
        self._by_version[self.version] = self._current

    @property
    def go_on(self) -> GoOn | None:
        """What to say in a session that is gone on with; None where the worker can't do that."""
        return self._current.go_on

    def render(self, payload: Mapping[str, Any]) -> str:
        """The prompt for an item."""
        return self._current.render(payload)

    def run(self, claim: Claim, cancel: Cancel) -> Finished:
        """Run a claim as it was made."""
        return self._by_version[claim.recipe_version].run(claim, cancel)
