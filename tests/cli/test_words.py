"""A job from `new` to `export`, over a program that needs no agent."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.cli.driver import Abp, assert_counters_match

pytestmark = pytest.mark.slow

UNIT_FIELDS = (
    "seq key status verdict payload output result error failure_kind attempts cost_usd duration_s session_id"
)


def new_words(abp: Abp, texts: Path, *more: str) -> str:
    done = abp.run(
        "new", "words", "--intent", "Count the words", "--files", texts, "--pattern", "*.md", *more,
        "--", "wc", "-w", "{file_path}",
    )  # fmt: skip
    return done.stdout.strip()


def test_new_prints_the_id_on_stdout_and_what_comes_next_on_stderr(abp: Abp, texts: Path) -> None:
    done = abp.run("new", "n", "--intent", "Count", "--files", texts, "--", "wc", "-w", "{file_path}")
    assert done.stdout == "j1\n"
    assert "4 units" in done.stderr and "abp test n" in done.stderr


def test_a_batch_runs_to_its_end_and_its_results_come_out(abp: Abp, texts: Path) -> None:
    job = new_words(abp, texts)
    done = abp.run("start", "words", "--skip-test", "--wait")
    assert done.stdout == ""
    assert "COMPLETED" in done.stderr
    for name in ("words", job):
        out = abp.folder / f"{name}.jsonl"
        abp.run("export", name, "-o", out)
        units = [json.loads(line) for line in out.read_text().splitlines()]
        assert [unit["key"] for unit in units] == ["1.md", "2.md", "3.md"]
        assert [int(unit["output"].split()[0]) for unit in units] == [2, 4, 6]
        assert all(unit["status"] == "COMPLETED" and unit["attempts"] == 1 for unit in units)
    assert abp.run("export", "words", "-o", "-").stdout == out.read_text()
    assert_counters_match(abp, "words")


def test_abp_skip_test_lets_start_go_straight_to_the_batch(abp: Abp, texts: Path) -> None:
    new_words(abp, texts)
    abp.run("start", "words", "--wait", ABP_SKIP_TEST="1")
    assert abp.json("show", "words")["status"] == "COMPLETED"
    assert abp.sql("SELECT DISTINCT purpose FROM attempt") == [("run",)]


def test_start_tests_one_unit_and_says_what_next(abp: Abp, texts: Path) -> None:
    new_words(abp, texts)
    done = abp.run("start", "words")
    assert done.stdout.split()[0] == "2"
    assert "abp approve words" in done.stderr
    assert abp.sql("SELECT status, count(*) FROM unit GROUP BY 1 ORDER BY 1") == [
        ("COMPLETED", 1),
        ("PENDING", 2),
    ]


def test_dry_run_shows_the_prompt_and_writes_no_job(abp: Abp, texts: Path) -> None:
    done = abp.run("new", "dry", "--intent", "Sum up {file_name}", "--files", texts, "--dry-run", "--", "cat")
    assert "Sum up 1.md" in done.stdout
    assert "4 units" in done.stderr
    assert abp.json("ls") == []


def test_show_as_json_has_the_documented_fields(abp: Abp, texts: Path) -> None:
    new_words(abp, texts, "--max-workers", "2", "--max-retries", "1", "--budget", "2.5", "--timeout", "60")
    shown = abp.json("show", "words")
    promised = (
        "id name intent status phase total_units pending_units processing_units completed_units failed_units "
        "suspect_units cost_usd prompt_template prompt_version enumerator_type worker max_workers created_at "
        "started_at finished_at executor"
    )
    assert set(promised.split()) <= shown.keys()
    assert (shown["id"], shown["status"], shown["phase"], shown["executor"]) == ("j1", "CREATED", None, None)
    assert (shown["max_workers"], shown["max_retries"], shown["budget_usd"]) == (2, 1, 2.5)
    assert shown["worker_options"] == {"argv": ["wc", "-w", "{file_path}"]}
    assert datetime.fromisoformat(shown["created_at"]).utcoffset() is not None
    assert "60.0" in abp.sql("SELECT timers FROM recipe")[0][0]


def test_ls_as_json_is_newest_first_with_the_fields_of_show(abp: Abp, texts: Path) -> None:
    for name in ("one", "two"):
        abp.run("new", name, "--intent", "Count", "--files", texts, "--", "cat")
    rows = abp.json("ls")
    assert [row["name"] for row in rows] == ["two", "one"]
    assert rows[0] == abp.json("show", "two")


def test_units_by_state_and_number(abp: Abp, texts: Path) -> None:
    odd = 'grep -q "two words two words" "$1"'
    abp.run(
        "new", "odd", "--intent", "Look", "--files", texts, "--pattern", "*.md", "--max-retries", "0",
        "--", "sh", "-c", odd, "sh", "{file_path}",
    )  # fmt: skip
    abp.run("start", "odd", "--skip-test", "--wait", code=1)
    assert [unit["key"] for unit in abp.json("units", "odd")] == ["1.md", "2.md", "3.md"]
    assert [unit["key"] for unit in abp.json("units", "odd", "--limit", "2")] == ["1.md", "2.md"]
    failed = abp.json("units", "odd", "--status", "failed")
    assert [(unit["key"], unit["failure_kind"]) for unit in failed] == [("1.md", "agent_error")]
    assert set(UNIT_FIELDS.split()) <= failed[0].keys()
    assert abp.json("units", "odd", "--status", "pending") == []
    table = abp.run("units", "odd", "--status", "failed").stdout.splitlines()
    assert len(table) == 2 and "1.md" in table[1] and "FAILED" in table[1]
    assert "failed" in abp.run("log", "odd", "--follow").stdout


def test_a_worker_and_its_options_are_taken_as_given(abp: Abp, texts: Path) -> None:
    options = ("--worker-option", 'env={"A": "1"}', "--worker-option", "ok_exit_codes=[0, 3]")
    new_words(abp, texts, "--worker", "command", *options)
    assert abp.json("show", "words")["worker_options"] == {
        "argv": ["wc", "-w", "{file_path}"], "env": {"A": "1"}, "ok_exit_codes": [0, 3],
    }  # fmt: skip


def test_other_sources_take_their_configuration_as_json(abp: Abp, texts: Path) -> None:
    config = json.dumps({"base_directory": str(texts), "pattern": "*.png"})
    abp.run(
        "new", "s", "--intent", "Look", "--source", "file", "--config", config, "--", "cat", "{file_path}"
    )
    assert [unit["key"] for unit in abp.json("units", "s")] == ["picture.png"]


def test_patterns_exclusions_hidden_files_and_the_limit(abp: Abp, texts: Path) -> None:
    (texts / ".hidden.md").write_text("hidden\n")
    for name, more, keys in (
        ("a", ("--pattern", "*.md", "--exclude", "2.*"), ["1.md", "3.md"]),
        ("b", ("--pattern", "*.md", "--hidden"), [".hidden.md", "1.md", "2.md", "3.md"]),
        ("c", ("--limit", "2"), ["1.md", "2.md"]),
    ):
        abp.run("new", name, "--intent", "Look", "--files", texts, *more, "--", "cat")
        assert [unit["key"] for unit in abp.json("units", name)] == keys


def test_text_of_items_reaches_a_terminal_only_when_it_is_harmless(abp: Abp, texts: Path) -> None:
    abp.run(
        "new", "esc", "--intent", "Look", "--files", texts, "--limit", "1",
        "--", "printf", r"\033]0;title\007\033[31mred\033[0m and \302\2332J more",
    )  # fmt: skip
    abp.run("start", "esc", "--skip-test", "--wait")
    assert "red and more" in abp.run("units", "esc").stdout
    assert "\x1b" not in abp.run("units", "esc").stdout + abp.run("events", "esc", "--unit", "0").stdout
    assert "\x1b[31mred" in abp.json("units", "esc")[0]["output"]  # data is left as it is
