from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import EventKind, Placement
from abp_tui.domain.status import Desired, JobStatus, UnitStatus, Verdict
from abp_tui.errors import EngineUnavailable
from abp_tui.execution.engines import choice, dask_cluster
from abp_tui.execution.executor import JobExecutor
from abp_tui.liveness import hostname
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from tests.execution.engines.cluster import Cluster, running_cluster
from tests.execution.engines.jobs import Running, completed_attempts, dask_job, outputs, place, said
from tests.factories import InProcessWorker, assert_counters_match, make_job
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

KEY = "sk-dask-1234567890"


def test_units_run_on_all_nodes_and_each_is_recorded_once(
    repository: Repository, shared_cluster: Cluster
) -> None:
    job = dask_job(repository, shared_cluster.address, 12, script="sleep 0.3; echo $NODE")
    assert JobExecutor(repository, job.id).run() is JobStatus.COMPLETED
    assert set(outputs(repository, job)) == {"a", "b"}
    assert set(completed_attempts(repository, job).values()) == {1}
    (attempt,) = repository.attempts.of_unit(job.id, 0)
    assert (attempt.host, attempt.number) == (hostname(), 1)
    assert attempt.pid is not None
    assert_counters_match(repository, job.id)


def test_a_node_runs_as_many_as_it_has_slots(repository: Repository, shared_cluster: Cluster) -> None:
    job = dask_job(repository, shared_cluster.address, 20, script="sleep 30", workers=20)
    run = Running(repository, job)
    wait_until(lambda: len([a for a in repository.attempts.running(job.id) if a.pid]) == 6)
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 6)
    repository.jobs.ask(job.id, desired=Desired.STOP)
    assert run.result() is JobStatus.PAUSED
    assert repository.jobs.get(job.id).counters.pending == 20
    assert all(unit.failures == 0 for unit in repository.units.page(job.id))


def test_what_an_agent_says_comes_while_it_runs_and_in_order(
    repository: Repository, shared_cluster: Cluster, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = f"for n in 1 2 3; do echo $n; done; until [ -e {gate} ]; do sleep 0.05; done; seq 4 400"
    job = dask_job(repository, shared_cluster.address, 1, script=script, options={"jsonl_events": True})
    run = Running(repository, job)
    (attempt,) = wait_until(lambda: repository.attempts.running(job.id))

    def told() -> list[str]:
        events = repository.attempts.events(attempt.id)
        return [line for e in events if e.kind is not EventKind.PROMPT for line in e.body.split()]

    wait_until(lambda: told() == ["1", "2", "3"])
    gate.touch()
    assert run.result() is JobStatus.COMPLETED
    assert told() == [str(n) for n in range(1, 401)]


def test_one_agent_is_ended_for_good_on_its_node(
    repository: Repository, shared_cluster: Cluster, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = f"until [ -e {gate} ]; do sleep 0.05; done"
    job = dask_job(repository, shared_cluster.address, 2, script=script)
    run = Running(repository, job)
    wait_until(lambda: len([a for a in repository.attempts.running(job.id) if a.pid]) == 2)
    repository.units.ask_end(job.id, 1)
    wait_until(lambda: repository.units.get(job.id, 1).status is UnitStatus.FAILED)
    gate.touch()
    assert run.result() is JobStatus.FAILED
    assert repository.units.get(job.id, 0).status is UnitStatus.COMPLETED


def test_timers_run_on_the_node(repository: Repository, shared_cluster: Cluster) -> None:
    job = dask_job(repository, shared_cluster.address, 1, script="sleep 60")
    timers = job.recipe.timers.model_copy(update={"total_s": 0.3})
    repository.recipes.add(job.recipe, timers=timers)
    assert JobExecutor(repository, job.id).run() is JobStatus.FAILED
    assert repository.units.get(job.id, 0).failure_kind is FailureKind.TIMEOUT_TOTAL


def test_agents_see_the_variables_of_the_shell_and_the_path_of_the_node(
    repository: Repository, shared_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_API_KEY", KEY)
    monkeypatch.setenv("FLAVOUR", "vanilla")
    monkeypatch.setenv("HOME", "/nowhere")
    script = 'echo "$FLAVOUR $HOME $MODEL_API_KEY ${#MODEL_API_KEY} $GIVEN"'
    options = {"env": {"GIVEN": "${FLAVOUR}"}}
    job = dask_job(repository, shared_cluster.address, 1, script=script, options=options)
    assert JobExecutor(repository, job.id).run() is JobStatus.COMPLETED
    (said_by_agent,) = outputs(repository, job)
    flavour, home, *rest = said_by_agent.split()
    assert (flavour, rest) == ("vanilla", ["***", str(len(KEY)), "vanilla"])
    assert home != "/nowhere"
    assert not any(KEY in shared_cluster.log(name) for name in ("a", "b", "scheduler"))


def test_the_synthesis_runs_where_its_results_are(repository: Repository, shared_cluster: Cluster) -> None:
    job = dask_job(
        repository,
        shared_cluster.address,
        2,
        script='echo "${NODE:-here}"',
        post_prompt="All of {results_file}",
    )
    with repository.database.writing() as db:
        db.execute_sql(
            "INSERT INTO unit (job_id, seq, kind, key, payload) VALUES (?, 2, 'post', 'post', ?)",
            (job.id, '{"results_file": "r"}'),
        )
    assert JobExecutor(repository, job.id).run() is JobStatus.COMPLETED
    assert (repository.units.get(job.id, 2).output or "").strip() == "here"


def test_a_worker_that_was_given_runs_here(repository: Repository) -> None:
    job = make_job(repository, 2, status=JobStatus.RUNNING)
    place(repository, job.id, "tcp://127.0.0.1:1")
    assert JobExecutor(repository, job.id, InProcessWorker()).run() is JobStatus.COMPLETED


# Refusals


def test_a_folder_that_the_nodes_lack_is_named(repository: Repository, shared_cluster: Cluster) -> None:
    job = dask_job(repository, shared_cluster.address, 1, folder="/not/shared")
    with pytest.raises(EngineUnavailable, match=r"folder /not/shared is not there .*--ship-files"):
        JobExecutor(repository, job.id).run()
    paused = repository.jobs.get(job.id)
    assert paused.status is JobStatus.PAUSED
    assert "folder /not/shared is not there" in (paused.pause_reason or "")
    assert paused.counters.pending == 1


def test_a_program_that_the_nodes_lack_is_named(repository: Repository, shared_cluster: Cluster) -> None:
    job = dask_job(repository, shared_cluster.address, 1, options={"argv": ["no-such-agent"]})
    with pytest.raises(EngineUnavailable, match="no program 'no-such-agent'"):
        JobExecutor(repository, job.id).run()


def test_a_scheduler_that_is_not_there_is_named_before_the_job_is_taken(repository: Repository) -> None:
    job = dask_job(repository, "tcp://127.0.0.1:9", 1)
    with pytest.raises(EngineUnavailable, match=r"scheduler at tcp://127.0.0.1:9 can't be reached"):
        JobExecutor(repository, job.id).run()
    assert repository.jobs.get(job.id).status is JobStatus.RUNNING
    assert repository.jobs.get(job.id).lease is None


def test_an_address_that_is_none_is_refused(repository: Repository) -> None:
    job = dask_job(repository, "nonsense://x:1", 1)
    with pytest.raises(EngineUnavailable, match="nonsense"):
        JobExecutor(repository, job.id).run()


def test_nodes_of_another_version_are_refused(
    repository: Repository, shared_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "version", lambda _: "99.9")
    job = dask_job(repository, shared_cluster.address, 1)
    with pytest.raises(
        EngineUnavailable, match=r"has Python \d.\d+ and abp [\d.]+, this machine has .* 99.9"
    ):
        JobExecutor(repository, job.id).run()


def test_a_node_of_another_version_is_left_aside_where_another_fits(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "abp_tui-99.9.dist-info").mkdir()
    (tmp_path / "abp_tui-99.9.dist-info" / "METADATA").write_text("Name: abp-tui\nVersion: 99.9\n")
    with running_cluster(tmp_path / "cluster", a=1) as cluster:
        cluster.start_node("newer", PYTHONPATH=str(tmp_path))
        cluster.wait_for_nodes("newer")
        job = dask_job(repository, cluster.address, 3)
        assert JobExecutor(repository, job.id).run() is JobStatus.COMPLETED
    assert outputs(repository, job) == ["a"] * 3
    lines = [line for line in said(repository, job).splitlines() if line.startswith("left aside: the node ")]
    assert len(lines) == 1
    assert "abp 99.9, this machine has" in lines[0]


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda _: None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'abp-tui\[dask\]'"):
        choice.require(Placement(engine="dask"))
    choice.require(Placement())


def test_a_cluster_of_its_own_needs_what_makes_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda name: None if name == "cryptography" else name)
    with pytest.raises(EngineUnavailable, match=r"library cryptography .*'abp-tui\[dask\]'"):
        choice.require(Placement(engine="dask"))
    choice.require(Placement(engine="dask", scheduler="tcp://127.0.0.1:1"))


# Files


def file_job(
    repository: Repository, cluster: Cluster, folder: Path, script: str, mb: float, **more: Any
) -> int:
    (folder / "docs").mkdir()
    for name in ("one", "two"):
        (folder / "docs" / f"{name}.md").write_text(f"{name}\n")
    files = sorted((folder / "docs").iterdir())
    job = dask_job(
        repository,
        cluster.address,
        script=script,
        folder=folder,
        template="Improve {file_path}",
        payloads=[{"file_path": str(file)} for file in files],
        ship_files_mb=mb,
        options={"argv": ["sh", "-c", script, "sh", "{file_path}"]},
        **more,
    )
    return job.id


def test_files_travel_and_what_is_changed_comes_back_beside_the_database(
    repository: Repository, shared_cluster: Cluster, tmp_path: Path
) -> None:
    script = 'cat "$1"; echo better >> "$1"; mkdir new; echo more > new/file; pwd'
    number = file_job(repository, shared_cluster, tmp_path, script, mb=1)
    assert JobExecutor(repository, number).run() is JobStatus.COMPLETED
    unit = repository.units.get(number, 0)
    text, ran_in = (unit.output or "").split()
    assert text == "one"
    assert not Path(ran_in).exists()
    kept = repository.path.parent / "artifacts" / f"abp-j{number}" / "unit-0" / "attempt-1"
    assert (kept / "docs" / "one.md").read_text() == "one\nbetter\n"
    assert (kept / "new" / "file").read_text() == "more\n"
    assert (tmp_path / "docs" / "one.md").read_text() == "one\n"
    (attempt,) = repository.attempts.of_unit(number, 0)
    assert attempt.prompt == "Improve docs/one.md"
    notices = [e.body for e in repository.attempts.events(attempt.id) if e.title == "files changed"]
    assert notices == [f"{kept}/docs/one.md\n{kept}/new/file"]


def test_a_file_over_the_limit_fails_its_unit_alone(
    repository: Repository, shared_cluster: Cluster, tmp_path: Path
) -> None:
    number = file_job(repository, shared_cluster, tmp_path, "true", mb=0.01)
    (tmp_path / "docs" / "two.md").write_text("x" * 20_000)
    assert JobExecutor(repository, number).run() is JobStatus.FAILED
    assert repository.units.get(number, 0).status is UnitStatus.COMPLETED
    failed = repository.units.get(number, 1)
    assert failed.failure_kind is FailureKind.BAD_INPUT
    assert "two.md has 0.02 MB, and up to 0.01 travel" in (failed.error or "")


def test_a_file_on_a_shared_disk_is_read_in_its_place(
    repository: Repository, shared_cluster: Cluster, tmp_path: Path
) -> None:
    number = file_job(repository, shared_cluster, tmp_path, 'cat "$1"', mb=0)
    assert JobExecutor(repository, number).run() is JobStatus.COMPLETED
    assert outputs(repository, repository.jobs.get(number)) == ["one", "two"]


def test_checks_run_where_the_unit_ran_and_their_verdict_comes_back(
    repository: Repository, shared_cluster: Cluster, tmp_path: Path
) -> None:
    script = 'case "$1" in *one*) echo better >> "$1";; esac; cat "$1"'
    checks = [{"kind": "changed"}, {"kind": "command", "argv": ["grep", "better", "{file_path}"]}]
    number = file_job(repository, shared_cluster, tmp_path, script, mb=1, checks=checks)
    assert JobExecutor(repository, number).run() is JobStatus.COMPLETED
    good, doubtful = repository.units.page(number)
    assert (good.verdict, doubtful.verdict) == (Verdict.OK, Verdict.SUSPECT)
    assert "its file was not changed" in (doubtful.error or "")
    assert repository.jobs.get(number).counters.suspect == 1


def test_an_edit_pauses_the_job_and_its_next_start_runs_it(
    repository: Repository, shared_cluster: Cluster, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    script = f"until test -e {go}; do sleep 0.05; done; echo old"
    job = dask_job(repository, shared_cluster.address, 3, script=script, workers=1)
    run = Running(repository, job)
    wait_until(lambda: bool(repository.attempts.running(job.id)))
    edited = {"argv": ["echo", "new"]}
    Orchestrator(repository).edit_recipe(job.id, worker_options=edited)
    go.touch()
    assert run.result() is JobStatus.PAUSED
    assert "`abp resume" in said(repository, job)
    assert outputs(repository, job) == ["old", "", ""]
    repository.jobs.move(job.id, JobStatus.RUNNING)
    assert JobExecutor(repository, job.id).run() is JobStatus.COMPLETED
    assert outputs(repository, job) == ["old", "new", "new"]


def test_what_the_cluster_tells_is_in_the_log(repository: Repository, shared_cluster: Cluster) -> None:
    job = dask_job(repository, shared_cluster.address, 1)
    JobExecutor(repository, job.id).run()
    assert f"2 nodes with 6 slots at {shared_cluster.address}; prompts and keys travel unencrypted" in said(
        repository, job
    )
    assert "other users of this machine can run code through them" in said(repository, job)
