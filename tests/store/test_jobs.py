from __future__ import annotations

import itertools

import pytest

from abp_tui.domain.status import JOB_STEPS, Desired, JobStatus
from abp_tui.errors import IllegalTransition, InvalidInput, LeaseHeld, NotFound
from abp_tui.store.repository import Repository
from tests.factories import assert_counters_match, make_job
from tests.store.test_migrations import hold_lease


def test_a_job_is_found_by_number_id_and_name(repository: Repository) -> None:
    job = make_job(repository, name="words")
    for ref in (job.id, str(job.id), f"j{job.id}", "words"):
        assert repository.jobs.find(ref) == job


def test_an_unknown_job_names_the_nearest(repository: Repository) -> None:
    make_job(repository, name="docstrings")
    with pytest.raises(NotFound) as caught:
        repository.jobs.find("docstring")
    assert "did you mean 'docstrings'?" in caught.value.hint


@pytest.mark.parametrize("name", ["j12", "12", "j1"])
def test_a_name_with_the_form_of_an_id_is_refused(repository: Repository, name: str) -> None:
    with pytest.raises(InvalidInput, match="form of an id"):
        make_job(repository, name=name)


def test_a_name_is_given_once(repository: Repository) -> None:
    make_job(repository, name="words")
    with pytest.raises(InvalidInput, match="already"):
        make_job(repository, name="words")
    assert len(repository.jobs.all()) == 1


def test_ids_are_never_used_twice(repository: Repository) -> None:
    first = make_job(repository, name="a")
    repository.jobs.remove(first.id)
    assert make_job(repository, name="b").id == first.id + 1


def test_jobs_come_newest_first(repository: Repository) -> None:
    for name in ("a", "b", "c"):
        make_job(repository, name=name)
    assert [job.name for job in repository.jobs.all()] == ["c", "b", "a"]


def test_two_items_with_one_key_are_refused(repository: Repository) -> None:
    job = make_job(repository, 1)
    with pytest.raises(InvalidInput, match="same key"):
        repository.jobs.add_units(job.id, [(1, "item-9", "{}"), (2, "item-9", "{}")])
    assert len(repository.units.page(job.id)) == 1


@pytest.mark.parametrize(("old", "new"), [*itertools.product(JobStatus, JobStatus)])
def test_a_job_moves_only_along_the_table(repository: Repository, old: JobStatus, new: JobStatus) -> None:
    job = make_job(repository)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET status = ?", (old,))
    if new in JOB_STEPS[old]:
        assert repository.jobs.move(job.id, new).status is new
    else:
        before = repository.jobs.get(job.id)
        with pytest.raises(IllegalTransition):
            repository.jobs.move(job.id, new)
        assert repository.jobs.get(job.id) == before


def test_a_move_is_refused_where_the_state_is_no_longer_what_the_caller_saw(repository: Repository) -> None:
    job = make_job(repository, status=JobStatus.RUNNING)
    with pytest.raises(IllegalTransition, match="by now"):
        repository.jobs.move(job.id, JobStatus.PAUSED, expect=JobStatus.CREATED)
    assert repository.jobs.get(job.id).status is JobStatus.RUNNING


def test_asking_counts_as_a_change(repository: Repository) -> None:
    job = make_job(repository)
    repository.jobs.ask(job.id, desired=Desired.PAUSE, workers=7)
    asked = repository.jobs.get(job.id)
    assert (asked.desired, asked.desired_workers) == (Desired.PAUSE, 7)
    assert asked.change > job.change


def test_removing_leaves_nothing(repository: Repository) -> None:
    job = make_job(repository, 12_000)
    other = make_job(repository, 2, name="other")
    repository.jobs.remove(job.id)
    with repository.database.connected() as db:
        tables = ("unit", "attempt", "bucket", "recipe", "job")
        column = dict.fromkeys(tables, "job_id") | {"job": "id"}
        for table in tables:
            query = f"SELECT count(*) FROM {table} WHERE {column[table]} = ?"
            assert db.execute_sql(query, (job.id,)).fetchone()[0] == 0
        assert db.execute_sql("PRAGMA freelist_count").fetchone()[0] == 0
    assert_counters_match(repository, other.id)


def test_a_job_that_is_run_can_not_be_removed(repository: Repository) -> None:
    job = make_job(repository)
    hold_lease(repository, job.id)
    with pytest.raises(LeaseHeld):
        repository.jobs.remove(job.id)
    assert repository.jobs.get(job.id).ready_at is not None


@pytest.mark.parametrize("count", [1, 40, 2000, 2001, 12_345])
def test_the_map_has_at_most_two_thousand_buckets_and_every_unit_is_in_one(
    repository: Repository, count: int
) -> None:
    job = make_job(repository, count)
    buckets = repository.jobs.buckets(job.id)
    assert len(buckets) <= 2000
    assert sum(bucket.pending for bucket in buckets) == count
    assert {bucket.pending for bucket in buckets[:-1]} <= {job.bucket_width}


def test_an_edit_is_a_new_version_and_a_stale_one_is_refused(repository: Repository) -> None:
    job = make_job(repository, template="one {n}")
    second = repository.recipes.add(job.recipe, prompt_template="two {n}")
    assert (second.version, repository.jobs.get(job.id).prompt_template) == (2, "two {n}")
    with pytest.raises(IllegalTransition, match="no longer the newest"):
        repository.recipes.add(job.recipe, prompt_template="lost {n}")
    versions = [recipe.prompt_template for recipe in repository.recipes.all(job.id)]
    assert versions == ["one {n}", "two {n}"]
