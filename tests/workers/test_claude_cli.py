from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind as F
from abp_tui.domain.model import Denial, EventKind, Outcome, Timers
from abp_tui.errors import InvalidInput
from abp_tui.workers.base import Task, is_warning, make_worker
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.claude_cli import ClaudeCliWorker
from tests.workers.helpers import STANDINS, Recorder, is_alive, running, wait_for

QUICK = Timers(first_event_s=20, idle_s=0.4, total_s=20, grace_s=0.3)


class Agent(ClaudeCliWorker):
    """With short waits between its signals."""

    ending = tuple((number, 0.3) for number, _ in ClaudeCliWorker.ending)


@pytest.fixture(autouse=True)
def standin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The stand-in on PATH; the file it logs its runs to."""
    monkeypatch.setenv("PATH", f"{STANDINS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STANDIN_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def worker(**options: Any) -> Agent:
    return Agent(ClaudeCliWorker.Options.model_validate(options))


def task(prompt: str, **more: Any) -> Task:
    return Task(**{"prompt": prompt, "payload": {}, "cwd": "/", "timers": Timers(), **more})


def run(prompt: str, *, options: dict[str, Any] | None = None, **more: Any) -> tuple[Outcome, Recorder]:
    sink = Recorder()
    with Cancel() as cancel:
        return worker(**(options or {})).run(task(prompt, **more), sink, cancel), sink


def test_a_good_run(standin: Path, tmp_path: Path) -> None:
    outcome, sink = run("Say hi @@tool@@", cwd=str(tmp_path), env={"ABP_ATTEMPT": "store:1"})
    assert (outcome.ok, outcome.output) == (True, "You said: Say hi @@tool@@")
    assert (outcome.usage.cost_usd, outcome.usage.turns, outcome.last_tool) == (0.01, 1, "Read")
    assert sink.told[:2] == [("session", outcome.session_id), ("process", sink.pids[0])]
    assert sink.kinds() == [
        EventKind.NOTICE,
        EventKind.TOOL_CALL,
        EventKind.TOOL_RESULT,
        EventKind.TEXT,
        EventKind.TEXT,
        EventKind.RESULT,
    ]
    entry = json.loads(standin.read_text())
    assert (entry["prompt"], entry["mark"], entry["cwd"]) == ("Say hi @@tool@@", "store:1", str(tmp_path))
    assert entry["argv"][-4:] == ["--session-id", outcome.session_id, "--permission-mode", "default"]


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_not_sent(prompt: str, standin: Path) -> None:
    outcome, sink = run(prompt)
    assert (outcome.failure, outcome.error, sink.told) == (F.BAD_INPUT, "the prompt is empty", [])
    assert not standin.exists()


def test_a_prompt_of_a_megabyte() -> None:
    prompt = "0123456789abcde\n" * 65536
    outcome, _ = run(prompt)
    assert outcome.output == f"You said: {prompt}"


def test_a_session_goes_on_and_costs_its_increment(standin: Path) -> None:
    outcome, sink = run("more", session_id="11111111-2222-4333-8444-555555555555")
    assert outcome.session_id == "11111111-2222-4333-8444-555555555555"
    assert sink.sessions == [outcome.session_id]
    assert outcome.usage.cost_usd == 0.01
    argv = json.loads(standin.read_text())["argv"]
    assert argv[argv.index("--resume") + 1] == outcome.session_id
    assert "--session-id" not in argv


def test_a_session_that_is_unknown_is_started_anew(standin: Path) -> None:
    outcome, sink = run("@@lost@@", session_id="11111111-2222-4333-8444-555555555555")
    first, second = (json.loads(line) for line in standin.read_text().splitlines())
    assert (outcome.ok, outcome.output) == (True, "You said: @@lost@@")
    assert first["prompt"] == second["prompt"]
    assert "--resume" not in second["argv"]
    assert sink.sessions == ["11111111-2222-4333-8444-555555555555", outcome.session_id]
    assert second["argv"][second["argv"].index("--session-id") + 1] == outcome.session_id
    [notice] = [event for event in sink.events if event.title == "abp"]
    assert notice.body.endswith("555555555555; a new session is started")


def test_a_schema_gives_a_structured_result() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert run("count", output_schema=schema)[0].result == {"n": 3}


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("fail", F.AGENT_ERROR),
        ("transient", F.TRANSIENT),
        ("permanent", F.PERMANENT),
        ("login", F.LOGIN),
        ("limit", F.USAGE_LIMIT),
        ("crash", F.AGENT_ERROR),
        ("mute", F.AGENT_ERROR),
    ],
)
def test_failures(mark: str, kind: F) -> None:
    outcome, _ = run(f"@@{mark}@@")
    assert (outcome.ok, outcome.failure) == (False, kind)
    assert outcome.error and "\n" not in outcome.error
    assert (outcome.resets_at is not None) is (kind is F.USAGE_LIMIT)


def test_stderr_of_a_crash_is_told() -> None:
    outcome, sink = run("@@crash@@")
    assert outcome.exit_code == 7
    assert outcome.error.endswith("exit code 7: the stand-in crashed, as it was told")
    assert [event.body for event in sink.events if event.kind is EventKind.STDERR] == [
        "the stand-in crashed, as it was told"
    ]


def test_denials_are_kept() -> None:
    outcome, sink = run("@@deny@@")
    assert (outcome.ok, outcome.denials) == (True, (Denial(tool="Write", detail="b.txt"),))
    assert EventKind.DENIED in sink.kinds()


@pytest.mark.parametrize("mark", ["hang", "stubborn"])
def test_a_hanging_agent_is_ended_by_the_idle_timer(mark: str) -> None:
    outcome, sink = run(f"@@{mark}@@", timers=QUICK)
    assert (outcome.failure, outcome.output) == (F.TIMEOUT_IDLE, "I hang.")
    assert outcome.usage.cost_usd == (0.01 if mark == "hang" else None), "INT lets it tell what it cost"
    assert not is_alive(sink.pids[0])


def test_an_agent_that_stays_after_a_good_result_has_succeeded() -> None:
    outcome, sink = run("@@linger@@", timers=QUICK)
    assert (outcome.ok, outcome.output) == (True, "You said: @@linger@@")
    assert not is_alive(sink.pids[0])


def test_cancel_interrupts_and_keeps_session_and_cost() -> None:
    sink, outcomes = Recorder(), list[Outcome]()
    hanging = task("@@hang@@")
    with Cancel() as cancel, running(lambda: outcomes.append(worker().run(hanging, sink, cancel))):
        wait_for(lambda: EventKind.TEXT in sink.kinds())
        cancel.request("stopped")
    assert (outcomes[0].failure, outcomes[0].usage.cost_usd) == (F.INTERRUPTED, 0.01)
    assert outcomes[0].session_id == sink.sessions[0]


def test_the_markers_of_an_outer_claude_code_are_removed(
    standin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_MAX_RETRIES"):
        monkeypatch.setenv(name, "1")
    run("hi")
    nested = json.loads(standin.read_text())["nested"]
    assert "CLAUDE_CODE_MAX_RETRIES" in nested
    assert not {"CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT"} & set(nested)


def test_every_option_reaches_the_command_line() -> None:
    argv = worker(
        program="claude",
        model="opus",
        fallback_model="sonnet",
        effort="low",
        max_turns=3,
        max_budget_usd=0.5,
        permission_mode="acceptEdits",
        allowed_tools=["Read", "Bash(git log *)"],
        disallowed_tools=["WebFetch"],
        tools=[],
        add_dirs=["/a b"],
        system_prompt="You are brief.",
        append_system_prompt="Be brief.",
        mcp_config=["mcp.json"],
        strict_mcp_config=True,
        settings="{}",
        setting_sources="",
        bare=True,
    ).argv(task("SECRET PROMPT", output_schema={"type": "object"}), "sid")
    joined = " ".join(argv)
    for part in (
        "-p --output-format stream-json --verbose --session-id sid --permission-mode acceptEdits",
        "--model opus --fallback-model sonnet --effort low --max-turns 3 --max-budget-usd 0.5",
        "--system-prompt You are brief. --append-system-prompt Be brief. --settings {} --setting-sources ",
        "--allowedTools Read Bash(git log *) --disallowedTools WebFetch --add-dir /a b --mcp-config mcp.json",
        "--tools  --strict-mcp-config --bare",
        '--json-schema {"type": "object"}',
    ):
        assert part in joined
    assert "SECRET" not in joined


def test_a_lean_start_leaves_out_what_is_not_named() -> None:
    argv = worker(lean=True, mcp_config=["mcp.json"]).argv(task(""), "sid")
    assert argv[argv.index("--setting-sources") + 1] == ""
    assert "--strict-mcp-config" in argv
    assert argv[argv.index("--mcp-config") + 1] == "mcp.json"
    argv = worker(lean=True, setting_sources="project").argv(task(""), "sid")
    assert argv[argv.index("--setting-sources") + 1] == "project"
    assert not any("your own" in words for words in worker(lean=True).permissions())


def test_each_agent_at_once_has_a_config_folder(standin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("hi", options={"config_per_slot": True})
    assert "CLAUDE_CONFIG_DIR" in json.loads(standin.read_text())["nested"]


def test_permissions_come_from_the_options_alone(standin: Path) -> None:
    payload = {
        "file_path": "/etc/passwd",
        "permission_mode": "bypassPermissions",
        "working_directory": "/etc",
    }
    run("hi", payload=payload)
    entry = json.loads(standin.read_text())
    assert entry["cwd"] == "/"
    assert "bypassPermissions" not in entry["argv"]
    assert not {"--add-dir", "--dangerously-skip-permissions", "--allowedTools"} & set(entry["argv"])


def test_permissions_in_plain_words() -> None:
    assert "denied" in worker().permissions()[0]
    said = worker(permission_mode="bypassPermissions", allowed_tools=["Bash"], add_dirs=["/x"]).permissions()
    assert said[0].startswith("SKIPS ALL PERMISSION CHECKS")
    assert {"may without asking: Bash", "also works in: /x"} <= set(said)


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ('{"permissions": {"defaultMode": "bypassPermissions"}}', True),
        ({"permissions": {"defaultMode": "bypassPermissions"}}, True),
        ('{"permissions": {"defaultMode": "plan"}}', False),
        ('{"permissions": "bypassPermissions"}', False),
        ("settings.json", False),
    ],
)
def test_settings_that_skip_all_checks_are_warned_of(settings: object, warned: bool) -> None:
    assert any(map(is_warning, worker(settings=settings).permissions())) is warned


@pytest.mark.parametrize(
    "options",
    [
        {"permission_mode": "yolo"},
        {"allowed_tools": ["--dangerously-skip-permissions"]},
        {"max_turns": 0},
        {"modle": "opus"},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="worker claude"):
        make_worker("claude", options)


def test_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy")
    probe = worker().probe()
    assert (probe.available, probe.version) == (True, "2.1.330")
    assert "ANTHROPIC_API_KEY" in probe.detail
    missing = worker(program="no-such-claude").probe()
    assert (missing.available, bool(missing.hint)) == (False, True)


def test_a_program_that_is_not_there() -> None:
    outcome, _ = run("hi", options={"program": "no-such-claude"})
    assert outcome.failure is F.REFUSED_TO_START
