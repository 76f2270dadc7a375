from __future__ import annotations

from datetime import timedelta

import pytest

from abp_tui import settling
from abp_tui.domain.status import JobStatus
from abp_tui.settling import Settling
from abp_tui.store.repository import Repository
from abp_tui.views import STARTING_S
from tests.factories import make_job


def test_a_job_whose_executor_is_on_its_way_goes_on_by_itself_and_then_no_more(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "DEAD_S", 0.0)
    job = make_job(repository, status=JobStatus.RUNNING)
    assert job.running_since is not None
    late = job.model_copy(update={"running_since": job.running_since - timedelta(seconds=STARTING_S)})
    looked_at = Settling()
    assert [looked_at.look(each)[1] for each in (job, late)] == [False, True]
