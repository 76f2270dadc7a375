"""The tools and resources, called in memory by the SDK's own client, over a real store and real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import ElicitRequestParams, ElicitResult, Implementation

from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.execution.lease import lease_lives
from abp_tui.mcp.server import make_server
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import load_settings
from abp_tui.store.repository import Repository
from tests.factories import InProcessWorker, make_job
from tests.mcp.calls import COMMAND, call, files, refusal
from tests.waiting import wait_until

TOOLS = (
    "list_enumerators create_job start_job get_job_status get_job list_jobs list_units get_unit pause_job "
    "resume_job retry_job wait"
).split()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setenv("ABP_STORAGE_PATH", str(tmp_path / "data" / "abp.db"))
    repository = Repository(load_settings().database)
    yield repository
    for job in repository.jobs.all():
        if job.status is JobStatus.RUNNING:
            Orchestrator(repository).stop(job.id)
        wait_until(lambda job=job: not lease_lives(repository.jobs.get(job.id)))


def connected(**more: Any) -> Client:
    allow = more.pop("may_approve", False)
    me = Implementation(name="robot", version="1.0")
    return Client(make_server(load_settings(), may_approve=allow), client_info=me, **more)


async def test_the_tools_have_typed_inputs_and_outputs(store: Repository) -> None:
    async with connected() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert sorted(tools) == sorted(TOOLS)
    assert all(tool.description and tool.output_schema for tool in tools.values())
    assert "enumerator_config" in tools["create_job"].input_schema["required"]
    assert "processing_units" in json.dumps(tools["get_job"].output_schema)
    assert tools["list_jobs"].annotations.read_only_hint


async def test_no_tool_takes_an_approval_or_says_so(store: Repository) -> None:
    """The one argument called `approve` only asks a person: see below."""
    async with connected() as client:
        tools = (await client.list_tools()).tools
    named = {
        (tool.name, name) for tool in tools for name in tool.input_schema["properties"] if "appr" in name
    }
    assert named == {("start_job", "approve")}
    assert not [tool.name for tool in tools if "appr" in tool.name or "answer" in tool.name]


async def test_from_a_new_job_to_its_results(store: Repository, notes: Path) -> None:
    told: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total))

    slow = {"pace_s": 0.5}
    async with connected() as client:
        made = await call(client, "create_job", **files(notes, worker_options=slow))
        assert (made["job"]["id"], made["job"]["client"]) == ("j1", "robot 1.0")
        assert made["waiting_for_person"] is None
        started = await call(client, "start_job", job="j1")
        assert started["job"]["phase"] == "testing"
        result = await client.call_tool("wait", {"job": "j1"}, progress_callback=progress)
        tested = result.structured_content or {}
        assert tested["job"]["phase"] == "review"
        assert tested["test"]["status"] == "COMPLETED"
        assert tested["waiting_for_person"]["command"] == "abp approve j1"
        assert told and told[0][1] == 3
        again = await call(client, "wait", job="j1")  # returns at once
        assert again["waiting_for_person"] == tested["waiting_for_person"]
        refused = await call(client, "start_job", job="j1", approve=True)
        assert refused["waiting_for_person"]["command"] == "abp approve j1"
        assert store.jobs.get(1).status is JobStatus.TESTING
        Orchestrator(store).approve("j1")
        assert (await call(client, "wait", job="j1"))["job"]["status"] == "COMPLETED"
        units = await call(client, "list_units", job="j1", status="completed", limit=2)
        assert [unit["seq"] for unit in units["units"]] == [0, 1]
        rest = await call(client, "list_units", job="j1", after=units["next_after"])
        assert [unit["seq"] for unit in rest["units"]] == [2]
        unit = await call(client, "get_unit", job="j1", seq=0)
        assert unit["unit"]["output"] and unit["conversation"]
    counters = store.jobs.get(1).counters
    assert (counters.completed, counters.total) == (3, 3)


async def test_a_command_waits_for_a_person_and_nothing_runs(store: Repository, notes: Path) -> None:
    async with connected() as client:
        arguments = files(notes, worker="command", worker_options=COMMAND)
        made = await call(client, "create_job", **arguments)
        assert made["waiting_for_person"]["command"] == "abp approve j1"
        assert "print('ran')" in made["waiting_for_person"]["why"]
        for more in ({}, {"approve": True}, {"skip_test": True}):
            told = await call(client, "start_job", job="j1", **more)
            assert told["waiting_for_person"]["command"] == "abp approve j1"
        assert (await call(client, "get_job_status", job="j1"))["phase"] == "held"
        assert (await call(client, "wait", job="j1"))["job"]["phase"] == "held"
        assert "is CREATED" in await refusal(client, "resume_job", job="j1")
        assert "is CREATED" in await refusal(client, "retry_job", job="j1")
        assert store.attempts.of_unit(1, 0) == []
        Orchestrator(store).approve("j1")
        assert (await call(client, "start_job", job="j1"))["waiting_for_person"] is None
        assert (await call(client, "wait", job="j1"))["test"]["output"] == "ran\n"


@pytest.mark.parametrize("skip_by", ["argument", "setting"])
async def test_no_client_skips_a_test(
    store: Repository, notes: Path, monkeypatch: pytest.MonkeyPatch, skip_by: str
) -> None:
    by_setting = skip_by == "setting"
    if by_setting:
        monkeypatch.setenv("ABP_SKIP_TEST", "1")
    async with connected() as client:
        await call(client, "create_job", **files(notes))
        told = await call(client, "start_job", job="j1", skip_test=not by_setting)
        waits = told["waiting_for_person"]
        assert (waits and waits["command"]) == (None if by_setting else "abp start j1 --skip-test")
        assert (await call(client, "wait", job="j1"))["job"]["status"] == (
            "TESTING" if by_setting else "CREATED"
        )


async def test_who_was_let_approve_does(store: Repository, notes: Path) -> None:
    async with connected(may_approve=True) as client:
        await call(client, "create_job", **files(notes))
        await call(client, "start_job", job="words")
        await call(client, "wait", job="words")
        await call(client, "start_job", job="words", approve=True)
        assert (await call(client, "wait", job="words"))["job"]["status"] == "COMPLETED"
    assert "approved by robot 1.0" in [entry.message for entry in store.logs.after(1)]


# Elicitation


async def test_a_client_that_can_ask_shows_the_command_and_its_yes_approves_nothing(
    store: Repository, notes: Path
) -> None:
    shown: list[str] = []

    async def accept(context: Any, params: ElicitRequestParams) -> ElicitResult:
        shown.append(params.message)
        return ElicitResult(action="accept", content={})

    async with connected(elicitation_callback=accept, mode="legacy") as client:
        await call(client, "create_job", **files(notes, worker="command", worker_options=COMMAND))
        told = await call(client, "start_job", job="j1")
    assert "abp approve j1" in shown[0]
    assert told["waiting_for_person"]["command"] == "abp approve j1"
    assert store.jobs.get(1).held


async def test_a_person_who_approves_while_they_are_asked(store: Repository, notes: Path) -> None:
    async def approve(context: Any, params: ElicitRequestParams) -> ElicitResult:
        Orchestrator(store).approve("j1")
        return ElicitResult(action="accept", content={})

    async with connected(elicitation_callback=approve, mode="legacy") as client:
        await call(client, "create_job", **files(notes, worker="command", worker_options=COMMAND))
        told = await call(client, "start_job", job="j1")
    assert (told["waiting_for_person"], told["job"]["held"]) == (None, [])


async def test_what_a_person_has_paused_waits_for_them(store: Repository) -> None:
    job = make_job(store, status=JobStatus.RUNNING)
    Orchestrator(store, InProcessWorker()).pause(job.id)
    async with connected() as client:
        for tool in ("resume_job", "retry_job"):
            more = {"units": [0]} if tool == "retry_job" else {}
            told = await call(client, tool, job="j1", **more)
            assert told["waiting_for_person"]["command"] == "abp resume j1"
            assert "Tell them to run `abp resume j1`" in told["next"]
        store.jobs.move(job.id, JobStatus.RUNNING)
        store.jobs.move(job.id, JobStatus.PAUSED, pause_reason="paused by a person")
        assert "`abp resume j1`" in (await call(client, "get_job_status", job="j1"))["next"]
    assert store.jobs.get(job.id).status is JobStatus.PAUSED


# Errors and bounds


async def test_errors_have_a_message_and_a_hint(store: Repository, notes: Path) -> None:
    async with connected() as client:
        assert "there is no job 'wrods'" in await refusal(client, "get_job", job="wrods")
        said = await refusal(client, "create_job", **files(notes, worker="clade"))
        assert "no worker" in said and "claude" in said
        await call(client, "create_job", **files(notes))
        assert "there is a job called" in await refusal(client, "create_job", **files(notes))
        assert "job j1 has no unit 7" in await refusal(client, "get_unit", job="j1", seq=7)
        assert "45" in await refusal(client, "wait", job="j1", timeout_s=600)


async def test_wait_returns_in_time_although_the_job_goes_on(store: Repository, notes: Path) -> None:
    async with connected() as client:
        await call(client, "create_job", **files(notes, worker_options={"pace_s": 30}))
        await call(client, "start_job", job="j1")
        assert (await call(client, "wait", job="j1", timeout_s=0.3))["job"]["phase"] == "testing"
        assert (await call(client, "pause_job", job="j1"))["job"]["id"] == "j1"


async def test_long_texts_are_cut_and_say_so(store: Repository) -> None:
    huge = "x" * 200_000
    make_job(store, payloads=[{"n": huge, "many": list(range(500))} for _ in range(100)], template=huge)
    async with connected() as client:
        for tool, more in (("get_job", {}), ("list_units", {"limit": 100}), ("get_unit", {"seq": 0})):
            answer = json.dumps(await call(client, tool, job="j1", **more), ensure_ascii=False)
            assert "[cut here: " in answer
            assert len(answer) < 200_000, tool
        unit = await call(client, "get_unit", job="j1", seq=0)
        assert unit["unit"]["payload"]["many"][-1] == "[cut here: 400 more]"


async def test_resources(store: Repository, notes: Path) -> None:
    async with connected() as client:
        await call(client, "create_job", **files(notes, worker="command", worker_options=COMMAND))
        listed = {str(resource.uri) for resource in (await client.list_resources()).resources}
        assert listed == {"abp://jobs", "abp://status"}
        jobs = json.loads((await client.read_resource("abp://jobs")).contents[0].text)
        status = json.loads((await client.read_resource("abp://status")).contents[0].text)
    assert [job["name"] for job in jobs["jobs"]] == ["words"]
    assert status["jobs"] == {"CREATED": 1}
    assert status["waiting_for_person"][0]["waiting_for_person"]["command"] == "abp approve j1"


async def test_sources(store: Repository) -> None:
    async with connected() as client:
        sources = (await call(client, "list_enumerators"))["enumerators"]
    by_name = {source["name"]: source for source in sources}
    assert {"file", "csv", "json", "sql", "dynamic"} <= set(by_name)
    assert "base_directory" in by_name["file"]["config_schema"]["properties"]


async def test_failed_units_are_retried(store: Repository) -> None:
    make_job(store, worker="sample", status=JobStatus.RUNNING)
    make_failed(store)
    async with connected() as client:
        assert (await call(client, "get_job_status", job="j1"))["status"] == "FAILED"
        await call(client, "retry_job", job="j1", units=[0])
        assert (await call(client, "wait", job="j1"))["job"]["status"] in ("COMPLETED", "FAILED")
    assert store.units.get(1, 0).attempts == 2


def make_failed(store: Repository) -> None:
    from abp_tui.execution.executor import JobExecutor
    from tests.factories import InProcessWorker, fail

    JobExecutor(store, 1, InProcessWorker(fail)).run()
    assert store.units.get(1, 0).status is UnitStatus.FAILED
