from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.grid import Grid
from tests.bench.result import Goal, Pairs, Result, compared, millis, table

ROOT = Path(__file__).parents[1]


def run_quickly(tmp_path: Path, *rows: str) -> list[str]:
    only = [argument for row in rows for argument in ("--only", row)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", *only],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_row_is_measured_and_printed(tmp_path: Path) -> None:
    facts, head, rule, *lines = run_quickly(tmp_path, "short")
    assert "cores" in facts and "SQLite" in facts
    assert head.split() == ["row", "measured", "baseline", "value", "pairs", "goal"]
    assert set(rule) == {"-", " "}
    assert [line.split("  ")[0] for line in lines[:3]] == [
        "short",
        "short, an event per line",
        "short, start-up",
    ]
    assert all(line.endswith(("ok", "short")) for line in lines[:2])


@pytest.mark.slow
def test_creating_is_measured_beside_the_bare_rows(tmp_path: Path) -> None:
    lines = run_quickly(tmp_path, "creating", "creating random", "creating 10M")[3:]
    assert [line.split("  ")[0] for line in lines[:9]] == [
        f"create, {rows}{what}"
        for rows in ("20,000 rows", "20,000 rows, random ids", "40,000 rows")
        for what in ("", ", memory", ", write lock")
    ]
    assert all(line.endswith(("ok", "short")) for line in lines[:9])
    assert "executemany: " in lines[0] and "at its peak" in lines[1] and "ms at the longest" in lines[2]


@pytest.mark.slow
def test_a_cluster_is_measured_beside_bare_calls(tmp_path: Path) -> None:
    lines = run_quickly(tmp_path, "dask")[3:]
    assert [line.split("  ")[0] for line in lines[:4]] == [
        "dask, 4 x 50 slots",
        "dask, processor time of a unit",
        "dask, events of 8",
        "local, events of 8",
    ]
    assert "bare submit: " in lines[0] and "its scheduler: " in lines[1]


@pytest.mark.slow
def test_a_million_units_are_judged_by_all_but_the_first_time_which_is_told(tmp_path: Path) -> None:
    lines = run_quickly(tmp_path, "tui million")[3:]
    rows = {line.split("  ")[0].split(" units, ")[1]: line for line in lines if " units, " in line}
    acts = ("open", "to the end", "show failed")
    told = [*(f"{act}, the first time" for act in acts), "10 pages, first paint"]
    assert set(rows) == {*told, *acts, "10 pages", "memory"}
    assert [name for name, line in rows.items() if not line.endswith(("ok", "short"))] == told


def test_a_process_of_a_row_says_how_to_get_the_table() -> None:
    command = [sys.executable, "-m", "tests.bench.creating"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "python -m tests.bench --only creating" in done.stderr


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (Goal(">=", 0.9), 0.9, "ok"),
        (Goal(">=", 0.9), 0.89, "short"),
        (Goal("<=", 2), 2.01, "short"),
        (Goal("<", 80, " MB"), 79.999, "ok"),
        (Goal("<", 80, " MB"), 80.0, "short"),
        (Goal("<=", 80, " MB"), 80.0, "ok"),
    ],
)
def test_a_goal_is_met_or_missed(goal: Goal, value: float, verdict: str) -> None:
    assert Result("row", "x", value=value, goal=goal).cells()[-1] == verdict


def test_medians_are_compared_and_pairs_show_the_noise() -> None:
    pairs = Pairs([1.0, 9.0, 3.0], [2.0, 3.0, 4.0])
    result = compared("row", pairs, "{:.0f} s", "bare", Goal("<=", 1), "how")
    assert result.cells() == ("row", "3 s", "bare: 3 s", "1.00", "0.50-3.00", "<= 1", "ok")


def test_a_note_is_printed_once() -> None:
    lines = table([Result("a", "1", note="how"), Result("b", "2", note="how")])
    assert [line.split() for line in lines[2:]] == [["a", "1"], ["b", "2"], [], ["how"]]


def test_times_are_judged_by_the_share_of_them_that_counts() -> None:
    seconds = [0.01] * 18 + [0.03, 0.2]
    assert millis("row", seconds, 50).cells()[3:] == ("10.00 ms", "10-200", "<= 50 ms", "ok")
    assert millis("row", seconds, 50, share=0.95).cells()[-1] == "short"
    assert millis("row", seconds, 50, share=1).cells()[3] == "200 ms"


def test_a_grid_shows_what_was_written_to_it() -> None:
    grid = Grid(8, 2)
    grid.write("\x1b[?2026h\x1b[1;1Hunit 12\n\x1b[2;3H\x1b[1;38;2;1;2;3mtwo\x1b[0m")
    grid.write("\x1b[1;6H7\x1b[2;8H✓")
    assert grid.text == "unit 72 \n  two  ✓"
