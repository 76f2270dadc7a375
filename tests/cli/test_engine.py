from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from abp_tui.liveness import hostname
from abp_tui.store.repository import Repository
from tests.cli.driver import Abp
from tests.cli.test_refusals import assert_refused
from tests.execution.engines.cluster import Cluster, running_cluster
from tests.factories import units_on_machines

pytestmark = pytest.mark.slow

COMMAND = ("--", "sh", "-c", 'echo "${NODE:-here}"')


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), north=2) as cluster:
        yield cluster


@pytest.fixture
def job(abp: Abp, tmp_path: Path) -> str:
    notes = abp.folder / "notes"
    notes.mkdir()
    for n in range(3):
        (notes / f"{n}.md").write_text("text")
    abp.quick("new", "words", "--intent", "Count", "--files", "notes", *COMMAND)
    return "words"


def outputs(abp: Abp) -> list[str]:
    return [unit["output"].strip() for unit in json.loads(abp.quick("units", "words", "--json"))]


def test_a_batch_runs_on_a_cluster_and_every_face_says_where(abp: Abp, job: str, cluster: Cluster) -> None:
    abp.run("start", job)
    abp.run("approve", job, "--engine", "dask", "--scheduler", cluster.address, "--wait")
    assert outputs(abp) == ["here", "north", "north"]
    assert f"dask, {cluster.address}" in abp.quick("show", job)
    shown = json.loads(abp.quick("show", job, "--json"))
    assert (shown["engine"], shown["scheduler"]) == ("dask", cluster.address)
    table = abp.quick("units", job)
    assert "HOST" in table and hostname() in table
    units = json.loads(abp.quick("units", job, "--json"))
    assert {unit["host"] for unit in units} == {hostname()}


def test_show_says_how_many_units_run_on_which_machine_now(abp: Abp) -> None:
    with units_on_machines(Repository(abp.store), "north", "south", "north"):
        shown = abp.quick("show", "words")
        assert "dask, tcp://head:8786; now north 2 units, south 1 unit" in shown
        places = [line.split()[-4:] for line in abp.quick("units", "words").splitlines()[1:]]
        assert ["north" in place for place in places] == [True, False, True]


def test_where_a_job_runs_is_kept_for_what_follows(abp: Abp, job: str, cluster: Cluster) -> None:
    abp.run("start", job, "--skip-test", "--scheduler", cluster.address, "--wait")
    abp.run("retry", job, "--unit", "1", "--wait")
    assert outputs(abp) == ["north"] * 3


def test_settings_say_where_jobs_run_that_do_not(abp: Abp, job: str, cluster: Cluster) -> None:
    abp.env |= {"ABP_ENGINE": "dask", "ABP_SCHEDULER": cluster.address}
    abp.run("start", job, "--skip-test", "--wait")
    assert outputs(abp) == ["north"] * 3
    abp.run("start", job, "--engine", "local", code=2)


def test_a_scheduler_that_is_not_there_is_named_at_once_and_another_can_be_given(
    abp: Abp, job: str, cluster: Cluster
) -> None:
    said = abp.run("start", job, "--skip-test", "--scheduler", "tcp://127.0.0.1:9", code=2).stderr
    assert "the scheduler at tcp://127.0.0.1:9 can't be reached" in said
    assert json.loads(abp.quick("show", job, "--json"))["status"] == "PAUSED"
    abp.run("resume", job, "--scheduler", cluster.address, "--wait")
    assert outputs(abp) == ["north"] * 3


@pytest.mark.slow
def test_without_an_address_it_makes_a_cluster_of_its_own(abp: Abp, job: str) -> None:
    abp.run("start", job, "--skip-test", "--engine", "dask", "--wait")
    assert outputs(abp) == ["here"] * 3
    assert "at the cluster of this machine" in abp.quick("log", job)


def test_local_has_no_scheduler(abp: Abp, job: str) -> None:
    refused = abp.run("start", job, "--engine", "local", "--scheduler", "tcp://x:1", code=None)
    assert_refused(refused, "has no scheduler")


def test_removing_a_job_removes_the_files_that_came_back(abp: Abp, job: str, cluster: Cluster) -> None:
    command = ("--", "sh", "-c", 'echo new > "$1"', "sh", "{file_path}")
    abp.quick("new", "edit", "--intent", "Edit", "--files", "notes", *command)
    abp.run("start", "edit", "--skip-test", "--scheduler", cluster.address, "--ship-files", "--wait")
    number = Repository(abp.store).jobs.find("edit").id
    kept = abp.store.parent / "artifacts" / f"abp-j{number}"
    assert len(list(kept.rglob("*.md"))) == 3
    assert (abp.folder / "notes" / "0.md").read_text() == "text"
    abp.run("rm", "edit", "--yes")
    assert not kept.exists()


def test_what_is_refused_leaves_the_job_where_it_runs(abp: Abp, job: str) -> None:
    before = abp.quick("show", job, "--json")
    refused = abp.run("approve", job, "--scheduler", "tcp://127.0.0.1:9", code=2)
    assert_refused(refused, "there is no test to approve")
    assert abp.quick("show", job, "--json") == before
