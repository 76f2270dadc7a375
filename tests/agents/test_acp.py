"""The `acp` worker with two real agents: Claude Code's and Gemini CLI's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, EventKind, Outcome, Timers
from abp_tui.workers.base import Task, make_worker
from abp_tui.workers.cancel import Cancel
from tests.agents import anthropic_api, gemini_api
from tests.agents.anthropic_api import AnthropicApi
from tests.agents.gemini_api import GeminiApi
from tests.workers.helpers import Recorder, is_alive, running, wait_for

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]

PATIENT = Timers(first_event_s=100, idle_s=100, total_s=200, grace_s=20)


@dataclass
class Agent:
    """An agent's program that talks to a scripted API alone, with what it needs to know of the test."""

    argv: list[str]
    api: Any
    cwd: Path
    options: Mapping[str, Any]
    writes: Callable[[str, str], Any]
    runs: Callable[[str], Any]
    says: Callable[[str], Any]
    silent: Any
    sink: Recorder = field(default_factory=Recorder)
    cancel: Cancel = field(default_factory=Cancel)

    def run(self, prompt: str = "Do it", timers: Timers = PATIENT, **more: Any) -> Outcome:
        given = {name: more.pop(name) for name in ("session_id", "may_ask") if name in more}
        worker = make_worker("acp", {"argv": self.argv, **self.options, **more})
        self.sink, self.cancel = Recorder(answer=self.sink.answer), Cancel()
        task = Task(prompt=prompt, payload={}, cwd=str(self.cwd), timers=timers, **given)
        with self.cancel:
            return worker.run(task, self.sink, self.cancel)

    def told(self, kind: EventKind) -> list[str]:
        return [event.body for event in self.sink.events if event.kind is kind]


@pytest.fixture
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], None]:
    """Nothing of whoever runs the tests reaches an agent, but what is set by this."""
    for name in os.environ:
        if name not in ("PATH", "LANG", "HOME") and not name.startswith(("PYTEST", "COV")):
            monkeypatch.delenv(name)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))

    def set_all(variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def claude(
    claude_acp: Path, own_environment: Callable[[Mapping[str, str]], None], tmp_path: Path
) -> Iterator[Agent]:
    with AnthropicApi() as api:
        own_environment(api.environment())
        yield Agent(
            argv=[str(claude_acp)],
            api=api,
            cwd=_folder(tmp_path),
            options={},
            writes=lambda path, content: anthropic_api.tool_use("Write", file_path=path, content=content),
            runs=lambda command: anthropic_api.tool_use("Bash", command=command),
            says=anthropic_api.text,
            silent=anthropic_api.silent("half a"),
        )


@pytest.fixture
def google(
    gemini: Path, own_environment: Callable[[Mapping[str, str]], None], tmp_path: Path
) -> Iterator[Agent]:
    with GeminiApi() as api:
        own_environment(api.environment())
        yield Agent(
            argv=[str(gemini), "--acp"],
            api=api,
            cwd=_folder(tmp_path),
            options={"auth_method": "gemini-api-key"},
            writes=lambda path, content: gemini_api.call("write_file", file_path=path, content=content),
            runs=lambda command: gemini_api.call("run_shell_command", command=command),
            says=gemini_api.words,
            silent=gemini_api.silence(),
        )


@pytest.fixture(params=["claude", "google"])
def agent(request: pytest.FixtureRequest) -> Agent:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Agent)
    return found


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_a_plain_answer(agent: Agent) -> None:
    agent.api.script(agent.says("Hello there"))
    outcome = agent.run("Say hello")
    assert (outcome.ok, outcome.output) == (True, "Hello there"), outcome.error
    assert agent.sink.sessions == [outcome.session_id]
    assert "in mode default" in agent.told(EventKind.NOTICE)[0]
    assert agent.told(EventKind.TEXT) == ["Hello there"]
    assert outcome.usage.input_tokens and outcome.usage.output_tokens
    assert agent.sink.kinds()[-1] is EventKind.RESULT
    assert not is_alive(agent.sink.pids[0])
    assert "Say hello" in str(agent.api.requests[0])


def test_a_change_that_is_allowed(agent: Agent) -> None:
    agent.api.script(agent.writes(str(agent.cwd / "out.txt"), "written\n"), agent.says("done"))
    outcome = agent.run("Write it", allow=["edit"])
    assert (outcome.ok, outcome.output, outcome.denials) == (True, "done", ()), outcome.error
    assert (agent.cwd / "out.txt").read_text() == "written\n"
    [change] = [event for event in agent.sink.events if event.kind is EventKind.DIFF]
    assert change.title.endswith("out.txt")
    assert "+written" in change.body
    kinds = agent.sink.kinds()
    assert kinds.index(EventKind.TOOL_CALL) < kinds.index(EventKind.DIFF) < kinds.index(EventKind.TOOL_RESULT)


def test_a_change_that_no_rule_allows(agent: Agent) -> None:
    agent.api.script(agent.writes(str(agent.cwd / "out.txt"), "written\n"), agent.says("could not"))
    outcome = agent.run("Write it")
    assert outcome.ok, outcome.error
    assert [type(denial) for denial in outcome.denials] == [Denial]
    assert "out.txt" in outcome.denials[0].detail
    assert not (agent.cwd / "out.txt").exists()
    assert EventKind.DIFF not in agent.sink.kinds()
    assert len(agent.told(EventKind.DENIED)) == 1


def test_a_command_by_its_rule_alone(agent: Agent) -> None:
    agent.api.script(agent.runs("touch one.txt"), agent.says("done"))
    assert agent.run(allow=["execute(touch *)"]).denials == ()
    assert (agent.cwd / "one.txt").exists()
    agent.api.script(agent.runs("touch two.txt; touch three.txt"), agent.says("could not"))
    assert agent.run(allow=["execute(touch *)"]).denials
    assert not (agent.cwd / "two.txt").exists()


def test_a_person_is_asked_in_a_test(agent: Agent) -> None:
    agent.api.script(agent.writes(str(agent.cwd / "out.txt"), "written\n"), agent.says("done"))
    agent.sink.answer = lambda text, options, over: next(o for o in options if o in ("Yes", "Allow"))
    outcome = agent.run("Write it", may_ask=True)
    [(text, options)] = agent.sink.asked
    assert "out.txt" in text and "+written" in text
    assert len(options) >= 2
    assert outcome.ok and not outcome.denials
    assert (agent.cwd / "out.txt").exists()


def test_a_cancel_has_a_clean_answer(agent: Agent) -> None:
    agent.api.script(agent.silent)
    outcomes: list[Outcome] = []
    with running(lambda: outcomes.append(agent.run())):
        wait_for(lambda: agent.api.requests, 60)
        agent.cancel.request("stopped by a person")
    [outcome] = outcomes
    assert (outcome.failure, outcome.error) == (FailureKind.INTERRUPTED, "stopped by a person")
    assert outcome.session_id
    assert not is_alive(agent.sink.pids[0])
    assert agent.sink.events[-1].title == "cancelled"


def test_silence_is_ended_by_the_idle_timer(agent: Agent) -> None:
    agent.api.script(agent.silent)
    outcome = agent.run(timers=Timers(first_event_s=100, idle_s=5, total_s=100, grace_s=20))
    assert outcome.failure is FailureKind.TIMEOUT_IDLE
    assert not is_alive(agent.sink.pids[0])


def test_a_prompt_of_a_megabyte(agent: Agent) -> None:
    agent.api.script(agent.says("read"))
    assert agent.run("begin " + "x" * 1024 * 1024 + " end-of-it").output == "read"
    assert "end-of-it" in str(agent.api.requests[0])


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, FailureKind.LOGIN), (429, FailureKind.TRANSIENT), (529, FailureKind.TRANSIENT)],
)
def test_errors_of_the_api_behind_claude(claude: Agent, status: int, kind: FailureKind) -> None:
    claude.api.script(anthropic_api.error(status))
    outcome = claude.run()
    assert outcome.failure is kind, outcome.error
    assert outcome.error


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "API key not valid. Please pass a valid API key.", FailureKind.LOGIN),
        (403, "not for you", FailureKind.PERMANENT),
        (413, "too much", FailureKind.PERMANENT),
    ],
)
def test_errors_of_the_api_behind_gemini(google: Agent, status: int, message: str, kind: FailureKind) -> None:
    google.api.script(gemini_api.error(status, message))
    outcome = google.run()
    assert (outcome.failure, outcome.error) == (kind, message)


def test_what_it_cost(claude: Agent) -> None:
    claude.api.script(anthropic_api.text("Hello"))
    assert claude.run().usage.cost_usd == pytest.approx(0.005)


def test_a_session_goes_on_and_its_cost_is_not_counted_twice(claude: Agent) -> None:
    claude.api.script(anthropic_api.text("Hello"))
    first = claude.run("Remember the word marmalade")
    second = claude.run("Which word?", session_id=first.session_id)
    assert second.ok
    assert second.session_id == first.session_id
    assert "marmalade" in claude.api.requests[-1].said
    assert second.usage.cost_usd is None


def test_a_session_that_is_gone(claude: Agent) -> None:
    claude.api.script(anthropic_api.text("Hello"))
    gone = "00000000-0000-4000-8000-000000000000"
    outcome = claude.run(session_id=gone)
    assert outcome.ok
    assert outcome.session_id != gone
    assert any("a new one begins" in body for body in claude.told(EventKind.NOTICE))


def test_a_mode_that_is_not_there(claude: Agent) -> None:
    outcome = claude.run(mode="yolo")
    assert outcome.failure is FailureKind.REFUSED_TO_START
    assert "it has no mode 'yolo': default" in outcome.error
    assert claude.api.requests == []
