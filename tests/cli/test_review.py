"""Test one, look, reject, better prompt, test again, approve: with a program that speaks as `claude` does."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from abp_tui.domain.model import Client
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from tests.cli.driver import Abp, assert_counters_match
from tests.programs import needs_git

pytestmark = pytest.mark.slow


@pytest.fixture
def docs(abp: Abp, texts: Path) -> Path:
    abp.use_standins()
    abp.quick("new", "docs", "--intent", "Sum it up", "--files", texts, "--pattern", "*.md")
    return texts


@pytest.mark.usefixtures("docs")
def test_reject_and_a_new_prompt_test_the_same_unit_again(abp: Abp) -> None:
    first = abp.run("test", "docs", "--unit", "1")
    assert first.stdout.startswith("You said: Sum it up")
    assert "> Sum it up" in first.stderr and "abp approve docs" in first.stderr
    assert abp.json("show", "docs")["phase"] == "review"

    abp.run("reject", "docs")
    assert abp.json("show", "docs")["status"] == "CREATED"
    (abp.folder / "new.txt").write_text("Better: {file_name}")
    abp.run("prompt", "docs", "--set", "@new.txt")
    assert abp.run("prompt", "docs").stdout == "Better: {file_name}\n"

    second = abp.run("test", "docs")
    assert second.stdout == "You said: Better: 2.md\n"

    done = abp.run("approve", "docs", "--wait")
    assert "COMPLETED" in done.stderr
    attempts = abp.sql("SELECT seq, number, purpose, recipe_version, status FROM attempt ORDER BY id")
    assert attempts[:2] == [(1, 1, "test", 1, "COMPLETED"), (1, 2, "test", 2, "COMPLETED")]
    assert sorted(attempts[2:]) == [(0, 1, "run", 2, "COMPLETED"), (2, 1, "run", 2, "COMPLETED")]
    units = abp.json("units", "docs")
    assert [unit["output"] for unit in units] == [f"You said: Better: {n}.md" for n in (1, 2, 3)]
    assert [unit["cost_usd"] for unit in units] == [0.01, 0.02, 0.01]
    assert abp.json("show", "docs")["cost_usd"] == pytest.approx(0.04)
    assert_counters_match(abp, "docs")


@needs_git
@pytest.mark.usefixtures("docs")
def test_the_files_that_the_test_changed_are_counted(abp: Abp) -> None:
    command = ("sh", "-c", "echo two > made.txt; echo done")
    abp.run("new", "makes", "--intent", "x", "--files", ".", "--pattern", "**/*.md", "--", *command)
    shown = abp.run("test", "makes").stderr
    assert "1 file changed, +1 -0" in shown
    assert "made.txt" not in shown.split("output:")[0], "the line on all files is enough"
    abp.run("reject", "makes")
    again = abp.json("test", "makes")["changes"]
    assert (again["total"], again["not_compared"]) == (0, "")


@pytest.mark.usefixtures("docs")
def test_the_test_as_json_is_one_document_with_the_conversation(abp: Abp) -> None:
    result = abp.json("test", "docs")
    assert result["passed"] is True
    assert result["projection"]["rest"] == result["job"]["pending_units"]
    assert result["output"].startswith("You said: Sum it up")
    assert result["cost_usd"] == 0.01
    assert (result["job"]["phase"], result["unit"]["seq"], result["attempt"]["number"]) == ("review", 0, 1)
    kinds = [event["kind"] for event in result["conversation"]]
    assert kinds[0] == "prompt" and "text" in kinds and kinds[-2:] == ["result", "diff"]
    events = abp.json("events", "docs", "--unit", "0")
    assert [event["id"] for event in events] == [event["id"] for event in result["conversation"]]


@pytest.mark.usefixtures("docs")
def test_a_failed_test_exits_1_and_its_unit_runs_again_after_approval(abp: Abp) -> None:
    done = abp.run("test", "docs", code=1, STANDIN_MODE="fail")
    assert "failed" in done.stderr
    assert abp.json("show", "docs")["failed_units"] == 1
    abp.run("approve", "docs", "--wait")
    assert abp.json("show", "docs")["completed_units"] == 3
    assert len(abp.sql("SELECT * FROM attempt WHERE seq = 0")) == 2


@pytest.mark.usefixtures("docs")
def test_the_conversation_streams_while_the_test_runs(abp: Abp) -> None:
    abp.env["STANDIN_MODE"] = "hang"
    testing = abp.start("test", "docs")
    abp.until(lambda: testing.says("I hang."), "the agent's words are shown")
    assert testing.process.poll() is None
    assert abp.json("show", "docs")["phase"] == "testing"
    refused = abp.run("approve", "docs", code=2)
    assert "still runs" in refused.stderr
    abp.run("stop", "docs")
    assert testing.process.wait(30) == 4
    assert abp.json("show", "docs")["status"] == "CREATED"


@pytest.mark.usefixtures("docs")
def test_prompts_are_versions_and_json(abp: Abp) -> None:
    saved = abp.json("prompt", "docs", "--set", "Say {file_stem}")
    assert (saved["prompt_version"], saved["prompt_template"]) == (2, "Say {file_stem}")
    assert abp.json("prompt", "docs") == saved
    assert abp.json("show", "docs")["prompt_version"] == 2
    (abp.folder / "same").write_text(abp.run("prompt", "docs").stdout)
    same = abp.run("prompt", "docs", "--set", f"@{abp.folder / 'same'}").stderr
    assert "docs: nothing is different, version 2 stays" in same and "saved" not in same
    refused = abp.run("prompt", "docs", "--set", "Say {file_stm}", code=2)
    assert "file_stem" in refused.stderr
    assert abp.json("prompt", "docs") == saved


def test_an_option_of_the_worker_reaches_the_agent(abp: Abp, texts: Path) -> None:
    abp.use_standins()
    log = abp.folder / "log.jsonl"
    abp.env["STANDIN_LOG"] = str(log)
    abp.quick(
        "new", "m", "--intent", "Sum up", "--files", texts, "--limit", "1", "--worker-option", "model=opus"
    )
    abp.run("test", "m")
    assert "opus" in json.loads(log.read_text())["argv"]


@pytest.mark.usefixtures("docs")
def test_units_that_were_kept_from_working_are_listed_as_suspect_and_retried(abp: Abp) -> None:
    abp.run("start", "docs", "--skip-test", "--wait", code=5, STANDIN_MODE="deny")
    assert abp.json("units", "docs", "--status", "completed") == []
    suspects = abp.json("units", "docs", "--status", "suspect")
    assert [(unit["status"], unit["verdict"]) for unit in suspects] == [("COMPLETED", "blocked")] * 3
    abp.run("retry", "docs", "--wait")
    assert abp.json("show", "docs")["completed_units"] == 3
    assert_counters_match(abp, "docs")


def test_what_a_program_asks_for_is_shown_before_it_is_approved(abp: Abp, texts: Path) -> None:
    robot = Orchestrator(Repository(abp.store), client=Client("robot"))
    config, options = {"base_directory": str(texts)}, {"argv": ["sh", "-c", "echo \u202eevil"]}
    robot.create_job("theirs", "Do it", "file", config, worker="command", worker_options=options)
    assert "abp approve j1" in abp.run("test", "theirs", code=2).stderr
    refused = abp.run("approve", "theirs", code=2)
    assert 'runs command with argv ["sh", "-c", "echo \\u202eevil"]' in refused.stderr
    assert "--yes" in refused.stderr
    assert abp.json("show", "theirs")["phase"] == "held"
    assert "abp test theirs" in abp.run("approve", "theirs", "--yes").stderr
    assert abp.json("show", "theirs")["held"] == []
    abp.run("test", "theirs")


@pytest.mark.usefixtures("docs")
def test_versions_are_listed_compared_and_chosen(abp: Abp) -> None:
    abp.quick("prompt", "docs", "--set", "Better: {file_name}")
    listed = abp.run("prompt", "docs", "--versions").stdout.splitlines()
    assert listed[0].split() == ["VERSION", "SAVED", "BY", "RESULTS", "CHANGED"]
    assert listed[1].endswith("as it was made") and listed[2].split()[-2:] == ["prompt", "current"]
    diff = abp.run("prompt", "docs", "--diff", "1", "2").stdout
    assert diff.startswith("--- version 1\t") and "+Better: {file_name}" in diff
    assert "version 1 is current again, as version 3" in abp.run("prompt", "docs", "--use", "1").stderr
    assert [version["version"] for version in abp.json("prompt", "docs", "--versions")] == [1, 2, 3]
    assert "no recipe version 8" in abp.run("prompt", "docs", "--diff", "1", "8", code=2).stderr
    assert "together" in abp.run("prompt", "docs", "--use", "1", "--versions", code=2).stderr


@pytest.mark.usefixtures("docs")
def test_mixed_versions_are_shown_as_such(abp: Abp) -> None:
    abp.run("test", "docs")
    abp.run("approve", "docs", "--wait")
    assert {unit["prompt_version"] for unit in abp.json("units", "docs")} == {1}
    assert "results of" not in abp.run("show", "docs").stdout
    connection = sqlite3.connect(abp.store)
    with connection:
        connection.execute(
            "INSERT INTO recipe SELECT job_id, 2, prompt_template, worker_options, timers, "
            "checks, output_schema, created_at, author FROM recipe"
        )
        connection.execute("UPDATE job SET recipe_version = 2")
    connection.close()
    abp.run("retry", "docs", "--unit", "1", "--wait")
    assert "results of      version 1: 2 units, version 2: 1 unit" in abp.run("show", "docs").stdout
    assert [
        json.loads(line)["prompt_version"] for line in abp.quick("export", "docs", "-o", "-").splitlines()
    ] == [1, 2, 1]


def test_an_approval_of_what_failed_says_so(abp: Abp, texts: Path) -> None:
    abp.quick(
        "new", "bad", "--intent", "X", "--files", texts, "--max-retries", "0", "--", "false", "{file_path}"
    )
    abp.run("test", "bad", code=1)
    assert "bad: approved all the same (test failed)" in abp.run("approve", "bad").stderr
    abp.run("wait", "bad", code=1)
