from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind as F
from abp_tui.domain.model import EventKind, Outcome, Timers
from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.workers.base import Task, make_worker
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.codex import CodexWorker
from tests.workers.helpers import ALL_TRANSCRIPTS, Recorder

RECORDED = ALL_TRANSCRIPTS / "codex"
STRICT = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
PROGRAM = """#!PYTHON
import json, os, sys
if "--version" in sys.argv:
    sys.exit(print("codex-cli 0.169.0"))
schema = sys.argv[sys.argv.index("--output-schema") + 1] if "--output-schema" in sys.argv else None
with open("LOG", "a") as log:
    json.dump({"argv": sys.argv[1:], "prompt": sys.stdin.read(), "mark": os.environ.get("ABP_ATTEMPT"),
               "schema": schema and json.load(open(schema))}, log)
    log.write("\\n")
if "gone" in sys.argv:
    sys.exit("WARNING: x\\nError: thread/resume: thread/resume failed: no rollout found for thread id gone")
print(open(os.environ["RECORDED"]).read(), end="")
print(os.environ.get("COMPLAINT", ""), file=sys.stderr)
sys.exit(int(os.environ.get("EXIT", "0")))
"""


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A program on PATH that prints a recorded run; the file it logs its runs to."""
    log = tmp_path / "log"
    script = tmp_path / "bin" / "codex"
    script.parent.mkdir()
    script.write_text(PROGRAM.replace("PYTHON", sys.executable).replace("LOG", str(log)))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("CODEX_HOME", "OPENAI_API_KEY", "CODEX_API_KEY", "CODEX_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return log


def worker(**options: Any) -> CodexWorker:
    return CodexWorker(CodexWorker.Options.model_validate(options))


def run(
    name: str, *, options: dict[str, Any] | None = None, env: dict[str, str] | None = None, **more: Any
) -> tuple[Outcome, Recorder]:
    env = {"RECORDED": str(RECORDED / f"{name}.jsonl"), **(env or {})}
    task = Task(**{"prompt": "Say hi", "payload": {}, "cwd": "/", "timers": Timers(), "env": env, **more})
    sink = Recorder()
    with Cancel() as cancel:
        return worker(**(options or {})).run(task, sink, cancel), sink


def logged(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_good_run(program: Path) -> None:
    outcome, sink = run("text", env={"ABP_ATTEMPT": "store:1"})
    assert (outcome.ok, outcome.output, outcome.usage.input_tokens) == (True, "Hello", 100)
    assert sink.sessions == [outcome.session_id]
    assert sink.kinds()[:3] == [EventKind.NOTICE, EventKind.TEXT, EventKind.RESULT]
    (entry,) = logged(program)
    assert (entry["prompt"], entry["mark"]) == ("Say hi", "store:1")
    assert entry["argv"] == ["exec", "--json", "--color", "never", "--sandbox", "read-only", "-"]


def test_every_option_reaches_the_command_line() -> None:
    argv = worker(
        program="codex",
        model="gpt-x",
        sandbox="workspace-write",
        add_dirs=["/a b", "/c"],
        profile="mine",
        config=["a.b=1", 'c="d"'],
        skip_git_repo_check=True,
        ignore_user_config=True,
    ).argv("sid", "/schema.json")
    assert argv[4:] == [
        *("never", "--sandbox", "workspace-write", "--model", "gpt-x", "--profile", "mine"),
        *("--add-dir", "/a b", "--add-dir", "/c", "--config", "a.b=1", "--config", 'c="d"'),
        *("--output-schema", "/schema.json", "--skip-git-repo-check", "--ignore-user-config"),
        *("resume", "sid", "-"),
    ]


def test_a_session_goes_on_and_counts_its_own_tokens(tmp_path: Path, program: Path) -> None:
    thread = json.loads((RECORDED / "resumed.jsonl").read_text().splitlines()[0])["thread_id"]
    day = tmp_path / "codex" / "sessions" / "2026" / "11" / "24"
    day.mkdir(parents=True)
    totals = [{"input_tokens": 40, "output_tokens": 4}, {"input_tokens": 100, "output_tokens": 10}]
    lines = [{"type": "event_msg", "payload": {"info": {"total_token_usage": total}}} for total in totals]
    kept = day / f"rollout-2026-11-24T17-13-36-{thread}.jsonl"
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines) + 'torn {"total_token_usage"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEX_HOME", str(tmp_path / "codex"))
        outcome, _ = run("resumed", session_id=thread, follow_up="More")
        kept.write_text("")
        all_of_it, _ = run("resumed", session_id=thread)
    assert (outcome.ok, outcome.usage.input_tokens, outcome.usage.output_tokens) == (True, 100, 10)
    assert all_of_it.usage.input_tokens == 200
    entry = logged(program)[0]
    assert (entry["argv"][-3:], entry["prompt"]) == (["resume", thread, "-"], "More")


def test_tokens_of_a_session_whose_past_is_unknown_are_unknown() -> None:
    outcome, _ = run("resumed", session_id="elsewhere")
    assert (outcome.ok, outcome.usage.input_tokens) == (True, None)


def test_a_session_that_is_gone_is_started_anew_with_the_whole_prompt(program: Path) -> None:
    outcome, sink = run("text", session_id="gone", follow_up="More")
    assert (outcome.ok, outcome.usage.input_tokens) == (True, 100)
    assert [entry["prompt"] for entry in logged(program)] == ["More", "Say hi"]
    assert "resume" not in logged(program)[1]["argv"]
    assert any(event.body.endswith("a new session is started") for event in sink.events)


def test_a_strict_schema_goes_to_the_program_and_another_does_not(program: Path) -> None:
    assert run("schema", output_schema=STRICT)[0].output == '{"n": 3}'
    assert run("schema", output_schema={"type": "object"})[0].ok
    assert [entry["schema"] for entry in logged(program)] == [STRICT, None]
    argv = logged(program)[0]["argv"]
    assert not Path(argv[argv.index("--output-schema") + 1]).exists()


def test_what_the_sandbox_refused_is_kept() -> None:
    outcome, sink = run("text", env={"COMPLAINT": "ERROR router: error=patch rejected: blocked by read-only"})
    assert [denial.tool for denial in outcome.denials] == ["edit"]
    assert {EventKind.DENIED, EventKind.STDERR} <= set(sink.kinds())


def test_a_run_without_a_turn_tells_its_error_not_its_last_words() -> None:
    complaint = "WARNING: x\nerror: unexpected argument '--x' found\n\nFor more information, try '--help'."
    outcome, _ = run("text", env={"COMPLAINT": complaint, "EXIT": "2", "RECORDED": "/dev/null"})
    assert (outcome.failure, outcome.exit_code) == (F.REFUSED_TO_START, 2)
    assert outcome.error == "error: unexpected argument '--x' found"


def test_permissions_in_plain_words() -> None:
    assert worker().permissions()[0].startswith("reads files")
    said = worker(sandbox="danger-full-access", config=["a=1"], add_dirs=["/x"]).permissions()
    assert said[0].startswith("RUNS WITHOUT A SANDBOX")
    assert {"with these settings: a=1", "also writes in: /x"} <= set(said)
    assert any("MCP servers run outside" in line for line in said)
    assert not any("MCP" in line for line in worker(ignore_user_config=True).permissions())


@pytest.mark.parametrize(
    "options",
    [
        {"sandbox": "yolo"},
        {"model": "--dangerously-bypass-approvals-and-sandbox"},
        {"config": ["nothing"]},
        {"config": ['sandbox_mode="danger-full-access"']},
        {"config": [" approval_policy = 1"]},
        {"modle": "x"},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="worker codex"):
        make_worker("codex", options)


def test_accounts_are_told_apart_without_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = worker().account()
    assert plain == worker(model="other").account()
    other = worker(config=['model_provider="x"']).account()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    keyed = worker().account()
    monkeypatch.setenv("CODEX_HOME", "/elsewhere")
    assert len({plain, other, keyed, worker().account()}) == 4
    assert "secret" not in keyed


def test_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no login found" in worker().probe().detail
    monkeypatch.setenv("OPENAI_API_KEY", "dummy")
    probe = worker().probe()
    assert (probe.available, probe.version) == (True, "0.169.0")
    assert "OPENAI_API_KEY" in probe.detail
    missing = worker(program="no-such-codex").probe()
    assert (missing.available, bool(missing.hint)) == (False, True)
    with pytest.raises(WorkerUnavailable):
        worker(program="no-such-codex").require()


def test_a_program_that_is_not_there() -> None:
    outcome, _ = run("text", options={"program": "no-such-codex"})
    assert outcome.failure is F.REFUSED_TO_START
