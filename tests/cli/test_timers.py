"""The timers of a job: named when it is made, changed later, shown, and held to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.driver import Abp

pytestmark = pytest.mark.slow

DEFAULTS = {"first_event_s": 0, "idle_s": 0, "total_s": 1800, "grace_s": 10, "backoff_s": 1}


def new(abp: Abp, texts: Path, *more: str, code: int = 0) -> str:
    source = ("--intent", "Wait", "--files", texts, "--pattern", "1.md")
    return abp.run("new", "waits", *source, *more, "--", "sleep", "60", code=code).stderr


def test_they_are_named_shown_and_changed(abp: Abp, texts: Path) -> None:
    new(abp, texts, "--timer", "idle=120", "--timer", "first_event_s=60.5", "--timeout", "600")
    named = {**DEFAULTS, "idle_s": 120, "first_event_s": 60.5, "total_s": 600}
    assert abp.json("show", "waits")["timers"] == named
    assert "first event 60.5 s, idle 120 s, total 600 s, grace 10 s" in abp.quick("show", "waits")
    said = abp.run("set", "waits", "idle_s=0", "grace=3", "backoff_s=2", "max_retries=1").stderr
    assert "idle off" in said
    shown = abp.json("show", "waits")
    assert shown["timers"] == {**named, "idle_s": 0, "grace_s": 3, "backoff_s": 2}
    assert (shown["max_retries"], shown["prompt_version"]) == (1, 2)


@pytest.mark.parametrize(
    ("timer", "says"),
    [
        ("idel=3", "there is no timer 'idel' (did you mean 'idle'?)"),
        ("idle=soon", "the timer idle is 'soon'"),
        ("idle", "the timer idle is ''"),
        ("idle=-1", "--timer idle: it must be greater than or equal to 0"),
        ("total=inf", "--timer total"),
        ("total=9999999", "--timeout (--timer total): it must be less than or equal to 2592000"),
    ],
)
def test_what_is_no_timer(abp: Abp, texts: Path, timer: str, says: str) -> None:
    assert says in new(abp, texts, "--timer", timer, code=2)
    assert abp.json("ls") == []


def test_a_change_of_what_is_no_timer_changes_nothing(abp: Abp, texts: Path) -> None:
    new(abp, texts)
    assert "less than or equal" in abp.run("set", "waits", "total_s=9999999", code=2).stderr
    assert "no setting 'idel_s'" in abp.run("set", "waits", "idel_s=3", code=2).stderr
    assert abp.json("show", "waits")["timers"] == DEFAULTS


def test_a_job_is_held_to_them_as_they_are_at_its_start(abp: Abp, texts: Path) -> None:
    new(abp, texts, "--max-retries", "0")
    abp.run("set", "waits", "idle_s=0.3")
    abp.run("start", "waits", "--skip-test", "--wait", code=1)
    unit = abp.json("units", "waits")[0]
    assert (unit["failure_kind"], unit["error"]) == ("timeout_idle", "silent for 0.3 s")


def test_a_test_still_holds_after_a_change_of_timers(abp: Abp, texts: Path) -> None:
    abp.run("new", "c", "--intent", "Count", "--files", texts, "--pattern", "*.md", "--", "wc", "{file_path}")
    abp.run("test", "c")
    abp.run("set", "c", "total_s=60")
    abp.run("approve", "c", "--wait")
    assert abp.json("show", "c")["completed_units"] == 3
