"""A job with four planted causes of failure, each of which one repair mends."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from tests.cli.driver import STANDINS, Abp, assert_counters_match

PROGRAM = str(STANDINS / "repairable")
PLANTED = {"question": 12, "denied": 10, "encoding": 8, "form": 6}
NUDGE = "You stopped with a question; decide yourself."


def plant(abp: Abp, counts: dict[str, int], total: int) -> Path:
    """A table of items; every kind stands at the front once, the rest is spread."""
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    kinds += ["good"] * (total - len(kinds))
    spread = [kinds[n * 37 % total] for n in range(total)]
    file = abp.folder / "items.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("id", "kind"), *((f"n{n}", kind) for n, kind in enumerate(spread))])
    return file


def make(abp: Abp, counts: dict[str, int], total: int) -> None:
    """The job `work` over such a table, run to its end with the agent that has the ailments."""
    file = plant(abp, counts, total)
    abp.run(
        *("new", "work", "--intent", "Do it", "--csv", file, "--id-column", "id"),
        *("--prompt", "Do item {id}, kind {kind}.", "--worker-option", f"program={PROGRAM}"),
        *(
            "--check-regex",
            "Verdict: ",
            "--max-retries",
            "0",
            "--max-failures-in-row",
            "0",
            "--max-workers",
            "4",
        ),
    )
    abp.run("start", "work", "--skip-test", "--wait", code=None)


def causes(abp: Abp) -> dict[str, Any]:
    """The causes of the job by the ailment that their error tells of."""
    words = {"question": "ends in a question", "denied": "permission denied", "encoding": "can't decode"}
    found = abp.json("failures", "work")
    named = {kind: [c for c in found if word in c["error"]] for kind, word in words.items()}
    named["form"] = [c for c in found if c["error"].startswith("check failed: the output does not match")]
    assert all(len(group) <= 1 for group in named.values()), found
    return {kind: group[0] for kind, group in named.items() if group}


def assert_all_are_good(abp: Abp, counts: dict[str, int], total: int) -> None:
    """Every unit is done, counted and exported as good, and paid for once for each time that it ran."""
    after = abp.json("show", "work")
    assert (after["status"], after["completed_units"]) == ("COMPLETED", total)
    assert abp.json("failures", "work") == []
    assert_counters_match(abp, "work")
    out = abp.folder / "out.jsonl"
    assert "in doubt" not in abp.run("export", "work", "-o", out).stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["verdict"] for row in rows] == ["ok"] * total
    spent_on = {kind: 0.02 if kind in counts else 0.01 for kind in (*counts, "good")}
    assert all(abs(row["cost_usd"] - spent_on[row["payload"]["kind"]]) < 1e-9 for row in rows)
    assert {row["attempts"] for row in rows if row["payload"]["kind"] in counts} == {2}
