"""What can't be done is told in the words of the flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.cli.flags import in_flags
from abp_tui.errors import InvalidInput
from tests.cli.driver import Abp


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("max_workers is 0", "--max-workers is 0"),
        (
            "is it endless? if not, raise max_items",
            "is it endless? if not, raise --source-option max_items=N",
        ),
        ("give names of your own in `columns`", "give names of your own in --columns"),
        ("timeouts: idle_s: it must be a number", "--timer idle: it must be a number"),
        ("{max_workers} is a field", "{max_workers} is a field"),
        ("the file max_workers.csv", "the file max_workers.csv"),
    ],
)
def test_settings_become_flags(said: str, told: str) -> None:
    assert in_flags(InvalidInput(said)).message == told


def test_a_header_alone_names_the_flag_that_would_help(abp: Abp) -> None:
    (abp.folder / "a.csv").write_text("one,two\n")
    flags = ("new", "w", "--intent", "x", "--worker", "sample")
    said = abp.run(*flags, "--csv", "a.csv", code=2).stderr
    assert "--no-header" in said and "has_header" not in said
    config = '{"file_path": "a.csv"}'
    assert "has_header" in abp.run(*flags, "--source", "csv", "--config", config, code=2).stderr


def test_limits_and_timers(abp: Abp, texts: Path) -> None:
    new = ("new", "w", "--intent", "x", "--files", texts, "--worker", "sample")
    assert "--budget is -1" in abp.run(*new, "--budget", "-1", code=2).stderr
    assert "--timer idle: " in abp.run(*new, "--timer", "idle=-1", code=2).stderr
