"""A job of the agent worker through the command: asked in the test, by its rules in the batch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.driver import Abp
from tests.workers.helpers import STANDINS, is_alive

AGENT = str(STANDINS / "acp_agent.py")


def new(abp: Abp, texts: Path, *more: str, scene: str = "permission") -> None:
    source = ("--files", texts, "--pattern", "*.md", "--prompt", "edit {file_name}", "--intent", "Edit it")
    abp.quick("new", "docs", *source, "--worker", "acp", *more, "--", sys.executable, AGENT, scene)


@pytest.mark.slow
def test_a_person_answers_the_test_and_the_rules_the_batch(abp: Abp, texts: Path) -> None:
    new(abp, texts)
    testing = abp.start("test", "docs")
    abp.until(lambda: abp.json("show", "docs")["question"], "the agent asks")

    shown = abp.run("show", "docs").stdout
    assert "the agent asks\n  edit: 1.md\n  1 Always allow\n  2 Allow\n  3 Reject\n" in shown
    assert abp.run("wait", "docs", code=3).stderr.count("abp answer docs 1|2|3") == 1
    assert "none of the options" in abp.run("answer", "docs", "7", code=2).stderr
    assert abp.run("answer", "docs", "allow").stderr == "answered: Allow\n"
    assert testing.process.wait(30) == 0
    assert testing.says("? edit: 1.md\n? 1. Always allow\n")
    assert testing.says("The agent asks. Next: abp answer docs 1|2|3")
    assert "asks nothing" in abp.run("answer", "docs", "1", code=2).stderr

    abp.run("approve", "docs", "--wait", code=5)
    units = abp.json("units", "docs")
    assert [unit["output"] for unit in units] == ["chosen: once", "chosen: no", "chosen: no"]
    assert [unit["verdict"] for unit in units] == ["ok", "blocked", "blocked"]
    assert units[1]["error"] == "permission denied: edit 2.md"
    assert units[1]["session_id"] == "session-1"


def test_a_rule_lets_the_batch_work(abp: Abp, texts: Path) -> None:
    new(abp, texts, "--worker-option", "allow=edit(*.md)")
    abp.run("start", "docs", "--skip-test", "--wait")
    assert {unit["output"] for unit in abp.json("units", "docs")} == {"chosen: once"}
    assert {unit["verdict"] for unit in abp.json("units", "docs")} == {"ok"}


def test_what_an_agent_leaves_in_a_session_of_its_own_is_ended_too(abp: Abp, texts: Path) -> None:
    new(abp, texts, "--limit", "1", scene="setsid")
    abp.run("start", "docs", "--skip-test", "--wait")
    [unit] = abp.json("units", "docs")
    assert not is_alive(int(unit["output"]))
