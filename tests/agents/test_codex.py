"""The real Codex program against a scripted API: what the worker makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind as F
from abp_tui.domain.model import EventKind as K
from abp_tui.domain.model import Outcome, Timers
from abp_tui.workers.base import Task
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.codex import CodexWorker
from tests.agents.codex import KEY
from tests.agents.codex import options as base
from tests.agents.openai_api import Drops, Hangs, OpenAiApi, Refuses, Reply, calls, says, thinks
from tests.processes import marked_processes
from tests.waiting import wait_until
from tests.workers.helpers import Recorder, is_alive, running

pytestmark = pytest.mark.agents

STORE = "codex-test"
PATCH = "*** Begin Patch\n*** Add File: made.txt\n+one\n*** End Patch\n"
EDIT = calls("exec_command", cmd=f"apply_patch <<'EOF'\n{PATCH}EOF\n")
STRICT = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


@dataclass
class Run:
    outcome: Outcome
    sink: Recorder

    def bodies(self, kind: K) -> list[str]:
        return [event.body for event in self.sink.events if event.kind is kind]


@dataclass
class Agent:
    """The program, at work in an empty folder."""

    program: Path
    folder: Path
    api: OpenAiApi

    def worker(self, **options: Any) -> CodexWorker:
        return CodexWorker(CodexWorker.Options.model_validate(base(self.program, self.api, **options)))

    def task(self, prompt: str = "go", **more: Any) -> Task:
        env = {KEY: "dummy", "ABP_ATTEMPT": f"{STORE}:1"}
        timers = Timers(first_event_s=60, idle_s=60, total_s=90)
        return Task(
            **{"prompt": prompt, "payload": {}, "cwd": str(self.folder), "env": env, "timers": timers, **more}
        )

    def run(self, prompt: str = "go", *, options: dict[str, Any] | None = None, **more: Any) -> Run:
        sink = Recorder()
        with Cancel() as cancel:
            return Run(self.worker(**(options or {})).run(self.task(prompt, **more), sink, cancel), sink)


@pytest.fixture
def agent(codex: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Agent]:
    """Makes an agent whose API gives these replies."""

    def make(*replies: Reply) -> Agent:
        api = OpenAiApi(*replies)
        api.__enter__()
        request.addfinalizer(lambda: api.__exit__())
        return Agent(codex, tmp_path, api)

    return make


Make = Callable[..., Agent]


def test_a_plain_answer(agent: Make) -> None:
    codex = agent(says("Hello there"))
    run = codex.run("Say hi")
    assert (run.outcome.ok, run.outcome.output, run.outcome.exit_code) == (True, "Hello there", 0)
    usage = run.outcome.usage
    assert (usage.cost_usd, usage.input_tokens, usage.output_tokens) == (None, 100, 10)
    assert run.sink.sessions == [run.outcome.session_id]
    (request,) = codex.api.requests
    assert request["model"] == "gpt-5"
    assert request["input"][-1]["content"][0]["text"] == "Say hi"


def test_a_tool_round_that_the_sandbox_keeps_from_writing(agent: Make, tmp_path: Path) -> None:
    script = (calls("exec_command", cmd="echo hi; touch a.txt; true"), (thinks("I see."), says("done")))
    run = agent(*script).run()
    assert (run.outcome.ok, run.outcome.output, run.outcome.last_tool) == (True, "done", "shell")
    assert run.sink.kinds()[-5:] == [K.TOOL_CALL, K.TOOL_RESULT, K.THINKING, K.TEXT, K.RESULT]
    said = run.bodies(K.TOOL_RESULT)[0]  # stdout and stderr in either order
    assert "hi\n" in said and "Read-only file system" in said
    assert list(tmp_path.iterdir()) == []
    wider = agent(*script).run(options={"sandbox": "workspace-write"})
    assert wider.outcome.ok
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_an_edit_refused_and_allowed(agent: Make, tmp_path: Path) -> None:
    refused = agent(EDIT, says("done")).run()
    assert [denial.tool for denial in refused.outcome.denials] == ["edit"]
    assert "read-only" in refused.bodies(K.DENIED)[0]
    allowed = agent(EDIT, says("done")).run(options={"sandbox": "workspace-write"})
    assert (allowed.outcome.denials, allowed.bodies(K.TOOL_CALL)) == ((), [f"add {tmp_path}/made.txt"])
    assert (tmp_path / "made.txt").read_text() == "one\n"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Refuses(400, "invalid_request_error", "no"), F.PERMANENT),
        (Refuses(401, "invalid_api_key", "Incorrect API key provided"), F.LOGIN),
        (Refuses(403), F.PERMANENT),
        (Refuses(429, "rate_limit_exceeded"), F.TRANSIENT),
        (Refuses(429, "insufficient_quota"), F.LOGIN),
        (Refuses(500), F.TRANSIENT),
        (Refuses(503, "server_is_overloaded"), F.TRANSIENT),
        (Drops(), F.TRANSIENT),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_what_an_api_that_fails_for_ever_is_taken_for(agent: Make, reply: Reply, kind: F) -> None:
    run = agent(reply).run()
    assert (run.outcome.ok, run.outcome.failure, run.outcome.exit_code) == (False, kind, 1)
    assert run.outcome.error and "\n" not in run.outcome.error


def test_what_passes_is_tried_again_and_told(agent: Make) -> None:
    run = agent(Drops(), says("better")).run()
    assert (run.outcome.ok, run.outcome.output) == (True, "better")
    assert run.bodies(K.RETRY)[0].startswith("Reconnecting... 1/1")


def test_a_usage_limit_tells_its_end(agent: Make) -> None:
    end = datetime.now(UTC) + timedelta(hours=3)
    more = {"plan_type": "plus", "resets_at": int(end.timestamp())}
    run = agent(Refuses(429, "usage_limit_reached", more=more)).run()
    assert run.outcome.failure is F.USAGE_LIMIT
    assert run.outcome.resets_at and timedelta(0) <= run.outcome.resets_at - end <= timedelta(minutes=1)


def test_silence_is_ended_by_the_idle_timer(agent: Make) -> None:
    run = agent(Hangs()).run(timers=Timers(first_event_s=60, idle_s=2, total_s=60))
    assert run.outcome.failure is F.TIMEOUT_IDLE
    assert run.outcome.session_id
    assert not is_alive(run.sink.pids[0])


def test_cancel_in_the_middle_of_a_tool_leaves_no_process(agent: Make) -> None:
    codex = agent(calls("exec_command", cmd="setsid sleep 301 & sleep 302", yield_time_ms=30000))
    sink, outcomes = Recorder(), list[Outcome]()
    with Cancel() as cancel, running(lambda: outcomes.append(codex.worker().run(codex.task(), sink, cancel))):
        wait_until(lambda: K.TOOL_CALL in sink.kinds(), what="the tool call")
        cancel.request("stopped")
    assert (outcomes[0].failure, outcomes[0].last_tool) == (F.INTERRUPTED, "shell")
    assert outcomes[0].session_id == sink.sessions[0]
    wait_until(lambda: not marked_processes(STORE), what="the end of all of its processes")


def test_a_session_goes_on(agent: Make) -> None:
    codex = agent(says("The word is plum."))
    first = codex.run("Choose a word")
    again = codex.run(session_id=first.outcome.session_id, follow_up="Which was it?")
    assert (again.outcome.ok, again.outcome.session_id) == (True, first.outcome.session_id)
    assert again.outcome.usage.input_tokens == 100, "the program says 200: it counts the whole session"
    said = json.dumps(codex.api.requests[-1]["input"])
    assert all(words in said for words in ("Choose a word", "The word is plum.", "Which was it?"))


def test_a_session_that_nobody_knows_is_started_anew(agent: Make) -> None:
    run = agent(says("Hi")).run(session_id="01a20435-b83c-7441-b914-ae5b9d1eadff", follow_up="More")
    assert (run.outcome.ok, run.outcome.usage.input_tokens) == (True, 100)
    assert run.outcome.session_id == run.sink.sessions[-1]


def test_a_prompt_of_a_megabyte_and_one_that_is_too_long(agent: Make) -> None:
    codex = agent(says("Long."))
    prompt = "0123456789abcde\n" * 65536
    assert codex.run(prompt).outcome.ok
    assert codex.api.requests[0]["input"][-1]["content"][0]["text"] == prompt
    outcome = codex.run(prompt + "more").outcome
    assert (outcome.failure, len(codex.api.requests)) == (F.BAD_INPUT, 1)


def test_a_schema(agent: Make) -> None:
    codex = agent(says('{"n": 3}'))
    assert codex.run(output_schema=STRICT).outcome.output == '{"n": 3}'
    assert codex.api.requests[0]["text"]["format"]["schema"] == STRICT


def test_a_folder_that_is_no_repository_and_a_setting_that_is_wrong(agent: Make) -> None:
    codex = agent(says("Hi"))
    outcome = codex.run(options={"skip_git_repo_check": False}).outcome
    assert outcome.failure is F.REFUSED_TO_START
    assert "Not inside a trusted directory" in outcome.error
    outcome = codex.run(options={"config": ['model_provider="none"']}).outcome
    assert (outcome.failure, "none" in outcome.error) == (F.REFUSED_TO_START, True)
    assert codex.api.requests == []


def test_probe_of_the_real_program(agent: Make) -> None:
    assert agent(says("")).worker().probe().version == "0.169.0"
