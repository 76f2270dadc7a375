from __future__ import annotations

import json
import os
from datetime import datetime

import pytest

from abp_tui.domain.status import JobStatus, Phase
from abp_tui.store.repository import Repository
from abp_tui.views import view_job, view_unit
from tests.execution.test_lease import lease_of
from tests.factories import make_job

SHOW_FIELDS = """id name intent status phase total_units pending_units processing_units completed_units
failed_units suspect_units cost_usd prompt_template prompt_version enumerator_type worker max_workers
created_at started_at finished_at executor""".split()
UNIT_FIELDS = """seq key status verdict payload output result error failure_kind attempts cost_usd
duration_s session_id""".split()


def test_the_documented_fields_are_there_and_times_have_an_offset(repository: Repository) -> None:
    job = make_job(repository, status=JobStatus.RUNNING)
    assert repository.leases.take(job.id, lease_of(os.getpid()), None)
    shown = json.loads(view_job(repository.jobs.get(job.id)).model_dump_json())
    assert set(SHOW_FIELDS) <= shown.keys()
    assert {"pid", "host", "heartbeat_at", "alive"} <= shown["executor"].keys()
    for name in ("created_at", "started_at"):
        assert datetime.fromisoformat(shown[name]).utcoffset() is not None
    unit = json.loads(view_unit(repository.units.get(job.id, 0)).model_dump_json())
    assert set(UNIT_FIELDS) <= unit.keys()


@pytest.mark.parametrize(
    ("status", "leased_by", "phase"),
    [
        (None, None, None),
        (JobStatus.TESTING, None, Phase.REVIEW),
        (JobStatus.TESTING, "alive", Phase.TESTING),
        (JobStatus.TESTING, "dead", Phase.INTERRUPTED),
        (JobStatus.RUNNING, "alive", Phase.RUNNING),
        (JobStatus.RUNNING, "dead", Phase.INTERRUPTED),
        (JobStatus.RUNNING, None, Phase.INTERRUPTED),
    ],
)
def test_the_phase(
    repository: Repository, status: JobStatus | None, leased_by: str | None, phase: Phase | None
) -> None:
    job = make_job(repository, status=status)
    if leased_by:
        lease = lease_of(os.getpid(), **({} if leased_by == "alive" else {"pid_started": 1.0}))
        assert repository.leases.take(job.id, lease, None)
    assert view_job(repository.jobs.get(job.id)).phase is phase


def test_a_job_whose_items_are_still_being_found_is_enumerating(repository: Repository) -> None:
    job = make_job(repository)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET ready_at = NULL")
    assert view_job(repository.jobs.get(job.id)).phase is Phase.ENUMERATING
