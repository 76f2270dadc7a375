"""The demo works in an empty home, without a terminal, a key or a network."""

from __future__ import annotations

from pathlib import Path

import pytest

import abp_tui
from tests.cli.driver import Abp, assert_counters_match

pytestmark = pytest.mark.slow

TEXTS = Path(abp_tui.__file__).parent / "demo_texts"


def test_the_demo_runs_to_its_end_and_prints_the_results(abp: Abp) -> None:
    del abp.env["ABP_STORAGE_PATH"]
    done = abp.run("demo", "--no-tui")
    assert "no language model" in done.stderr
    names = sorted(path.name for path in TEXTS.iterdir() if path.suffix in (".md", ".txt"))
    assert len(names) >= 10
    for name in names:
        assert name in done.stdout
    assert (abp.folder / "home/.local/share/abp/abp.db").stat().st_mode & 0o777 == 0o600
    [job] = abp.json("ls")
    assert (job["name"], job["status"], job["completed_units"]) == ("demo", "COMPLETED", len(names))
    assert job["cost_usd"] == 0


def test_without_a_terminal_there_is_no_app_and_names_are_never_taken(abp: Abp) -> None:
    for name in ("demo", "demo-2"):
        abp.run("demo")
        assert abp.json("ls")[0]["name"] == name
    assert_counters_match(abp, "demo-2")


def test_the_demo_says_which_agents_it_found_and_takes_the_one_that_is_named(abp: Abp) -> None:
    abp.use_standins()
    assert "abp demo --worker claude" in abp.run("demo", "--no-tui").stderr
    abp.run("demo", "--no-tui", "--worker", "claude")
    job = abp.json("show", "demo-2")
    assert (job["worker"], job["status"]) == ("claude", "COMPLETED")
    assert job["cost_usd"] > 0


def test_an_agent_that_is_not_there_is_refused_before_anything_is_made(abp: Abp, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = abp.run("demo", "--worker", "claude", code=2, PATH=str(empty))
    assert "claude" in refused.stderr.splitlines()[-1]
    assert abp.json("ls") == []
