"""Waiting and its exit codes, pausing, stopping, going on, trying again, removing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cli.driver import Abp, Result, assert_counters_match

pytestmark = pytest.mark.slow


def test_wait_times_out_with_124_and_ends_with_0(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    done = abp.run("wait", "gated", "--timeout", "0.3", code=124)
    assert "0.3 s" in done.stderr
    gate.touch()
    abp.run("wait", "gated")
    assert abp.json("show", "gated")["completed_units"] == 3


def test_wait_for_a_job_that_waits_for_a_person_exits_3(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    assert "abp test gated" in abp.run("wait", "gated", code=3).stderr
    gate.touch()
    abp.run("start", "gated", "--wait", code=3)
    assert "abp approve gated" in abp.run("wait", "gated", code=3).stderr


def test_pause_lets_running_units_finish_and_resume_goes_on(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts, "--max-workers", "1")
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(1)
    abp.run("pause", "gated")
    abp.run("wait", "gated", "--timeout", "0.3", code=124)  # one unit still runs
    gate.touch()
    assert "abp resume gated" in abp.run("wait", "gated", code=3).stderr
    shown = abp.json("show", "gated")
    assert (shown["status"], shown["completed_units"], shown["pending_units"]) == ("PAUSED", 1, 2)
    abp.run("resume", "gated", "--wait")
    assert [unit["attempts"] for unit in abp.json("units", "gated")] == [1, 1, 1]
    assert_counters_match(abp, "gated")


def test_stop_ends_the_agents_and_their_units_wait_again(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(3)
    abp.run("stop", "gated")
    abp.run("wait", "gated", code=3)
    shown = abp.json("show", "gated")
    assert (shown["status"], shown["pending_units"], shown["executor"]) == ("PAUSED", 3, None)
    assert abp.sql("SELECT DISTINCT status FROM attempt") == [("INTERRUPTED",)]
    gate.touch()
    abp.run("resume", "gated", "--wait")
    assert [unit["attempts"] for unit in abp.json("units", "gated")] == [2, 2, 2]


def test_a_killed_executor_is_seen_and_resume_loses_nothing(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(3)
    abp.kill_executor("gated")
    shown = abp.json("show", "gated")
    assert (shown["status"], shown["phase"], shown["executor"]["alive"]) == ("RUNNING", "interrupted", False)
    assert "abp resume gated" in abp.run("wait", "gated", code=4).stderr
    assert "abp resume gated" in abp.run("start", "gated", code=2).stderr
    gate.touch()
    abp.run("resume", "gated", "--wait")
    statuses = abp.sql("SELECT status, count(*) FROM attempt GROUP BY 1 ORDER BY 1")
    assert statuses == [("COMPLETED", 3), ("INTERRUPTED", 3)]
    assert_counters_match(abp, "gated")


def test_resume_leaves_a_running_job_alone(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    executor = abp.json("show", "gated")["executor"]["pid"]
    assert "runs already" in abp.run("resume", "gated").stderr
    assert abp.json("show", "gated")["executor"]["pid"] == executor
    gate.touch()
    abp.run("resume", "gated", "--wait", code=None)
    assert abp.run("wait", "gated").returncode == 0


def sleeps(pid: int) -> bool:
    """Whether a process waits for time to pass, as `wait` does between two looks, and nothing before it."""
    return "nanosleep" in Path(f"/proc/{pid}/wchan").read_text()


def test_ctrl_c_leaves_the_wait_and_not_the_job(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(3)
    waiting = abp.start("wait", "gated")
    abp.until(lambda: sleeps(waiting.process.pid), "it waits")
    os.kill(waiting.process.pid, signal.SIGINT)
    assert waiting.process.wait(30) == 130
    assert waiting.says("the job goes on")
    assert abp.json("show", "gated")["phase"] == "running"
    gate.touch()
    abp.run("wait", "gated")


def test_retry_runs_what_failed_or_one_unit(abp: Abp, texts: Path) -> None:
    mended = abp.folder / "mended"
    abp.quick(
        "new", "r", "--intent", "Look", "--files", texts, "--pattern", "*.md", "--max-retries", "0",
        "--", "test", "-e", str(mended),
    )  # fmt: skip
    abp.run("start", "r", "--skip-test", "--wait", code=1)
    mended.touch()
    abp.run("retry", "r", "--unit", "1", "--wait", code=1)
    assert [unit["status"] for unit in abp.json("units", "r")] == ["FAILED", "COMPLETED", "FAILED"]
    abp.run("retry", "r", "--wait")
    assert [unit["attempts"] for unit in abp.json("units", "r")] == [2, 2, 2]
    assert_counters_match(abp, "r")
    assert "no failed" in abp.run("retry", "r", code=2).stderr


def test_one_of_a_kind_is_said_in_the_singular(abp: Abp, texts: Path) -> None:
    new = ("new", "one", "--intent", "Fail", "--files", texts, "--limit", "1", "--max-retries", "0")
    assert "one: 1 unit for command" in abp.run(*new, "--dry-run", "--", "false").stderr
    made = abp.run(*new, "--", "false").stderr
    assert "info: created with 1 unit\n" in made and "one: 1 unit for command" in made
    limits = abp.run("set", "one", "max_workers=1", "max_retries=1", "max_failures_in_row=1").stderr
    assert "1 retry, 1 worker, pauses after 1 failure in a row" in limits
    abp.run("set", "one", "max_retries=0", "max_failures_in_row=0")
    abp.run("start", "one", "--skip-test", "--wait", code=1)
    abp.run("retry", "one", "--wait", code=1)
    log = abp.run("log", "one").stdout
    for words in ("runs it with 1 worker\n", "run again: 1 ended unit\n"):
        assert words in log, log
    assert "1 unit written" in abp.run("export", "one", "-o", "one.jsonl").stderr


def test_workers_are_changed_while_it_runs(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts, "--max-workers", "1")
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(1)
    abp.run("workers", "gated", "3")
    abp.until_processing(3)
    assert abp.json("show", "gated")["max_workers"] == 3
    gate.touch()
    abp.run("wait", "gated")


def test_rm_refuses_a_running_job_and_a_script_that_does_not_say_yes(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    assert "stop" in abp.run("rm", "gated", "--yes", code=2).stderr
    gate.touch()
    abp.run("wait", "gated")
    assert "--yes" in abp.run("rm", "gated", code=2).stderr
    assert len(abp.json("ls")) == 1
    abp.run("rm", "gated", "--yes")
    assert abp.json("ls") == []
    for table in ("unit", "attempt", "event", "log", "bucket", "recipe"):
        assert abp.sql(f"SELECT count(*) FROM {table}") == [(0,)]


def test_an_illegal_transition_says_what_can_be_done_instead(abp: Abp, texts: Path) -> None:
    abp.new_gated(texts).touch()
    before = abp.json("show", "gated")
    for verb in ("approve", "resume", "pause", "stop", "reject", "retry"):
        assert_one_line(abp.run(verb, "gated", code=2))
    assert abp.json("show", "gated") == before
    abp.run("start", "gated", "--skip-test", "--wait")
    before = abp.json("show", "gated")
    for verb in ("start", "test", "approve", "resume"):
        assert_one_line(abp.run(verb, "gated", code=2))
    assert abp.json("show", "gated") == before


def assert_one_line(refused: Result) -> None:
    assert refused.stderr.startswith("abp: ") and refused.stderr.count("\n") == 1
    assert "(" in refused.stderr


def test_a_budget_that_is_reached_can_be_raised(abp: Abp, texts: Path) -> None:
    abp.use_standins()
    more = ("--pattern", "*.md", "--budget", "0.02", "--max-workers", "1")
    abp.quick("new", "dear", "--intent", "Read", "--files", texts, *more)
    assert "abp set" in abp.run("start", "dear", "--skip-test", "--wait", code=3).stderr
    assert "$5" in abp.run("set", "dear", "budget_usd=5", "max_retries=1").stderr
    abp.run("resume", "dear", "--wait")
    assert_counters_match(abp, "dear")


def test_a_spent_budget_is_raised_by_whoever_goes_on(abp: Abp, texts: Path) -> None:
    abp.use_standins()
    more = ("--pattern", "*.md", "--budget", "0.02", "--max-workers", "1")
    abp.quick("new", "dear", "--intent", "Read", "--files", texts, *more)
    assert "abp resume dear --budget USD" in abp.run("start", "dear", "--skip-test", "--wait", code=3).stderr
    assert "is spent" in abp.run("resume", "dear", "--budget", "0.01", code=2).stderr
    assert abp.json("show", "dear")["budget_usd"] == 0.02
    abp.run("resume", "dear", "--budget", "5", "--wait")
    assert abp.json("show", "dear")["budget_usd"] == 5
    refused = abp.run("resume", "dear", "--budget", "6", code=2).stderr
    assert "abp set dear budget_usd=6" in refused


def test_the_log_tells_the_story(abp: Abp, texts: Path) -> None:
    abp.quick("new", "words", "--intent", "Count", "--files", texts, "--", "wc", "-w", "{file_path}")
    abp.run("test", "words")
    abp.run("reject", "words")
    abp.run("test", "words")
    abp.run("approve", "words", "--wait")
    told = abp.run("log", "words").stdout
    story = ("created with", "unit 0 is tested", "the test has ended", "rejected", "approved", "completed")
    places = [told.index(words) for words in story]
    assert places == sorted(places)


def test_stop_unit_ends_one_agent_and_the_rest_go_on(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(3)
    assert "abp retry gated --unit 1" in abp.run("stop", "gated", "--unit", "1").stderr
    abp.until(lambda: abp.json("show", "gated")["failed_units"] == 1, "one unit has failed")
    assert abp.json("show", "gated")["processing_units"] == 2
    assert "no agent runs" in abp.run("stop", "gated", "--unit", "1", code=2).stderr
    gate.touch()
    abp.run("wait", "gated", code=1)
    abp.run("retry", "gated", "--unit", "1", "--wait")
    assert [unit["attempts"] for unit in abp.json("units", "gated")] == [1, 2, 1]
    assert_counters_match(abp, "gated")


def test_a_run_of_failures_pauses_the_job_with_the_reason(abp: Abp, texts: Path) -> None:
    new = ("new", "bad", "--intent", "Fail", "--files", texts, "--max-workers", "1", "--max-retries", "0")
    abp.quick(
        *new,
        "--max-failures-in-row",
        "2",
        "--",
        "sh",
        "-c",
        'echo "no ${1##*/}" >&2; exit 3',
        "sh",
        "{file_path}",
    )
    said = abp.run("start", "bad", "--skip-test", "--wait", code=3).stderr
    assert (
        "2 units in a row have failed (its max_failures_in_row is 2" in said
        and "with: exit code 3: no" in said
    )
    assert abp.json("show", "bad")["pending_units"] >= 1
    assert "never pauses for failures" in abp.run("set", "bad", "max_failures_in_row=0").stderr
    abp.run("resume", "bad", "--wait", code=1)


def test_a_synthesis_runs_at_the_end_and_failures_can_be_waived(abp: Abp, texts: Path) -> None:
    (abp.folder / "agent.sh").write_text(
        'prompt=$(cat)\ncase "$prompt" in\n'
        '  Synthesis*) file=${prompt##*file }; grep -c key "${file%%: one*}";;\n'
        '  *) [ -e "$0.broken" ] && { echo "no luck" >&2; exit 1; }; wc -w < "$1";;\nesac\n'
    )
    broken = abp.folder / "agent.sh.broken"
    broken.touch()
    agent = ("sh", str(abp.folder / "agent.sh"), "{file_path}")
    abp.quick(
        "new",
        "talks",
        "--intent",
        "Count",
        "--files",
        texts,
        "--pattern",
        "*.md",
        "--post",
        "Synthesis of all",
        "--max-retries",
        "0",
        "--",
        *agent,
    )
    assert "abp waive talks" in abp.run("start", "talks", "--skip-test", "--wait", code=1).stderr
    assert abp.json("show", "talks")["synthesis"] == "PENDING"
    abp.run("waive", "talks", "--wait")
    shown = abp.json("show", "talks")
    assert (shown["status"], shown["synthesis"], shown["failed_units"]) == ("COMPLETED", "COMPLETED", 3)
    assert "3" in abp.run("events", "talks", "--unit", "3").stdout
    assert "no synthesis step" not in abp.run("waive", "talks", code=2).stderr
    broken.unlink()
    abp.run("retry", "talks", "--wait")
    assert abp.json("show", "talks")["completed_units"] == 3
    exported = abp.run("export", "talks", "-o", "-").stdout
    assert len(exported.splitlines()) == 3
    assert_counters_match(abp, "talks")


def test_failures_are_listed_by_cause_and_one_cause_is_run_again(abp: Abp, texts: Path) -> None:
    mended = abp.folder / "mended"
    script = 'case "$1" in *1.md) echo "no space left on 7" >&2; exit 3;; esac; test -e "$2" || exit 9'
    abp.quick(
        "new", "c", "--intent", "Look", "--files", texts, "--pattern", "*.md", "--max-retries", "0",
        "--", "sh", "-c", script, "sh", "{file_name}", str(mended),
    )  # fmt: skip
    abp.run("start", "c", "--skip-test", "--wait", code=1)
    first, second = abp.json("failures", "c")
    assert (first["units"], first["error"]) == (2, "exit code 9")
    assert (second["units"], second["first_seq"], second["failed"]) == (1, 0, True)
    assert "no space left on 7" in abp.run("failures", "c").stdout
    mended.touch()
    abp.run("retry", "c", "--cause", first["fingerprint"], "--wait", code=1)
    assert [unit["attempts"] for unit in abp.json("units", "c")] == [1, 2, 2]
    assert "no unit of job c" in abp.run("retry", "c", "--cause", first["fingerprint"], code=2).stderr


def test_failures_that_have_only_paused_a_job_are_pointed_at(abp: Abp, texts: Path) -> None:
    abp.quick(
        "new", "p", "--intent", "Look", "--files", texts, "--pattern", "*.md", "--max-failures-in-row", "2",
        "--", "false",
    )  # fmt: skip
    abp.run("start", "p", "--skip-test", "--wait", code=3)
    said = abp.run("failures", "p").stderr
    assert "no unit has failed for good" in said and "in a row have failed" in said and "abp units p" in said
