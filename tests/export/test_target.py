"""What results are never written over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from abp_tui.errors import InvalidInput
from abp_tui.export.target import refuse_sources
from abp_tui.store.spill import spill_path
from tests.factories import make_job, make_repository


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("there", [True, False])
def test_a_file_of_the_database_is_refused(tmp_path: Path, suffix: str, there: bool) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 1)
    file = repository.path.with_name(f"{repository.path.name}{suffix}")
    if there:
        file.touch()
    link = tmp_path / "link"
    link.symlink_to(file)
    for target in (file, link):
        with pytest.raises(InvalidInput, match="the database itself"):
            refuse_sources(repository, job.id, target)


def test_a_hard_link_to_the_database_is_refused(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 1)
    os.link(repository.path, tmp_path / "out.jsonl")
    with pytest.raises(InvalidInput, match="the database itself"):
        refuse_sources(repository, job.id, tmp_path / "out.jsonl")


def test_what_an_executor_has_set_aside_is_refused(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 1)
    spill = spill_path(repository.path, job.id + 1, "other")  # of any job
    spill.parent.mkdir(exist_ok=True)
    spill.touch()
    with pytest.raises(InvalidInput, match="the database itself"):
        refuse_sources(repository, job.id, spill)
    refuse_sources(repository, job.id, spill.with_name("out.jsonl"))
