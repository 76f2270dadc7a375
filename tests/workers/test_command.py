from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import EventKind, Outcome, Timers
from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.workers.base import Task, is_warning, make_worker
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.command import CommandWorker
from tests.workers.helpers import Recorder, is_alive, python, running, wait_for


def run(argv: list[str], *, task: dict[str, Any] | None = None, **options: Any) -> tuple[Outcome, Recorder]:
    worker = make_worker("command", {"argv": argv, **options})
    more = {"prompt": "", "payload": {}, "cwd": "/", "timers": worker.default_timers, **(task or {})}
    sink = Recorder()
    sink.worker = worker  # its folder of items lives as long as it does
    with Cancel() as cancel:
        return worker.run(Task(**more), sink, cancel), sink


def check(argv: list[str], fields: list[str], **options: Any) -> None:
    make_worker("command", {"argv": argv, **options}).check(fields)


def test_stdout_is_the_output_and_fields_stand_in_arguments() -> None:
    outcome, sink = run(["echo", "{name}:", "{n}", "{{x}}"], task={"payload": {"name": "a b; $(id)", "n": 3}})
    assert (outcome.ok, outcome.output, outcome.exit_code) == (True, "a b; $(id): 3 {x}\n", 0)
    assert [(event.kind, event.body) for event in sink.events] == [(EventKind.TEXT, "a b; $(id): 3 {x}")]
    assert sink.told[0] == ("process", sink.pids[0])


def test_the_prompt_is_on_stdin() -> None:
    outcome, _ = run(["cat"], task={"prompt": "Grüße {not_a_field} \udcff"})
    assert outcome.output == "Grüße {not_a_field} \ufffd"


def test_the_item_or_nothing_can_be_on_stdin() -> None:
    given = {"prompt": "the prompt", "payload": {"key": "ü", "n": 1}}
    assert json.loads(run(["cat"], task=given, stdin="item")[0].output) == given["payload"]
    assert run(["cat"], task=given, stdin="nothing")[0].output == ""


def test_the_folder_that_it_runs_in(tmp_path: Path) -> None:
    (tmp_path / "in" / "there").mkdir(parents=True)
    script = tmp_path / "in" / "there" / "mine"
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o755)
    job = {"cwd": str(tmp_path)}
    assert run(["./mine"], task=job, cwd="in/there")[0].output == f"{script.parent}\n"
    assert run(["pwd"], task=job, cwd=str(script.parent))[0].output == f"{script.parent}\n"
    assert run(["pwd"], task=job)[0].output == f"{tmp_path}\n"
    outcome, _ = run(["pwd"], task=job, cwd="not/there")
    assert (outcome.failure, "not/there" in outcome.error) == (FailureKind.REFUSED_TO_START, True)


def test_check_wants_the_folder(tmp_path: Path) -> None:
    check(["true"], [], cwd=str(tmp_path))
    check(["true"], [], cwd="found/from/the/jobs/folder")
    with pytest.raises(InvalidInput, match="/no/such"):
        check(["true"], [], cwd="/no/such")


def test_the_item_is_in_a_private_file_and_in_the_environment() -> None:
    code = (
        "import json, os; path = os.environ['ABP_ITEM_FILE']; "
        "print(json.dumps([path, oct(os.stat(path).st_mode & 0o777), "
        "oct(os.stat(os.path.dirname(path)).st_mode & 0o777), json.load(open(path)), "
        "json.loads(os.environ['ABP_ITEM'])]))"
    )
    payload = {"key": "ü", "nested": [1, {"a": None}], "nul": "\0"}
    outcome, kept = run(python(code), task={"payload": payload})
    path, mode, folder_mode, from_file, from_env = json.loads(outcome.output)
    assert (mode, folder_mode) == ("0o600", "0o700")
    assert from_file == from_env == payload
    assert not Path(path).exists()
    assert Path(path).parent.is_dir() and kept.worker, "it is the file that is removed, not only the folder"


def test_a_large_item_is_in_the_file_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABP_ITEM", "of another run")
    code = "import os; print('ABP_ITEM' in os.environ, os.path.getsize(os.environ['ABP_ITEM_FILE']))"
    outcome, _ = run(python(code), task={"payload": {"text": "x" * 300_000}})
    assert outcome.output == f"False {300_000 + len(json.dumps({'text': ''}))}\n"


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "import os; os.unlink(os.environ['ABP_ITEM_FILE'])"])
def test_the_file_is_gone_however_the_run_ends(code: str) -> None:
    code = "import os, sys; print(os.environ['ABP_ITEM_FILE'], flush=True); " + code
    outcome, kept = run(python(code))
    file = Path(outcome.output.strip())
    assert file.suffix == ".json"
    assert file.parent.is_dir() and kept.worker
    assert not file.exists()


def test_environment_of_options_and_task() -> None:
    code = "import os; print(os.environ['A'], os.environ['ABP_ATTEMPT'])"
    outcome, _ = run(python(code), task={"env": {"ABP_ATTEMPT": "store:7"}}, env={"A": "{b}"})
    assert outcome.output == "{b} store:7\n"


def test_a_failing_exit_code_and_what_was_complained_of() -> None:
    outcome, sink = run(python("import sys; print('half'); sys.exit('first\\n\\nthe reason\\n')"))
    assert (outcome.ok, outcome.failure, outcome.exit_code) == (False, FailureKind.AGENT_ERROR, 1)
    assert outcome.error == "exit code 1: the reason"
    assert outcome.output == "half\n"
    assert EventKind.STDERR in sink.kinds()


def test_other_exit_codes_can_be_good() -> None:
    argv = ["grep", "-q", "needle", "/dev/null"]
    assert not run(argv)[0].ok
    assert run(argv, ok_exit_codes=[0, 1])[0].ok


def test_death_by_a_signal_is_told() -> None:
    outcome, _ = run(python("import os; os.kill(os.getpid(), 9)"))
    assert (outcome.error, outcome.exit_code) == ("killed by SIGKILL", None)


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("os.kill(os.getpid(), 9)", FailureKind.TRANSIENT),
        ("os._exit(137)", FailureKind.TRANSIENT),
        ("os._exit(143)", FailureKind.TRANSIENT),
        ("os.kill(os.getpid(), 11)", FailureKind.AGENT_ERROR),
        ("os._exit(1)", FailureKind.AGENT_ERROR),
    ],
)
def test_what_somebody_killed_is_not_the_fault_of_the_program(end: str, kind: FailureKind) -> None:
    assert run(python(f"import os; {end}"))[0].failure is kind


@pytest.mark.parametrize(
    ("timers", "kind"),
    [
        (Timers(first_event_s=0.2), FailureKind.TIMEOUT_FIRST),
        (Timers(first_event_s=0, idle_s=0.2), FailureKind.TIMEOUT_IDLE),
        (Timers(total_s=0.2), FailureKind.TIMEOUT_TOTAL),
    ],
)
def test_timers(timers: Timers, kind: FailureKind) -> None:
    outcome, _ = run(["sleep", "60"], task={"timers": timers})
    assert (outcome.ok, outcome.failure) == (False, kind)


def test_a_silent_command_has_no_silence_timers_by_default() -> None:
    timers = CommandWorker.default_timers
    assert (timers.first_event_s, timers.idle_s, timers.total_s) == (0, 0, Timers().total_s)


def test_cancel_ends_the_program() -> None:
    worker = make_worker("command", {"argv": ["sleep", "60"]})
    sink, outcomes = Recorder(), list[Outcome]()
    with Cancel() as cancel:
        task = Task(prompt="", payload={}, cwd="/", timers=Timers())
        with running(lambda: outcomes.append(worker.run(task, sink, cancel))):
            wait_for(lambda: sink.pids)
            cancel.request("stop now")
    assert (outcomes[0].failure, outcomes[0].error) == (FailureKind.INTERRUPTED, "stop now")
    assert not is_alive(sink.pids[0])


def test_long_output_is_cut_with_a_mark() -> None:
    outcome, sink = run(python("print('x' * 99); print('y' * 5000)"), output_limit=150)
    assert outcome.output == "x" * 99 + "\n" + "y" * 50 + "\n[cut: 150 of 5,101 bytes kept]"
    assert sum(len(event.body) for event in sink.events) <= 150


def test_json_lines_become_events() -> None:
    outcome, sink = run(["printf", '{"type": "step", "n": 1}\n[1]\nplain\nlast'], jsonl_events=True)
    got = [(event.title, event.body) for event in sink.events]
    assert got == [("step", '{"type": "step", "n": 1}'), ("", "[1]"), ("", "plain"), ("", "last")]
    assert (outcome.ok, outcome.output) == (True, "last")


@pytest.mark.parametrize("value", ["a\0b", "x" * 200_000], ids=["NUL", "too long"])
def test_a_value_that_no_argument_can_hold_fails_that_unit_only(value: str) -> None:
    outcome, _ = run(["echo", "{v}"], task={"payload": {"v": value}})
    assert (outcome.ok, outcome.failure) == (False, FailureKind.BAD_INPUT)
    assert "\n" not in outcome.error


def test_a_field_that_this_item_lacks_is_an_empty_argument() -> None:
    argv = python("import sys; print(sys.argv[1:])", "{v}", "x")
    assert run(argv, task={"payload": {"w": 1}})[0].output == "['', 'x']\n"


def test_a_program_that_is_not_there_and_a_folder_that_is_not() -> None:
    outcome, _ = run(["no-such-program"])
    assert outcome.failure is FailureKind.REFUSED_TO_START
    outcome, _ = run(["true"], task={"cwd": "/no/such"})
    assert (outcome.failure, "/no/such" in outcome.error) == (FailureKind.REFUSED_TO_START, True)


def test_check_accepts_known_fields() -> None:
    check(["echo", "{name}", '{"json": true}'], ["name", "size"])
    check(["sh", "-c", 'wc -w "$1"', "sh", "{file_path}"], ["file_path"])


def test_check_names_the_nearest_field() -> None:
    with pytest.raises(InvalidInput, match=r"\{file_pat\}.*did you mean 'file_path'"):
        check(["cat", "{file_pat}"], ["file_path", "size"])


@pytest.mark.parametrize(
    "argv", [["sh", "-c", "wc {f}"], ["env", "bash", "-lc", "{f}"], [sys.executable, "-c", "print('{f}')"]]
)
def test_check_refuses_a_field_in_code(argv: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(argv, ["f"])
    assert '"$1"' in caught.value.hint


def test_check_refuses_a_program_out_of_an_item_and_a_shell_that_runs_the_prompt() -> None:
    with pytest.raises(InvalidInput, match="can't come from an item"):
        check(["{f}"], ["f"])
    with pytest.raises(InvalidInput, match="as code"):
        check(["bash"], [])


def test_code_gets_nothing_of_an_item_even_without_a_check(tmp_path: Path) -> None:
    payload = {"First Name": "; touch hacked", "f": "; touch hacked"}
    outcome, _ = run(["sh", "-c", "echo {First Name}"], task={"payload": payload, "cwd": str(tmp_path)})
    assert outcome.output == "{First Name}\n"
    outcome, _ = run(["sh", "-c", "echo {f}"], task={"payload": payload, "cwd": str(tmp_path)})
    assert outcome.output == "\n"
    assert list(tmp_path.iterdir()) == []


def test_check_wants_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(WorkerUnavailable, match="no-such-program"):
        check(["no-such-program"], [])
    with pytest.raises(WorkerUnavailable):
        check(["/no/such/program"], [])
    check(["./found/from/the/jobs/folder"], [])
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    check(["mine"], [])


def test_probe_and_permissions() -> None:
    worker = make_worker("command", {"argv": ["true"]})
    assert worker.probe().available
    assert worker.permissions() == ["runs true with all the rights of your account"]
    assert "in /x with" in make_worker("command", {"argv": ["true"], "cwd": "/x"}).permissions()[0]
    assert not make_worker("command", {"argv": ["no-such-program"]}).probe().available


@pytest.mark.parametrize(
    ("argv", "skipped"),
    [
        (["gemini", "--yolo", "-p", "x"], "--yolo"),
        (["claude", "-p", "--dangerously-skip-permissions"], "--dangerously-skip-permissions"),
        (["bash", "-c", "claude --permission-mode bypassPermissions"], "--permission-mode bypassPermissions"),
        (["codex", "exec", "--dangerously-bypass-approvals-and-sandbox"], "--dangerously-bypass"),
    ],
)
def test_an_agent_run_without_checks_is_warned_of(argv: list[str], skipped: str) -> None:
    words = make_worker("command", {"argv": argv}).permissions()
    assert [is_warning(line) for line in words] == [True, False]
    assert skipped in words[0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"argv": []},
        {"argv": [""]},
        {"argv": ["a"], "cwd": ""},
        {"argv": ["a"], "stdin": "both"},
        {"argv": ["a"], "shell": True},
        {"argv": ["a"], "env": {"A=B": "c"}},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="worker command"):
        make_worker("command", options)
