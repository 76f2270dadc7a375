from __future__ import annotations

from itertools import product

import pytest

from abp_tui.domain.status import (
    JobStatus,
    UnitStatus,
    check_job_step,
    check_unit_step,
)
from abp_tui.errors import IllegalTransition

# Written out as arrows, apart from the program's own tables, so that a change there has to be meant.
JOB_ARROWS = """
CREATED TESTING
CREATED RUNNING
TESTING RUNNING
TESTING CREATED
RUNNING COMPLETED
RUNNING FAILED
RUNNING PAUSED
PAUSED RUNNING
FAILED RUNNING
COMPLETED RUNNING
"""
UNIT_ARROWS = """
PENDING PROCESSING
PROCESSING COMPLETED
PROCESSING FAILED
PROCESSING PENDING
COMPLETED PENDING
FAILED PENDING
"""


def arrows(text: str) -> set[tuple[str, ...]]:
    return {tuple(line.split()) for line in text.strip().splitlines()}


@pytest.mark.parametrize(("old", "new"), [*product(JobStatus, repeat=2)])
def test_each_pair_of_job_states(old: JobStatus, new: JobStatus) -> None:
    if (old, new) in arrows(JOB_ARROWS):
        check_job_step("words", old, new)
    else:
        with pytest.raises(IllegalTransition, match=f"job words is {old} and can't become {new}") as caught:
            check_job_step("words", old, new)
        assert caught.value.hint.startswith("from there it can only become ")


@pytest.mark.parametrize(("old", "new"), [*product(UnitStatus, repeat=2)])
def test_each_pair_of_unit_states(old: UnitStatus, new: UnitStatus) -> None:
    if (old, new) in arrows(UNIT_ARROWS):
        check_unit_step(7, old, new)
    else:
        with pytest.raises(IllegalTransition, match=f"unit 7 is {old} and can't become {new}"):
            check_unit_step(7, old, new)


def test_a_hint_names_all_the_ways_on() -> None:
    with pytest.raises(IllegalTransition) as caught:
        check_job_step("words", JobStatus.TESTING, JobStatus.PAUSED)
    assert caught.value.hint == "from there it can only become CREATED or RUNNING"


def test_only_completed_and_failed_jobs_have_ended() -> None:
    assert {status for status in JobStatus if status.ended} == {JobStatus.COMPLETED, JobStatus.FAILED}
