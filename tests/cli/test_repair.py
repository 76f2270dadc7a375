"""Two hundred units, four causes of failure, and the way to two hundred good results."""

from __future__ import annotations

import json
import shlex
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.status import JobStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from tests.cli.driver import Abp
from tests.factories import InProcessWorker, fail, make_job
from tests.repairable import NUDGE, PLANTED, assert_all_are_good, causes, make

pytestmark = pytest.mark.slow


def brought_to_good(abp: Abp, counts: dict[str, int], total: int) -> None:
    make(abp, counts, total)
    before = abp.json("show", "work")
    assert before["status"] == "FAILED"
    assert before["completed_units"] == total - sum(counts.values())
    assert before["failed_units"] == counts["encoding"]
    found = causes(abp)
    assert {kind: cause["units"] for kind, cause in found.items()} == counts
    again = ("--test-first", "--yes", "--wait")

    cause = found["question"]["fingerprint"]
    done = abp.run("retry", "work", "--cause", cause[:6], "--nudge", NUDGE, *again, code=1)
    assert "runs first" in done.stderr and "Verdict: good" in done.stdout

    (rule,) = abp.run("permit", "work", "--list").stdout.split("\n")[:1]
    assert rule == "Bash(pdftotext *.pdf -)"
    abp.run("permit", "work", "--rule", rule)
    abp.run("retry", "work", "--cause", found["denied"]["fingerprint"], *again, code=1)

    abp.run("prompt", "work", "--set", "Do item {id}, kind {kind}. The texts are in UTF-8.")
    abp.run("retry", "work", "--cause", found["encoding"]["fingerprint"], *again, code=5)

    abp.run("set", "work", "option.model=haiku")
    abp.run("retry", "work", "--cause", found["form"]["fingerprint"], *again, code=0)

    assert_all_are_good(abp, counts, total)


def test_four_causes_are_repaired_one_by_one(abp: Abp) -> None:
    brought_to_good(abp, {"question": 2, "denied": 2, "encoding": 2, "form": 2}, 10)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_units_with_four_causes_of_failure_come_to_two_hundred_good_results(abp: Abp) -> None:
    brought_to_good(abp, PLANTED, 200)


def attempts_of(abp: Abp, kind: str) -> list[tuple[Any, ...]]:
    query = (
        "SELECT a.number, a.session_id, a.recipe_version, a.prompt FROM attempt a JOIN unit u "
        f"ON u.job_id = a.job_id AND u.seq = a.seq WHERE u.payload LIKE '%\"{kind}\"%' ORDER BY a.id"
    )
    return abp.sql(query)


def test_a_nudge_is_said_in_the_session_of_the_last_attempt(abp: Abp) -> None:
    make(abp, {"question": 1}, 2)
    abp.run("retry", "work", "--cause", causes(abp)["question"]["fingerprint"], "--nudge", NUDGE, "--wait")
    first, second = attempts_of(abp, "question")
    assert second[3] == NUDGE
    assert first[1] == second[1]


def test_without_anybody_to_ask_the_others_stay(abp: Abp) -> None:
    make(abp, {"question": 3}, 4)
    cause = causes(abp)["question"]["fingerprint"]
    done = abp.run("retry", "work", "--cause", cause, "--nudge", NUDGE, "--test-first", code=3)
    assert f"2 units of this cause not run again. To run them: abp retry work --cause {cause}" in done.stderr
    assert f"--cause {cause} --nudge {shlex.quote(NUDGE)}" in done.stderr
    assert abp.json("show", "work")["suspect_units"] == 2


def test_where_the_first_one_is_no_better_the_others_do_not_run(abp: Abp) -> None:
    make(abp, {"question": 3}, 4)
    cause = causes(abp)["question"]["fingerprint"]
    done = abp.run("retry", "work", "--cause", cause, "--test-first", "--yes", code=1)
    assert "COMPLETED suspect: check failed: it ends in a question" in done.stderr
    assert abp.json("show", "work")["suspect_units"] == 3
    assert len(attempts_of(abp, "question")) == 4


def test_a_cause_whose_units_were_run_again_meanwhile_is_told(abp: Abp) -> None:
    make(abp, {"question": 2}, 3)
    cause = causes(abp)["question"]["fingerprint"]
    abp.run("retry", "work", "--cause", cause, "--nudge", NUDGE, "--wait")
    done = abp.run("retry", "work", "--cause", cause, "--wait", code=2)
    assert f"no unit of job work has ended for cause '{cause}': they may have been run again" in done.stderr


def test_doubtful_results_are_told_of_when_they_are_exported(abp: Abp) -> None:
    make(abp, {"form": 1}, 2)
    done = abp.run("export", "work", "-o", "-")
    assert "in doubt, their verdict is not ok: 1 unit" in done.stderr
    bare = abp.run("export", "work", "-o", "-", "--fields", "key,output")
    assert "in doubt, left out, as --fields has no verdict: 1 unit" in bare.stderr
    assert len(bare.stdout.splitlines()) == 1
    waited = abp.run("wait", "work", code=5)
    assert "1 unit is in doubt, not done. Next: abp failures work" in waited.stderr
    assert sorted(json.loads(line)["verdict"] for line in done.stdout.splitlines()) == ["ok", "suspect"]
    assert "check" in abp.run("show", "work").stdout


def test_a_person_accepts_what_is_in_doubt(abp: Abp) -> None:
    make(abp, {"form": 3}, 5)
    (cause,) = abp.json("failures", "work")
    first, *others = [unit["seq"] for unit in abp.json("units", "work", "--status", "suspect")]
    done = abp.run("accept", "work", str(first), LOGNAME="ann")
    assert "work: 1 unit accepted, 2 left in doubt" in done.stderr
    assert "ann accepted unit" in abp.run("log", "work").stdout
    assert "accepted by ann: check failed" in abp.run("units", "work").stdout
    assert (
        f"unit {first} of job work is COMPLETED, ok" in abp.run("accept", "work", str(first), code=2).stderr
    )
    abp.run("accept", "work", code=2)
    abp.run("accept", "work", "--cause", cause["fingerprint"][:5], LOGNAME="ann")
    view = abp.json("show", "work")
    assert (view["completed_units"], view["suspect_units"]) == (5, 0)
    assert abp.json("failures", "work") == []
    abp.run("check")
    assert "in doubt" not in abp.run("export", "work", "-o", "-").stderr
    assert others


def test_a_check_with_a_missing_program_is_refused_when_the_job_is_made(abp: Abp, texts: Path) -> None:
    words = ("new", "x", "--intent", "i", "--files", texts)
    done = abp.run(*words, "--check", "no-such-tool {file_path}", code=2)
    assert "no program 'no-such-tool'" in done.stderr
    done = abp.run(*words, "--check", "cat {file_pth}", code=2)
    assert "file_pth" in done.stderr


def test_checks_are_set_and_taken_away_again(abp: Abp, texts: Path) -> None:
    abp.run("new", "x", "--intent", "i", "--files", texts, "--check", "cat {file_path}", "--", "true")
    assert [check["kind"] for check in abp.json("show", "x")["checks"]] == ["command"]
    done = abp.run("set", "x", "--check-not-empty", "--check-changed", "--no-tell", "same")
    assert "+check: the output is not empty" in done.stderr and "version 2 is saved" in done.stderr
    assert [check["kind"] for check in abp.json("show", "x")["checks"]] == ["changed", "not_empty", "tells"]
    abp.run("set", "x", "checks=", "idle_s=4")
    view = abp.json("show", "x")
    assert (view["checks"], view["timers"]["idle_s"], view["prompt_version"]) == ([], 4.0, 3)


def test_the_second_of_two_edits_sees_what_the_first_has_changed(abp: Abp, texts: Path) -> None:
    abp.run("new", "x", "--intent", "i {file_path}", "--files", texts, "--", "true")
    abp.run("prompt", "x", "--set", "Theirs {file_path}", "--based-on", "1")
    done = abp.run("prompt", "x", "--set", "Mine {file_path}", "--based-on", "1", code=2)
    assert "+Theirs {file_path}" in done.stderr
    assert "version 1 of job x is no longer the newest" in done.stderr


def test_an_edit_over_that_of_somebody_else_says_whose_it_replaces(abp: Abp, texts: Path) -> None:
    abp.run("new", "x", "--intent", "i {file_path}", "--files", texts, "--", "true", LOGNAME="ann")
    mine = abp.run("prompt", "x", "--set", "Mine {file_path}", LOGNAME="ann")
    assert "replaces" not in mine.stderr
    theirs = abp.run("prompt", "x", "--set", "Theirs {file_path}", LOGNAME="bob")
    assert "x: it replaces version 2, saved by ann at 20" in theirs.stderr
    named = abp.run("prompt", "x", "--set", "Mine {file_path}", "--based-on", "3", LOGNAME="ann")
    assert "replaces" not in named.stderr


def test_skipped_permission_checks_are_shown_wherever_the_job_is(abp: Abp, texts: Path) -> None:
    option = ("--worker-option", "permission_mode=bypassPermissions")
    abp.run("new", "x", "--intent", "i {file_path}", "--files", texts, *option)
    assert "SKIPS ALL PERMISSION CHECKS" in abp.run("ls").stdout
    assert "SKIPS ALL PERMISSION CHECKS" in abp.run("show", "x").stdout
    abp.use_standins()
    for verb in (
        ["failures"],
        ["units"],
        ["events", "--unit", "0"],
        ["test"],
        ["pilot", "-n", "1"],
        ["quote"],
        ["prompt"],
        ["prompt", "--versions"],
        ["log"],
        ["permit", "--list"],
        ["permit", "--rule", "WebSearch"],
        ["set", "max_retries=1"],
        ["accept", "0"],
        ["export"],
    ):
        done = abp.run(verb[0], "x", *verb[1:], code=None)
        assert "SKIPS" not in done.stdout, verb
        assert "x: each agent SKIPS ALL PERMISSION CHECKS" in done.stderr, verb
        abp.run("wait", "x", code=None)
    assert sqlite3.connect(abp.store).execute("SELECT count(*) FROM job").fetchone() == (1,)


def test_units_that_run_again_are_told_of_beside_the_causes(abp: Abp) -> None:
    repository, agent = Repository(abp.store), InProcessWorker(fail)
    job = make_job(repository, 3, status=JobStatus.RUNNING)
    JobExecutor(repository, job.id, agent).run()
    Orchestrator(repository, agent).retry(job.id, [0, 1])  # with nobody who runs them
    done = abp.run("failures", "words")
    assert "it did not work" in done.stdout
    assert "run again or wait for it: 2 units of 1 cause" in done.stderr
    assert [cause["units"] for cause in abp.json("failures", "words")] == [1]
    (cause,) = abp.json("failures", "words")
    shown = abp.run("failures", "words", "--cause", cause["fingerprint"][:4])
    head, error = shown.stdout.splitlines()
    assert head == f"1 unit, {cause['failure_kind']}, first: unit {cause['first_seq']}"
    assert error == cause["error"]
    assert f"abp events words --unit {cause['first_seq']}, then abp retry words --cause" in shown.stderr
    assert abp.json("failures", "words", "--cause", cause["fingerprint"]) == cause
    assert "has ended for cause 'zz'" in abp.run("failures", "words", "--cause", "zz", code=2).stderr
