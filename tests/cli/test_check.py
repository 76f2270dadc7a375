"""`abp check`: exit codes, words, JSON, repairs, and files that are damaged or may only be read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.driver import Abp

pytestmark = pytest.mark.slow


@pytest.fixture
def job(abp: Abp, texts: Path) -> str:
    """A job of three units that has run to its end."""
    abp.quick(
        "new", "words", "--intent", "Count", "--files", texts, "--pattern", "*.md", "--", "cat", "{file_path}"
    )
    abp.run("start", "words", "--skip-test", "--wait")
    return "words"


def damage(abp: Abp, statement: str) -> None:
    connection = sqlite3.connect(abp.store)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.usefixtures("job")
def test_all_is_well(abp: Abp) -> None:
    for more in ((), ("--quick",), ("--repair",)):
        done = abp.run("check", *more)
        assert done.stdout == ""
        assert done.stderr == "1 job, 3 units, 3 attempts: all is well\n"
    assert abp.json("check") == {
        "ok": True, "jobs": 1, "units": 3, "attempts": 3, "findings": [], "repairs": [],
    }  # fmt: skip


@pytest.mark.usefixtures("job")
def test_a_finding_is_a_line_and_a_repair_mends_it(abp: Abp) -> None:
    damage(abp, "UPDATE job SET completed = 1, failed = 2, cost_usd = 4")
    lines = [
        "job words (j1): completed is 1, but its units say 3",
        "job words (j1): failed is 2, but its units say 0",
        "job words (j1): cost_usd is $4, but its attempts say unknown",
    ]
    found = abp.run("check", code=1)
    assert found.stdout.splitlines() == [f"{line} (abp check --repair)" for line in lines]
    assert found.stderr == "3 findings\n"
    mended = abp.run("check", "--repair")
    assert mended.stdout.splitlines() == [line.replace(": ", ": repaired: ", 1) for line in lines]
    assert mended.stderr.endswith("all is well now\n")
    abp.run("check")
    shown = abp.json("show", "words")
    assert (shown["completed_units"], shown["failed_units"], shown["cost_usd"]) == (3, 0, None)


@pytest.mark.usefixtures("job")
def test_what_can_not_be_repaired_is_left_and_exits_with_1(abp: Abp) -> None:
    damage(abp, "UPDATE unit SET cost_usd = 9 WHERE seq = 1")
    damage(abp, "UPDATE job SET suspect = 1")
    done = abp.run("check", "--repair", code=1)
    left, mended = done.stdout.splitlines()
    assert left.startswith("job words (j1), unit 1: units that do not cost")
    assert mended.startswith("job words (j1): repaired: suspect is 1")
    assert done.stderr == "1 finding\n"


def test_json_names_job_and_words(abp: Abp, job: str) -> None:
    damage(abp, "UPDATE job SET suspect = 1")
    done = abp.run("check", "--json", code=1)
    assert '"mends": 1' in done.stdout and "suspect is 1" in done.stdout
    assert done.stderr == ""


def test_a_job_that_is_run_is_not_repaired(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(3)
    assert "all is well" in abp.run("check").stderr
    damage(abp, "UPDATE job SET suspect = 1")
    done = abp.run("check", "--repair", code=1)
    assert "not repaired: its executor is at work" in done.stdout
    assert abp.sql("SELECT suspect FROM job") == [(1,)]
    gate.touch()
    abp.run("wait", "gated", code=5)
    abp.run("check", "--repair")


@pytest.mark.usefixtures("job")
def test_a_name_can_not_speak_to_the_terminal(abp: Abp) -> None:
    damage(abp, "UPDATE job SET suspect = 1, name = char(27) || '[31mred' || char(10) || 'x'")
    assert abp.run("check", code=1).stdout.startswith("job red x (j1): suspect")


@pytest.mark.usefixtures("job")
def test_a_damaged_page_is_one_line(abp: Abp) -> None:
    [(page,)] = abp.sql("SELECT rootpage FROM sqlite_master WHERE name = 'event'")
    with abp.store.open("r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(b"\xff" * 4096)
    for more in ((), ("--quick",), ("--repair",)):
        done = abp.run("check", *more, code=1)
        assert done.stdout.startswith(f"database {abp.store}: ") and done.stdout.count("\n") == 1
        assert "restore a copy" in done.stdout


@pytest.mark.usefixtures("job")
def test_a_file_that_may_only_be_read(abp: Abp) -> None:
    damage(abp, "UPDATE job SET suspect = 1")
    before = abp.store.read_bytes()
    abp.store.chmod(0o400)
    abp.store.parent.chmod(0o500)
    try:
        assert "suspect is 1" in abp.run("check", code=1).stdout
    finally:
        abp.store.parent.chmod(0o700)
    assert abp.store.read_bytes() == before
