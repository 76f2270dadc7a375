"""A usage limit and a login problem as the command shows them, and how a person has them tried."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.driver import Abp, assert_counters_match

pytestmark = pytest.mark.slow

LIMIT = re.compile(r"usage limit, resets in (\d+ min|\d+ s), (\w{3} )?\d\d:\d\d")


@pytest.fixture
def used_up(abp: Abp) -> Path:
    """A file; while it is there, the stand-in meets a limit that resets in less than 42 minutes."""
    abp.use_standins()
    file = abp.folder / "used-up"
    abp.env |= {"STANDIN_LIMIT_WHILE": str(file), "STANDIN_RESETS_IN": "2560"}
    file.touch()
    return file


def new_job(abp: Abp, texts: Path, name: str = "docs") -> None:
    abp.quick("new", name, "--intent", "Sum up", "--files", texts, "--pattern", "*.md", "--max-workers", "1")


def until_gated(abp: Abp, job: str) -> None:
    """Wait until the gate is closed and no unit runs."""

    def is_gated() -> bool:
        shown = abp.json("show", job)
        return shown["phase"] == "gated" and not shown["processing_units"]

    abp.until(is_gated, f"{job} waits at the gate")


def test_the_countdown_is_in_every_verb_and_wait_goes_on_waiting(
    abp: Abp, texts: Path, used_up: Path
) -> None:
    new_job(abp, texts)
    abp.run("start", "docs", "--skip-test")
    until_gated(abp, "docs")
    shown = abp.json("show", "docs")
    assert (shown["status"], shown["phase"], shown["pending_units"]) == ("RUNNING", "gated", 3)
    gate = shown["gate"]
    assert (gate["state"], gate["reason"], gate["is_known"]) == ("closed", "usage limit", True)
    assert datetime.fromisoformat(gate["until"]).utcoffset() is not None
    assert abp.json("ls")[0]["gate"] == gate
    listed = abp.quick("ls").splitlines()[1]
    assert "RUNNING gated" in listed
    assert LIMIT.search(listed), listed
    assert LIMIT.search(abp.quick("show", "docs"))
    assert "usage limit: no unit starts before" in abp.quick("log", "docs")
    abp.run("wait", "docs", "--timeout", "0.3", code=124)

    waiting = abp.start("wait", "docs")
    used_up.unlink()
    said = abp.run("resume", "docs").stderr
    assert "docs: one unit tries now, the others follow" in said
    assert waiting.process.wait(60) == 0
    assert waiting.says("3 of 3 done")
    done = abp.json("show", "docs")
    assert (done["status"], done["gate"]) == ("COMPLETED", None)
    assert_counters_match(abp, "docs")


def test_a_job_that_is_paused_while_it_waits_goes_on_waiting(abp: Abp, texts: Path, used_up: Path) -> None:
    new_job(abp, texts)
    abp.run("start", "docs", "--skip-test")
    until_gated(abp, "docs")
    begun = abp.sql("SELECT count(*) FROM attempt")
    abp.run("pause", "docs")
    assert "paused by a person" in abp.run("wait", "docs", code=3).stderr
    said = abp.run("resume", "docs").stderr
    assert "docs runs, with 3 units to go, and waits: usage limit, resets in 42 min, " in said
    until_gated(abp, "docs")
    assert abp.sql("SELECT count(*) FROM attempt") == begun
    used_up.unlink()
    abp.run("resume", "docs", "--wait")


def test_a_test_at_the_limit_says_so_and_leaves_its_unit_untested(
    abp: Abp, texts: Path, used_up: Path
) -> None:
    new_job(abp, texts)
    done = abp.run("test", "docs", code=4)
    assert "the test of docs was broken off (usage limit, resets in 42 min, " in done.stderr
    assert "You've hit your 5-hour limit" in done.stderr
    shown = abp.json("show", "docs")
    assert (shown["status"], shown["pending_units"], shown["gate"]["reason"]) == ("CREATED", 3, "usage limit")
    assert LIMIT.search(abp.quick("show", "docs"))
    used_up.unlink()
    abp.run("test", "docs")
    assert abp.json("show", "docs")["gate"] is None


def test_a_login_problem_pauses_with_the_reason_until_a_person_resumes(
    abp: Abp, texts: Path, used_up: Path
) -> None:
    used_up.unlink()
    abp.env["STANDIN_MODE"] = "login"
    new_job(abp, texts)
    new_job(abp, texts, "other")
    done = abp.run("start", "docs", "--skip-test", "--wait", code=3)
    assert "PAUSED (login needed: Failed to authenticate" in done.stderr
    assert "Next: log in, then abp resume docs" in done.stderr
    gate = abp.json("show", "docs")["gate"]
    assert (gate["state"], gate["until"], gate["is_known"]) == ("closed", None, False)
    assert "login needed" in abp.quick("ls")
    del abp.env["STANDIN_MODE"]
    abp.run("resume", "docs", "--wait")
    abp.run("start", "other", "--skip-test", "--wait")
    failures = abp.sql("SELECT max(failures) FROM unit")
    assert failures == [(0,)]
