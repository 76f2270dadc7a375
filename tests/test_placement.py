"""Where a job's units are to run: what was said last, else what was kept, else the settings."""

from __future__ import annotations

import os

import pytest

from abp_tui.domain.model import Placement
from abp_tui.domain.status import JobStatus
from abp_tui.errors import IllegalTransition, InvalidInput
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.verbs.steering import placed
from tests.execution.test_lease import lease_of
from tests.factories import make_job

HEAD, OTHER = "tcp://head:8786", "tcp://other:8786"
NEVER = Placement(placed=False)


@pytest.fixture
def settings() -> Settings:
    return Settings(engine="dask", scheduler=OTHER, node_lost_s=60)


def test_what_is_said_goes_over_what_was_kept_and_that_over_the_settings(settings: Settings) -> None:
    kept = Placement(engine="dask", scheduler=HEAD, ship_files_mb=16)
    assert placed(NEVER, settings, None, None, None) == settings.placement
    assert placed(NEVER, settings, None, HEAD, None).scheduler == HEAD
    again = placed(kept, settings, None, None, True)
    assert (again.scheduler, again.ship_files_mb, again.node_lost_s) == (HEAD, 16, 60)
    assert placed(kept, settings, None, OTHER, None).ship_files_mb == 16
    assert placed(kept, settings, None, None, False).ship_files_mb == 0
    assert placed(kept, settings, "local", None, None) == Placement()


def test_coming_from_this_machine_the_settings_know_the_scheduler(settings: Settings) -> None:
    assert placed(Placement(), settings, "dask", None, None).scheduler == OTHER
    assert placed(Placement(), Settings(), "dask", None, None).scheduler is None


def test_a_scheduler_or_files_that_travel_mean_dask() -> None:
    assert placed(Placement(), Settings(), None, HEAD, None).engine == "dask"
    assert placed(Placement(), Settings(ship_files_mb=3), None, None, True).ship_files_mb == 3


@pytest.mark.parametrize(("scheduler", "ships"), [(HEAD, None), (None, True)])
def test_this_machine_has_neither(scheduler: str | None, ships: bool | None) -> None:
    with pytest.raises(InvalidInput, match="has no scheduler and ships no files"):
        placed(NEVER, Settings(), "local", scheduler, ships)


def test_it_is_kept_until_something_else_is_said(repository: Repository) -> None:
    job = make_job(repository)
    assert job.placement == NEVER
    verbs = Orchestrator(repository, settings=Settings())
    verbs.place(job.id, scheduler=HEAD)
    kept = Placement(engine="dask", scheduler=HEAD)
    assert repository.jobs.get(job.id).placement == kept
    assert verbs.place(job.id, ship_files=True).placement == kept.model_copy(update={"ship_files_mb": 16})
    assert verbs.place(job.id, "local").placement == Placement()


def test_a_job_that_runs_stays_where_it_is(repository: Repository) -> None:
    job = make_job(repository, status=JobStatus.RUNNING)
    assert repository.leases.take(job.id, lease_of(os.getpid()), None)
    with pytest.raises(IllegalTransition, match="runs on this machine"):
        Orchestrator(repository, settings=Settings()).place(job.id, scheduler=HEAD)
