from __future__ import annotations

import itertools
import re

import pytest
from peewee import SqliteDatabase

from abp_tui.domain.status import UNIT_STEPS, UnitStatus, check_unit_step
from abp_tui.errors import IllegalTransition, NotFound
from abp_tui.store import units
from abp_tui.store.repository import Repository
from tests.factories import assert_counters_match, make_job


def end_units(
    repository: Repository, job_id: int, status: str, seqs: range, verdict: str | None = None
) -> None:
    """Put units straight into a state, with counters and buckets to match."""
    state = "suspect" if verdict else status.lower()
    width = repository.jobs.get(job_id).bucket_width
    with repository.database.writing() as db:
        for seq in seqs:
            db.execute_sql(
                "UPDATE unit SET status = ?, verdict = ? WHERE job_id = ? AND seq = ?",
                (status, verdict, job_id, seq),
            )
            for table, where, args in (
                ("job", "id = ?", (job_id,)),
                ("bucket", "job_id = ? AND n = ?", (job_id, seq // width)),
            ):
                db.execute_sql(
                    f"UPDATE {table} SET pending = pending - 1, {state} = {state} + 1 WHERE {where}", args
                )


def test_windows_and_pages(repository: Repository) -> None:
    job = make_job(repository, 50)
    assert [line.seq for line in repository.units.lines(job.id, 20, 5)] == [20, 21, 22, 23, 24]
    assert [unit.seq for unit in repository.units.page(job.id, after=44, limit=10)] == [45, 46, 47, 48, 49]
    assert [unit.seq for unit in repository.units.stream(job.id, chunk=7)] == list(range(50))


def test_pages_of_a_state(repository: Repository) -> None:
    job = make_job(repository, 20)
    end_units(repository, job.id, "COMPLETED", range(5))
    end_units(repository, job.id, "COMPLETED", range(5, 8), verdict="suspect")
    end_units(repository, job.id, "FAILED", range(8, 10))
    found = {
        state: list(repository.units.seqs_in(job.id, state))
        for state in ("completed", "suspect", "failed", "pending", "processing")
    }
    assert found == {
        "completed": [0, 1, 2, 3, 4],
        "suspect": [5, 6, 7],
        "failed": [8, 9],
        "pending": list(range(10, 20)),
        "processing": [],
    }
    assert [line.seq for line in repository.units.lines_in(job.id, "pending", after=14, limit=2)] == [15, 16]
    assert [line.seq for line in repository.units.lines_in(job.id, "suspect", after=5)] == [6, 7]
    assert [unit.seq for unit in repository.units.page(job.id, status=UnitStatus.COMPLETED, after=3)] == [
        4,
        5,
        6,
        7,
    ]
    assert_counters_match(repository, job.id)


def test_a_line_is_short_whatever_the_unit_holds(repository: Repository) -> None:
    job = make_job(repository, 1)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE unit SET output = ?", ("x" * 1_000_000,))
    assert len(repository.units.lines(job.id, 0, 1)[0].note) == 300


def test_an_unknown_unit(repository: Repository) -> None:
    with pytest.raises(NotFound, match="no unit 7"):
        repository.units.get(make_job(repository).id, 7)


def test_put_back_moves_counters_and_names_what_changed(repository: Repository) -> None:
    job = make_job(repository, 10)
    end_units(repository, job.id, "COMPLETED", range(3), verdict="blocked")
    end_units(repository, job.id, "FAILED", range(3, 5))
    change = repository.jobs.get(job.id).change
    assert repository.units.put_back(job.id, [1, 2, 3]) == 3
    assert_counters_match(repository, job.id)
    assert repository.jobs.get(job.id).counters.pending == 8
    assert [line.seq for line in repository.units.changed_since(job.id, change)] == [1, 2, 3]


def test_a_unit_that_waits_can_not_be_put_back_and_nothing_changes(repository: Repository) -> None:
    job = make_job(repository, 3)
    end_units(repository, job.id, "FAILED", range(1))
    with pytest.raises(IllegalTransition):
        repository.units.put_back(job.id, [0, 1])
    assert repository.units.get(job.id, 0).status is UnitStatus.FAILED
    assert_counters_match(repository, job.id)


@pytest.mark.parametrize(("old", "new"), [*itertools.product(UnitStatus, UnitStatus)])
def test_a_unit_moves_only_along_the_table(old: UnitStatus, new: UnitStatus) -> None:
    if new in UNIT_STEPS[old]:
        check_unit_step(1, old, new)
    else:
        with pytest.raises(IllegalTransition, match="unit 1"):
            check_unit_step(1, old, new)


def test_nothing_that_a_list_asks_for_walks_all_units(repository: Repository) -> None:
    job, asked = make_job(repository, 3), []
    with repository.database.connected() as db:
        db.connection().set_trace_callback(asked.append)
        repository.units.lines(job.id, 1, 2)
        repository.units.lines_of(job.id, [0, 2])
        repository.units.keys(job.id, [0, 2])
        repository.units.changed_since(job.id, 0)
        repository.units.page(job.id, status=UnitStatus.PENDING)
        repository.causes.of(job.id)
        repository.causes.run_again(job.id)
        for state in ("completed", "suspect", "failed", "pending", "processing"):
            repository.units.lines_in(job.id, state)
            repository.units.seqs_in(job.id, state)
        db.connection().set_trace_callback(None)
        plans = [step for query in asked for step in plan_of(db, query) if " unit" in step or " t1" in step]
    assert len(plans) > 15
    whole = re.compile(r"^SCAN|PRIMARY KEY \(job_id=\?( AND seq[<>]\?)?\)$")
    assert not [step for step in plans if whole.search(step)]


def plan_of(db: SqliteDatabase, query: str) -> list[str]:
    return [row[3] for row in db.execute_sql(f"EXPLAIN QUERY PLAN {query}").fetchall()]


def found(repository: Repository, text: str, state: str = "") -> list[int]:
    return [seq for seqs, _ in repository.units.search(1, text, state) for seq in seqs]


def test_a_text_is_searched_for_in_names_answers_and_errors_and_numbers_are_units(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "SEARCHED_AT_ONCE", 4)
    make_job(repository, 12)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE unit SET output = 'All WELL' WHERE seq = 3")
        db.execute_sql("UPDATE unit SET error = '100% broken' WHERE seq IN (5, 9)")
        db.execute_sql("UPDATE unit SET key = 'a_b\\c' WHERE seq = 7")
    assert found(repository, "well") == [3]
    assert found(repository, "100%") == [5, 9]
    assert found(repository, "m-1") == [1, 10, 11]
    assert found(repository, "_") == [7]
    assert found(repository, "\\") == [7]
    assert found(repository, "%") == [5, 9]
    assert found(repository, "4") == [4]
    assert found(repository, "x' OR 1=1 --") == []
    shares = [share for _, share in repository.units.search(1, "item")]
    assert shares == [4 / 12, 8 / 12, 1.0]
    end_units(repository, 1, "FAILED", range(9, 12))
    assert found(repository, "item", "failed") == [9, 10, 11]
    assert found(repository, "100%", "failed") == [9]
    assert found(repository, "item", "suspect") == []
