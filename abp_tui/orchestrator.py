"""What a person, a script or an assistant can do with jobs; each group of verbs has a file in `verbs/`."""

from __future__ import annotations

import shutil

from abp_tui.domain.model import Job
from abp_tui.errors import LeaseHeld
from abp_tui.execution.lease import lease_lives
from abp_tui.paths import artifacts_folder, results_path
from abp_tui.store.spill import spill_paths
from abp_tui.verbs.base import Ref
from abp_tui.verbs.making import Making
from abp_tui.verbs.permits import Permits
from abp_tui.verbs.repair import Repair
from abp_tui.verbs.taking import Taking
from abp_tui.verbs.testing import Testing
from abp_tui.verbs.versions import Versions
from abp_tui.views import JobView, view_job


class Orchestrator(Making, Testing, Permits, Versions, Repair, Taking):
    """Every verb, over one repository. Jobs are named by number, `j12` or name.

    A `worker` given here runs the tests in this process, and is for callers that run the batch with a
    `JobExecutor` of their own: nothing is launched. Without one, workers are built from the job's worker
    name and options, and the batch runs in a detached process.
    """

    def remove(self, job_id: Ref) -> Job:
        """Delete a job with all its results and return what it was; raises `LeaseHeld` while it is run."""
        from abp_tui.execution.launch import executor_log

        job = self.repository.jobs.find(job_id)
        if lease_lives(job):
            raise LeaseHeld(f"job {job.name} is being run", "stop it first")
        self._recover(job)
        self.repository.jobs.remove(job.id)
        store = self.repository.path
        for left in (results_path(store, job.id), executor_log(store, job.id), *spill_paths(store, job.id)):
            left.unlink(missing_ok=True)
        shutil.rmtree(artifacts_folder(store, job.id), ignore_errors=True)
        return job

    def status(self, job_id: Ref) -> JobView:
        """A job as the faces show it, with its phase."""
        return view_job(self.repository.jobs.find(job_id))

    def list_jobs(self) -> list[JobView]:
        """All jobs, newest first."""
        return [view_job(job) for job in self.repository.jobs.all()]
