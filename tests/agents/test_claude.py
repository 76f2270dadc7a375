"""The `claude` worker with the real Claude Code, of the oldest and the newest version that is supported."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

import pytest
from pydantic import BaseModel, Field

from abp_tui.domain.failure import FailureKind as F
from abp_tui.domain.follow_up import form
from abp_tui.domain.model import Denial, EventKind, Outcome, Timers
from abp_tui.domain.structured import Schema
from abp_tui.execution.corrections import judged, run_to_schema
from abp_tui.workers import stream_json
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.start_cost import measure
from tests.agents.anthropic_api import (
    AnthropicApi,
    Request,
    dropped,
    error,
    malformed,
    refused_connection,
    silent,
    text,
    tool_use,
    usage_limit,
)
from tests.agents.claude import Agent, outer_variables
from tests.agents.programs import find
from tests.workers.helpers import Recorder, is_alive, running, wait_for

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]

NEWEST, OLDEST = "2.1.330", "2.1.197"
both = pytest.mark.parametrize("agent", [NEWEST, OLDEST], indirect=True)
PRICE = {NEWEST: 0.005, OLDEST: 0.00625}
"""What one answer of the API costs with each version's own model, in USD."""

STALLED = Timers(first_event_s=60, idle_s=3, total_s=100)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture
def agent(
    request: pytest.FixtureRequest,
    anthropic_api: AnthropicApi,
    tmp_path: Path,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Agent:
    for name in outer_variables():
        monkeypatch.delenv(name)
    version = getattr(request, "param", NEWEST)
    (tmp_path / "work").mkdir()
    return Agent(find(f"claude-{version}"), version, anthropic_api, own_home, tmp_path / "work")


# A good run, and what the options make of it


@both
def test_a_plain_answer(agent: Agent) -> None:
    agent.api.script(text("Hello there"))
    run = agent.run("Say hello")
    assert (run.outcome.ok, run.outcome.output, run.outcome.exit_code) == (True, "Hello there", 0)
    assert run.outcome.usage.cost_usd == pytest.approx(PRICE[agent.version])
    assert (run.outcome.usage.input_tokens, run.outcome.usage.output_tokens) == (1000, 50)
    assert run.outcome.denials == ()
    assert run.sink.told[:2] == [("session", run.outcome.session_id), ("process", run.sink.pids[0])]
    assert [event.body for event in run.of_kind(EventKind.TEXT)] == ["Hello there"]
    assert run.sink.kinds()[-1] is EventKind.RESULT
    [request] = agent.api.requests
    assert request.session == run.outcome.session_id
    assert request.headers["x-api-key"] == "dummy-key"
    assert "Say hello" in request.said


@both
def test_a_tool_round_that_is_allowed(agent: Agent) -> None:
    agent.api.script(tool_use("Write", file_path="out.txt", content="written\n"), text("done"))
    run = agent.run("Write it", allowed_tools=["Write"])
    assert (run.outcome.ok, run.outcome.output, run.outcome.last_tool) == (True, "done", "Write")
    assert (agent.cwd / "out.txt").read_text() == "written\n"
    assert run.outcome.usage.cost_usd == pytest.approx(2 * PRICE[agent.version])
    [call], [result] = run.of_kind(EventKind.TOOL_CALL), run.of_kind(EventKind.TOOL_RESULT)
    assert (call.title, result.ref, result.is_error) == ("Write", call.ref, False)
    assert [event.body for event in run.of_kind(EventKind.DIFF)] == ["@@ -0,0 +1,1 @@\n+written"]


@both
def test_a_tool_round_that_is_denied(agent: Agent) -> None:
    agent.api.script(tool_use("Write", file_path="out.txt", content="x"), text("I could not"))
    run = agent.run("Write it")
    assert (run.outcome.ok, run.outcome.output) == (True, "I could not")
    assert run.outcome.denials == (Denial(tool="Write", detail=str(agent.cwd / "out.txt")),)
    assert not (agent.cwd / "out.txt").exists()
    assert [event.is_error for event in run.of_kind(EventKind.TOOL_RESULT)] == [True]


@both
def test_options_reach_the_program(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "far.txt").write_text("far away")
    agent.api.script(tool_use("Read", file_path=str(tmp_path / "other" / "far.txt")), text("read"))
    run = agent.run(
        "Read it",
        model="claude-some-model",
        add_dirs=[str(tmp_path / "other")],
        append_system_prompt="Speak like a lighthouse.",
        disallowed_tools=["Bash"],
    )
    assert (run.outcome.ok, run.outcome.denials) == (True, ())
    asked, told = agent.api.requests
    assert asked.body["model"] == "claude-some-model"
    assert "Speak like a lighthouse." in asked.system
    assert "Bash" not in asked.tools and "Read" in asked.tools
    assert "far away" in told.last_said


@both
def test_without_tools(agent: Agent) -> None:
    agent.api.script(text("hi"))
    assert agent.run("hi", tools=[]).outcome.ok
    assert agent.api.requests[0].tools == set()


@both
def test_the_mode_of_permissions(agent: Agent) -> None:
    agent.api.script(tool_use("Write", file_path="out.txt", content="x"), text("done"))
    denied = agent.run("Write it", permission_mode="dontAsk").outcome.denials
    assert [denial.tool for denial in denied] == ["Write"]
    assert not (agent.cwd / "out.txt").exists()
    assert agent.run("Write it", permission_mode="acceptEdits").outcome.denials == ()
    assert (agent.cwd / "out.txt").exists()


@both
def test_skipping_all_checks_is_refused_to_root(agent: Agent) -> None:
    agent.api.script(text("hi"))
    outcome = agent.run("hi", permission_mode="bypassPermissions").outcome
    if os.geteuid():
        assert outcome.ok
        return
    assert (outcome.ok, outcome.failure) == (False, F.REFUSED_TO_START)
    assert "cannot be used with root" in outcome.error
    assert "IS_SANDBOX=1" in outcome.error
    assert agent.run("hi", permission_mode="bypassPermissions", env={"IS_SANDBOX": "1"}).outcome.ok


@both
@pytest.mark.parametrize("lean", [False, True])
def test_a_lean_start(agent: Agent, lean: bool) -> None:
    (agent.home / ".claude").mkdir()
    (agent.home / ".claude" / "CLAUDE.md").write_text("MY-MEMORY")
    (agent.home / ".claude" / "settings.json").write_text('{"permissions": {"allow": ["Write"]}}')
    servers = {"mine": {"type": "stdio", "command": "false", "args": []}}
    (agent.home / ".claude.json").write_text(json.dumps({"mcpServers": servers}))
    (agent.cwd / "CLAUDE.md").write_text("MEMORY-OF-THE-FOLDER")
    agent.api.script(tool_use("Write", file_path="out.txt", content="x"), text("done"))
    run = agent.run("Write it", lean=lean)
    assert run.outcome.ok
    assert bool(run.outcome.denials) is lean
    body = json.dumps(agent.api.requests[0].body)
    assert ("MY-MEMORY" in body, "MEMORY-OF-THE-FOLDER" in body) == (not lean, not lean)
    [init] = [event for event in run.of_kind(EventKind.NOTICE) if event.title == "init"]
    assert ("MCP server mine" in init.body) is not lean


@both
def test_a_server_of_tools(agent: Agent) -> None:
    server = Path(__file__).with_name("mcp_echo.py")
    config = {"mcpServers": {"echo": {"type": "stdio", "command": sys.executable, "args": [str(server)]}}}
    agent.api.script(tool_use("mcp__echo__say", words="over and out"), text("done"))
    options = {"mcp_config": [json.dumps(config)], "lean": True}
    run = agent.run("Use it", allowed_tools=["mcp__echo__say"], **options)
    assert (run.outcome.ok, run.outcome.denials, run.outcome.last_tool) == (True, (), "mcp__echo__say")
    assert "echo: over and out" in agent.api.requests[1].last_said
    assert [denial.tool for denial in agent.run("Use it", **options).outcome.denials] == ["mcp__echo__say"]


@both
def test_marks_of_an_agent_around_it_do_not_matter(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.api.script(tool_use("Bash", command="env"), text("done"))
    for name in ("CLAUDECODE", "CLAUDE_CODE_CHILD_SESSION"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("CLAUDE_CODE_ENTRYPOINT", "cli")
    monkeypatch.setenv("CLAUDE_CODE_SESSION_ID", str(uuid4()))
    run = agent.run("Look around", allowed_tools=["Bash"])
    assert run.outcome.ok
    assert agent.run("go on", session_id=run.outcome.session_id).outcome.session_id == run.outcome.session_id


@both
def test_a_prompt_of_a_megabyte(agent: Agent) -> None:
    prompt = "".join(f"line {n} of a long item\n" for n in range(45_000))
    assert len(prompt) > 1024 * 1024
    agent.api.script(text("long"))
    assert agent.run(prompt).outcome.ok
    assert prompt.strip() in agent.api.requests[0].said


def test_no_word_of_the_prompt_is_on_the_command_line(agent: Agent) -> None:
    agent.api.script(silent("hm"))
    sink, seen = Recorder(), list[str]()

    def look() -> None:
        wait_for(lambda: agent.api.requests, 60)
        seen.append(Path(f"/proc/{sink.pids[0]}/cmdline").read_text())

    with running(look):
        agent.run("SECRET-OF-THE-ITEM", sink, timers=STALLED)
    assert "stream-json" in seen[0]
    assert "SECRET" not in seen[0]


# Limits of a unit


@both
def test_most_turns(agent: Agent) -> None:
    agent.api.script(tool_use("Read", file_path="no.txt"))
    outcome = agent.run("go round", max_turns=2).outcome
    assert (outcome.ok, outcome.failure, outcome.exit_code) == (False, F.AGENT_ERROR, 1)
    assert outcome.error == "Reached maximum number of turns (2)"
    assert outcome.usage.cost_usd == pytest.approx(2 * PRICE[agent.version])
    assert outcome.last_tool == "Read"


@both
def test_most_money(agent: Agent) -> None:
    agent.api.script(tool_use("Read", file_path="no.txt"))
    outcome = agent.run("go round", max_budget_usd=1.5 * PRICE[agent.version]).outcome
    assert (outcome.ok, outcome.failure) == (False, F.PERMANENT)
    assert outcome.error.startswith("Reached maximum budget ($0.0")
    assert outcome.usage.cost_usd == pytest.approx(2 * PRICE[agent.version])


@both
def test_a_schema_that_is_kept(agent: Agent) -> None:
    agent.api.script(tool_use("StructuredOutput", n=3), text("done"))
    outcome = agent.run("Count", output_schema=SCHEMA).outcome
    assert (outcome.ok, outcome.result) == (True, {"n": 3})


@both
def test_a_schema_that_is_missed(agent: Agent) -> None:
    agent.api.script(text("three"))
    outcome = agent.run("Count", output_schema=SCHEMA).outcome
    assert (outcome.output, outcome.result, outcome.exit_code) == ("three", None, 0)
    assert outcome.usage.cost_usd
    judgement = judged(outcome, Schema(SCHEMA))
    assert (judgement.ok, judgement.failure) == (False, F.BAD_OUTPUT)


@both
def test_a_schema_that_is_missed_is_asked_for_again_in_the_same_session(agent: Agent) -> None:
    missed = [text("three")] * 2  # the program itself asks once more
    agent.api.script(*missed, tool_use("StructuredOutput", n=3), text("done"))
    worker, sink = agent.worker(), Recorder()
    task = agent.task("Count", output_schema=SCHEMA)
    with Cancel() as cancel:
        run = partial(worker.run, sink=sink, cancel=cancel)
        outcome = run_to_schema(task, Schema(SCHEMA), run, sink, resumes=worker.resumes)
    assert (outcome.ok, outcome.result) == (True, {"n": 3})
    assert len(set(sink.sessions)) == 1
    assert outcome.usage.cost_usd
    again = [event.body for event in sink.events if event.kind is EventKind.PROMPT]
    assert len(again) == 1 and "fits the JSON Schema" in again[0]


PROPERTIES = {"n": {"type": "integer"}}


class _Cat(BaseModel):
    kind: Literal["cat"]
    lives: int | None = Field(default=9, ge=1, examples=[7])


class _Dog(BaseModel):
    kind: Literal["dog"]
    born: datetime


class _Home(BaseModel):
    pet: Annotated[_Cat | _Dog, Field(discriminator="kind")]


EVERY_WORD = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$comment": "all that is passed on",
    "type": "object",
    "title": "Everything",
    "required": ["a"],
    "minProperties": 1,
    "maxProperties": 9,
    "additionalProperties": False,
    "x-mine": 1,
    "definitions": {"t": {"type": ["string", "null"], "minLength": 0, "maxLength": 5, "format": "postcode"}},
    "properties": {
        "a": {"$ref": "#/definitions/t", "description": "a reference", "deprecated": True},
        "b": {"type": "array", "items": {"const": 1}, "minItems": 0, "maxItems": 2, "uniqueItems": True},
        "c": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 9, "multipleOf": 0.5},
        "d": {"minimum": 1, "maximum": 3, "default": 2},
        "e": {"oneOf": [{"type": "string"}, {"required": ["x"]}], "readOnly": True},
        "f": {"allOf": [{"not": {"enum": ["no", None, 3]}}, {"properties": {"x": True}}]},
        "g": {"anyOf": [{"$ref": "#"}, False], "additionalProperties": {"items": {}}},
    },
}


@both
@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({**SCHEMA, "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:n"}, {"n": 3}),
        (_Home.model_json_schema(), {"pet": {"kind": "cat", "lives": 7}}),
        (EVERY_WORD, {"a": "one"}),
    ],
    ids=["2020-12", "discriminator", "every word"],
)
def test_a_schema_that_the_program_takes(agent: Agent, schema: dict[str, Any], answer: object) -> None:
    Schema(schema).check()
    assert agent.worker().takes_schema(schema)
    agent.api.script(tool_use("StructuredOutput", **answer), text("done"))
    outcome = agent.run("Tell", output_schema=schema).outcome
    assert (outcome.ok, outcome.result, outcome.error) == (True, answer, "")


LARGE = {**SCHEMA, "properties": {"n": {"enum": [f"{n:0100}" for n in range(2000)]}}}
TUPLE = {"type": "array", "prefixItems": [{"type": "integer"}], "unevaluatedItems": False}


@both
@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"type": "array", "items": {"type": "integer"}}, [1, 2]),
        (LARGE, {"n": f"{7:0100}"}),
        ({**SCHEMA, "properties": {**PROPERTIES, "t": TUPLE}}, {"n": 1, "t": [1]}),
        ({"anyOf": [SCHEMA, {"type": "null"}]}, None),
    ],
    ids=["array", "200 KB", "tuple", "no type"],
)
def test_a_schema_that_stands_in_the_prompt(agent: Agent, schema: dict[str, Any], answer: object) -> None:
    Schema(schema).check()
    assert not agent.worker().takes_schema(schema)
    agent.api.script(text(json.dumps(answer)))
    outcome = judged(agent.run("Tell" + form(schema), output_schema=schema).outcome, Schema(schema))
    assert (outcome.ok, outcome.result, outcome.error) == (True, answer, "")


def test_a_schema_that_is_none(agent: Agent) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "nonsense"}}}
    outcome = agent.run("Count", output_schema=schema).outcome
    assert (outcome.failure, "JSON Schema" in outcome.error) == (F.REFUSED_TO_START, True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"settings": "/no/such/file"}, "Settings file not found"),
        ({"mcp_config": ["/no/such/file"]}, "MCP config file not found"),
    ],
)
def test_options_that_the_program_refuses(agent: Agent, options: dict[str, object], says: str) -> None:
    outcome = agent.run("hi", **options).outcome
    assert outcome.failure is F.REFUSED_TO_START
    assert says in outcome.error


# The API and the network


@both
def test_401(agent: Agent) -> None:
    agent.api.script(error(401))
    run = agent.run("hi")
    assert (run.outcome.ok, run.outcome.failure, run.outcome.exit_code) == (False, F.LOGIN, 1)
    assert "401" in run.outcome.error
    assert len(run.of_kind(EventKind.RETRY)) == 1
    assert run.outcome.output == ""
    assert run.outcome.usage.cost_usd == 0


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_a_request_that_will_never_do(agent: Agent, status: int) -> None:
    agent.api.script(error(status))
    run = agent.run("hi")
    assert (run.outcome.ok, run.outcome.failure) == (False, F.PERMANENT)
    assert run.of_kind(EventKind.RETRY) == []


@both
def test_429_once(agent: Agent) -> None:
    agent.api.script(error(429, retry_after="0"), text("at last"))
    run = agent.run("hi")
    assert (run.outcome.ok, run.outcome.output) == (True, "at last")
    [retry] = run.of_kind(EventKind.RETRY)
    assert (retry.title, "try 1 of 1 failed (rate_limit, 429)" in retry.body) == ("rate_limit", True)


@both
@pytest.mark.parametrize(
    ("status", "name"), [(429, "rate_limit"), (529, "overloaded"), (500, "server_error")]
)
def test_a_busy_api_that_stays_busy(agent: Agent, status: int, name: str) -> None:
    agent.api.script(error(status))
    run = agent.run("hi")
    assert (run.outcome.ok, run.outcome.failure, run.outcome.exit_code) == (False, F.TRANSIENT, 1)
    assert str(status) in run.outcome.error
    assert [event.title for event in run.of_kind(EventKind.RETRY)] == [name]
    assert len(agent.api.requests) == 2


@both
def test_a_connection_that_is_refused(agent: Agent) -> None:
    agent.api.script(refused_connection())
    outcome = agent.run("hi").outcome
    assert (outcome.ok, outcome.failure) == (False, F.TRANSIENT)


@both
def test_an_answer_that_breaks_off_once(agent: Agent) -> None:
    agent.api.script(dropped("First part, never told"), text("The whole answer"))
    outcome = agent.run("hi").outcome
    assert (outcome.ok, outcome.output) == (True, "The whole answer")
    assert len(agent.api.requests) == 2


@both
def test_an_answer_that_breaks_off_each_time(agent: Agent) -> None:
    agent.api.script(dropped("First part, never told"))
    outcome = agent.run("hi").outcome
    assert (outcome.ok, outcome.failure, outcome.exit_code) == (False, F.TRANSIENT, 1)


@both
def test_silence_in_the_middle_of_an_answer(agent: Agent) -> None:
    agent.api.script(silent("I was going to"))
    run = agent.run("hi", timers=STALLED)
    assert (run.outcome.ok, run.outcome.failure) == (False, F.TIMEOUT_IDLE)
    assert run.outcome.error == "silent for 3 s"
    assert not is_alive(run.sink.pids[0])


@both
@pytest.mark.parametrize("content", [b'{"type": "message", "content": [{"ty', b"<html>busy</html>", b""])
def test_a_malformed_answer(agent: Agent, content: bytes) -> None:
    agent.api.script(malformed(content))
    outcome = agent.run("hi").outcome
    assert (outcome.ok, outcome.failure, outcome.output) == (False, F.TRANSIENT, "")


@both
def test_a_usage_limit_with_its_end(agent: Agent) -> None:
    resets = datetime.fromtimestamp(int(time.time()) + 3600, UTC)
    agent.api.script(usage_limit(int(resets.timestamp())))
    del agent.environment["ANTHROPIC_API_KEY"]
    run = agent.run("hi", env={"CLAUDE_CODE_OAUTH_TOKEN": "dummy"})
    assert (run.outcome.ok, run.outcome.failure) == (False, F.USAGE_LIMIT)
    assert run.outcome.resets_at == resets
    assert run.outcome.usage.cost_usd == 0
    assert [event.title for event in run.of_kind(EventKind.LIMIT)] == ["rejected"]
    assert len(agent.api.requests) == 1
    assert agent.api.requests[0].headers["authorization"] == "Bearer dummy"


def test_no_login_at_all(agent: Agent) -> None:
    del agent.environment["ANTHROPIC_API_KEY"]
    outcome = agent.run("hi").outcome
    assert (outcome.failure, agent.api.requests) == (F.LOGIN, [])


# Being ended, and going on


def busy(agent: Agent) -> Path:
    """Have the agent run a tool that writes its own pid to this file, and stays."""
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(100)"
    agent.api.script(tool_use("Bash", command=f'python3 -c "{code}"'), text("never"))
    return agent.cwd / "pid"


def end_when(ready: Path, end: signal.Signals, sink: Recorder) -> None:
    wait_for(lambda: ready.exists() and ready.read_text(), 60)
    os.kill(sink.pids[0], end)


def put_out(ready: Path) -> None:
    """End the tool, which has a session of its own: not each version ends it when it is ended itself."""
    with suppress(ProcessLookupError):
        os.kill(int(ready.read_text()), signal.SIGKILL)


@both
def test_sigterm_in_the_middle_of_a_tool(agent: Agent) -> None:
    ready, sink = busy(agent), Recorder()
    with running(lambda: end_when(ready, signal.SIGTERM, sink)):
        outcome = agent.run("work", sink, allowed_tools=["Bash"]).outcome
    assert (outcome.ok, outcome.failure, outcome.exit_code) == (False, F.TRANSIENT, 143)
    assert outcome.error == "ended without a result, exit code 143"
    assert (outcome.usage.cost_usd, outcome.last_tool) == (None, "Bash")
    put_out(ready)


@both
def test_a_stop_in_the_middle_of_a_tool_keeps_the_cost(agent: Agent) -> None:
    ready, sink, outcomes = busy(agent), Recorder(), list[Outcome]()
    worker, work = agent.worker(allowed_tools=["Bash"]), agent.task("work")
    with Cancel() as cancel, running(lambda: outcomes.append(worker.run(work, sink, cancel))):
        wait_for(lambda: ready.exists() and ready.read_text(), 60)
        cancel.request("stopped")
    assert (outcomes[0].ok, outcomes[0].failure, outcomes[0].error) == (False, F.INTERRUPTED, "stopped")
    assert outcomes[0].usage.cost_usd == pytest.approx(PRICE[agent.version])
    wait_for(lambda: not is_alive(int(ready.read_text())))


@both
def test_going_on_after_a_kill(agent: Agent) -> None:
    ready, sink = busy(agent), Recorder()
    with running(lambda: end_when(ready, signal.SIGKILL, sink)):
        killed = agent.run("work on the first part", sink, allowed_tools=["Bash"]).outcome
    put_out(ready)
    assert (killed.ok, killed.signal, killed.usage.cost_usd) == (False, signal.SIGKILL, None)
    agent.api.script(text("The rest is done"))
    run = agent.run("go on", session_id=killed.session_id)
    assert (run.outcome.ok, run.outcome.output) == (True, "The rest is done")
    assert run.outcome.session_id == killed.session_id
    assert run.sink.sessions == [killed.session_id]
    assert "work on the first part" in agent.api.requests[-1].said
    assert run.outcome.usage.cost_usd == pytest.approx(PRICE[agent.version])


@both
def test_each_run_of_a_session_costs_what_it_added(agent: Agent) -> None:
    agent.api.script(text("yes"))
    first = agent.run("one").outcome
    costs = [first.usage.cost_usd]
    costs += [agent.run("more", session_id=first.session_id).outcome.usage.cost_usd for _ in range(2)]
    assert costs == [pytest.approx(PRICE[agent.version])] * 3


@both
def test_a_session_that_is_unknown(agent: Agent) -> None:
    agent.api.script(text("from the start"))
    unknown = str(uuid4())
    run = agent.run("the whole task", session_id=unknown, follow_up="go on")
    assert (run.outcome.ok, run.outcome.output) == (True, "from the start")
    assert run.sink.sessions == [unknown, run.outcome.session_id]
    assert [request.session for request in agent.api.requests] == [run.outcome.session_id]
    assert "the whole task" in agent.api.requests[0].said
    assert run.outcome.usage.cost_usd == pytest.approx(PRICE[agent.version])


@both
def test_a_session_that_is_in_use(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.api.script(text("yes"))
    taken = agent.run("one").outcome.session_id
    ids = iter([taken, str(uuid4())])
    monkeypatch.setattr(stream_json, "uuid4", lambda: next(ids))
    run = agent.run("two")
    assert run.outcome.ok
    assert run.outcome.session_id not in (taken, None)
    assert any("is already in use" in event.body for event in run.of_kind(EventKind.NOTICE))


# Side by side


def answer_by_number(request: Request) -> object:
    number = next(n for n in range(9) if f"item {n}." in request.said)
    return text(f"answer {number}")


@both
@pytest.mark.parametrize("config_per_slot", [False, True])
def test_four_at_once_share_one_home(agent: Agent, config_per_slot: bool) -> None:
    agent.api.script(tool_use("Read", file_path="no.txt"), answer_by_number)
    start = threading.Barrier(4)

    def one(number: int) -> Outcome:
        start.wait(30)
        return agent.run(f"item {number}.", config_per_slot=config_per_slot).outcome

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(one, range(4)))
    assert [(outcome.ok, outcome.output) for outcome in outcomes] == [(True, f"answer {n}") for n in range(4)]
    assert len({outcome.session_id for outcome in outcomes}) == 4
    assert [outcome.usage.cost_usd for outcome in outcomes] == [pytest.approx(2 * PRICE[agent.version])] * 4
    if not config_per_slot:
        json.loads((agent.home / ".claude.json").read_text())
    again = agent.run("item 5.", session_id=outcomes[3].session_id, config_per_slot=config_per_slot).outcome
    assert (again.ok, again.session_id) == (True, outcomes[3].session_id), "any slot knows all sessions"


def test_slots_leave_the_state_of_the_home_alone(agent: Agent) -> None:
    (agent.home / ".claude.json").write_text('{"mine": true}')
    agent.api.script(text("hi"))
    assert agent.run("hi", config_per_slot=True).outcome.ok
    assert (agent.home / ".claude.json").read_text() == '{"mine": true}'
    assert list((agent.home / ".claude" / "projects").rglob("*.jsonl"))


@both
def test_probe(agent: Agent) -> None:
    probe = agent.worker().probe()
    assert (probe.available, probe.version) == (True, agent.version)


@both
def test_what_a_start_takes_is_measured_without_a_login(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks nobody but a port that refuses: the API that the environment names hears nothing."""
    for name, value in agent.environment.items():
        monkeypatch.setenv(name, value)
    cost = measure(agent.worker())
    assert cost is not None
    assert 100 < cost.peak_bytes / 2**20 < 1000
    assert not agent.api.requests
