"""What the screens share from which a job is steered: that of all jobs, and that of one."""

from __future__ import annotations

from abp_tui.tui.screens.again import retry_all
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.resuming import resume_job


class SteeredScreen(AbpScreen):
    """Its `job` is the one that is steered."""

    def action_pause(self) -> None:
        """Let running units finish and start no more."""
        if job := self.job:
            self.act(
                lambda: self.orchestrator.pause(job.id), self.say("pauses once its running units are done")
            )

    def action_resume(self) -> None:
        """Go on."""
        if job := self.job:
            resume_job(self, job)

    def action_try(self) -> None:
        """See whether the usage limit is over."""
        if job := self.job:
            self.act(lambda: self.orchestrator.resume(job.id), self.say("tries one unit now"))

    def action_retry(self) -> None:
        """Run failed and suspect units again."""
        if job := self.job:
            retry_all(self, job)
