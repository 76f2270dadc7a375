from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.status import JobStatus
from abp_tui.tui.widgets.figures import number
from tests.factories import make_job
from tests.tui.screens import ALL, InProcess, lines, running, until_shown

WORTH = {"k": 10**3, "M": 10**6, "G": 10**9}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (9_998, "9,998"),
        (99_980, "99.9k"),
        (100_000, "100k"),
        (999_999, "999k"),
        (1_000_000, "1M"),
        (1_239_999, "1.23M"),
        (12_000_000_000, "12G"),
    ],
)
def test_a_number_that_is_too_wide_is_said_in_three_figures(value: int, shown: str) -> None:
    assert number(value, 5) == shown


@given(st.integers(0, 10**12 - 1))
def test_it_fits_and_never_says_more_than_there_is(value: int) -> None:
    shown = number(value, 5)
    assert len(shown) <= 5
    said = float(shown[:-1]) * WORTH[shown[-1]] if shown[-1] in WORTH else int(shown.replace(",", ""))
    assert said <= value + 1e-6 * value
    assert value - said <= value / 100


@ALL
async def test_the_counts_of_a_large_job_are_not_cut(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 0, name="large", status=JobStatus.RUNNING)
    orchestrator.repository.jobs.move(job.id, JobStatus.PAUSED)
    counts = "total = 1000000, completed = 899999, failed = 90002, suspect = 9999, pending = 10000"
    with orchestrator.repository.database.writing() as db:
        db.execute_sql(f"UPDATE job SET {counts} WHERE id = ?", (job.id,))
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "899k/1M", "90k", "9,999")
        await pilot.press("enter")
        await until_shown(pilot, "failed", "done", "waiting")
        counts = next(line for line in lines(pilot) if " done " in line and " failed " in line)
        assert "suspect" in counts and "waiting" in counts
