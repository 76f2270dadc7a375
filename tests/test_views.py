from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from typing import Any

import pytest

from abp_tui.domain.model import Gate, Job
from abp_tui.domain.status import GateState, JobStatus, Phase
from abp_tui.store.gates import GateRows
from abp_tui.store.repository import Repository
from abp_tui.views import STARTING_S, GateView, view_job, view_unit
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
        (JobStatus.RUNNING, None, Phase.RUNNING),  # its executor may be on its way
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


def test_a_job_that_no_executor_has_taken_in_time_is_interrupted(repository: Repository) -> None:
    job = make_job(repository, status=JobStatus.RUNNING)
    assert job.running_since is not None
    late = job.model_copy(update={"running_since": job.running_since - timedelta(seconds=STARTING_S)})
    assert view_job(late).phase is Phase.INTERRUPTED


UNTIL = datetime(2026, 11, 22, 14, 5, 0).astimezone()


def shut(repository: Repository, job_id: int, **values: object) -> Job:
    """Let the job use a gate that is shut, and give it a living executor."""
    gate = Gate(scope="a", **{"state": GateState.CLOSED, "reason": "usage limit", "until": UNTIL, **values})
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET gate_scope = 'a' WHERE id = ?", (job_id,))
        rows = GateRows(db.connection())
        assert rows.swap(rows.get("a"), gate)
    assert repository.leases.take(job_id, lease_of(os.getpid()), None)
    return repository.jobs.get(job_id)


@pytest.mark.parametrize("state", [GateState.CLOSED, GateState.PROBING])
def test_a_job_whose_units_wait_for_its_gate_is_gated(repository: Repository, state: GateState) -> None:
    job = shut(repository, make_job(repository, status=JobStatus.RUNNING).id, state=state)
    view = view_job(job)
    assert view.phase is Phase.GATED
    shown = json.loads(view.model_dump_json())["gate"]
    assert (shown["state"], shown["reason"], shown["is_known"]) == (state, "usage limit", True)
    assert datetime.fromisoformat(shown["until"]) == UNTIL


def test_a_reset_that_was_guessed_is_not_known(repository: Repository) -> None:
    gate = view_job(shut(repository, make_job(repository, status=JobStatus.RUNNING).id, tries=1)).gate
    assert gate is not None
    assert not gate.is_known


def test_one_of_which_no_unit_waits_is_not(repository: Repository) -> None:
    job = shut(repository, make_job(repository, 0, status=JobStatus.RUNNING).id)
    assert view_job(job).phase is Phase.RUNNING


def test_a_job_that_has_ended_has_no_gate_to_pass(repository: Repository) -> None:
    job = shut(repository, make_job(repository, status=JobStatus.RUNNING).id)
    assert view_job(job.model_copy(update={"status": JobStatus.PAUSED})).gate is not None
    assert view_job(job.model_copy(update={"status": JobStatus.FAILED})).gate is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "usage limit, resets in 2520 s, 14:05"),
        ({"is_known": False}, "usage limit, tried again in 2520 s, 14:05"),
        ({"until": UNTIL + timedelta(days=2)}, "usage limit, resets in 175320 s, Tue 14:05"),
        ({"until": UNTIL - timedelta(hours=1)}, "usage limit, about to be tried"),
        ({"state": GateState.PROBING}, "usage limit: one unit tries whether it is over"),
        ({"until": None, "reason": "login needed: no"}, "login needed: no"),
    ],
)
def test_a_gate_in_words(changes: dict[str, Any], words: str) -> None:
    gate = GateView(state=GateState.CLOSED, until=UNTIL, reason="usage limit", is_known=True)
    now = UNTIL - timedelta(minutes=42)
    assert gate.model_copy(update=changes).words(lambda s: f"{s:.0f} s", now) == words


def test_a_job_whose_items_are_still_being_found_is_enumerating(repository: Repository) -> None:
    job = make_job(repository)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET ready_at = NULL")
    assert view_job(repository.jobs.get(job.id)).phase is Phase.ENUMERATING
