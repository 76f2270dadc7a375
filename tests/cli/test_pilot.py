"""Test one, pilot some, mark them, see the quote, approve with it: with a stand-in for `claude`."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from tests.cli.driver import Abp, assert_counters_match

pytestmark = pytest.mark.slow


@pytest.fixture
def docs(abp: Abp) -> Path:
    """A job of twenty texts of two types, its test passed."""
    abp.use_standins()
    folder = abp.folder / "docs"
    folder.mkdir()
    for n in range(20):
        (folder / f"{n:02}.{'md' if n % 4 else 'txt'}").write_text("word " * n)
    abp.quick("new", "docs", "--intent", "Sum it up", "--files", folder)
    abp.run("test", "docs")
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("docs")
def test_a_quote_is_of_all_pilots_and_says_so(abp: Abp) -> None:
    abp.run("pilot", "docs", "-n", "8", "--by", "type", "--seed", "5", "--wait")
    abp.run("pilot", "docs", "-n", "3", "--by", "type", "--seed", "6", "--wait")
    quote = abp.run("quote", "docs")
    assert "3 by type, seed 6; the quote is of 11 in 2 pilots" in quote.stdout
    assert "0 of 11 failed: up to " in quote.stdout
    assert len(abp.json("quote", "docs")["pilots"]) == 2


@pytest.mark.usefixtures("docs")
def test_from_a_pilot_to_the_whole(abp: Abp) -> None:
    piloted = abp.run("pilot", "docs", "-n", "8", "--by", "type", "--seed", "5", "--wait")
    assert "a pilot of 8 units, by type, seed 5" in piloted.stderr
    assert "0 of 8 failed: up to 31 % could" in piloted.stdout
    assert ".md: 6 of 15; .txt: 2 of 4" in piloted.stdout
    assert "Next: abp quote docs" in piloted.stderr

    first, *_ = abp.json("quote", "docs")["strata"]
    assert first == {"name": ".md", "waiting": 15, "sampled": 6}
    seqs = [row[0] for row in abp.sql("SELECT seq FROM attempt WHERE purpose = 'pilot' ORDER BY seq")]
    abp.run("mark", "docs", str(seqs[0]), "doubtful")
    abp.run("mark", "docs", str(seqs[1]), "pass")
    abp.run("mark", "docs", str(seqs[1]), "none")
    abp.run("mark", "docs", str(seqs[1]), "fail")

    quote = abp.run("quote", "docs")
    assert "1 of 8 failed: 0.32 % to 53 % could" in quote.stdout
    assert "rest" in quote.stdout and "12 units with 4 workers" in quote.stdout
    assert "abp approve docs --budget quote" in quote.stderr
    shown = abp.json("quote", "docs")
    assert shown["cost_usd"]["low"] == pytest.approx(12 * 0.01)
    assert (shown["marked"], shown["doubtful"], shown["seed"], shown["no_quote"]) == (2, 1, 5, "")

    abp.run("mark", "docs", str(seqs[2]), "pass")
    done = abp.run("approve", "docs", "--budget", "quote", "--wait", code=5)
    assert "7 results of the pilot stay, 1 of them in doubt, 1 unit runs again" in done.stderr
    assert f"a budget of ${shown['budget_usd']:.2f}" in done.stderr
    view = abp.json("show", "docs")
    assert (view["status"], view["completed_units"], view["suspect_units"]) == ("COMPLETED", 19, 1)
    assert_counters_match(abp, "docs")
    assert abp.quick("check") is not None
    assert "Next" not in abp.run("quote", "docs").stderr, "it has run"


@pytest.mark.usefixtures("docs")
def test_after_an_edit_the_same_units_are_tried_again(abp: Abp) -> None:
    abp.run("pilot", "docs", "-n", "3", "--seed", "5", "--wait")
    saved = abp.run("prompt", "docs", "--set", "Another {file_name}").stderr
    assert "the next test on, which gives up the results of the pilot" in saved
    assert "Next: abp reject docs, then abp test docs" in abp.run("quote", "docs").stderr
    rejected = abp.run("reject", "docs").stderr
    assert "3 results of the pilot, paid with $0.03, count no more" in rejected
    abp.run("test", "docs")
    again = abp.run("pilot", "docs", "--wait").stderr
    assert "a pilot of 3 units, by size, seed 5, those of the last one" in again
    compared = abp.run("prompt", "docs", "--compare", "1", "2").stdout
    assert "version 1: 4 of 4 good, $0.04" in compared
    assert "version 2: 4 of 4 good, $0.04" in compared
    assert abp.json("prompt", "docs", "--compare", "1", "2")["sums"]["version 2"]["good"] == 4
    assert f" {getpass.getuser()} " in abp.run("prompt", "docs", "--versions").stdout


@pytest.mark.usefixtures("docs")
def test_another_test_keeps_the_pilot_and_that_of_an_edit_says_what_it_gives_up(abp: Abp) -> None:
    abp.run("pilot", "docs", "-n", "3", "--seed", "5", "--wait")
    piloted = {row[0] for row in abp.sql("SELECT seq FROM attempt WHERE purpose = 'pilot'")}
    one, other = sorted({*range(1, 20)} - piloted)[:2]
    assert "count no more" not in abp.run("test", "docs", "--unit", str(one)).stderr
    assert abp.json("show", "docs")["completed_units"] == 5
    assert "3 of 3" in abp.run("quote", "docs").stdout
    abp.run("prompt", "docs", "--set", "Another {file_name}")
    told = abp.run("test", "docs", "--unit", str(other)).stderr
    assert "docs: 3 results of the pilot, paid with $0.03, count no more" in told
    assert abp.json("show", "docs")["completed_units"] == 1
    assert_counters_match(abp, "docs")


@pytest.mark.usefixtures("docs")
def test_a_pilot_survives_its_line_and_is_found_again(abp: Abp) -> None:
    refused = abp.run("pilot", "docs", "-n", "50", code=2).stderr
    assert "a pilot of 50 would be the whole job docs: 19 units wait" in refused
    assert "--all" in refused
    begun = abp.run("pilot", "docs", "--all")
    assert "a pilot of 19 units, by size" in begun.stderr
    assert ", all that waited" in begun.stderr
    assert abp.run("wait", "docs", code=3).stderr.count("Next: abp quote docs") == 1
    shown = abp.run("quote", "docs")
    assert "nothing is left to run" in shown.stdout
    assert "Next: abp mark docs SEQ pass|doubtful|fail, then abp approve docs" in shown.stderr
    assert json.loads(abp.run("quote", "docs", "--json").stdout)["ended"] == 19


@pytest.mark.usefixtures("docs")
def test_an_approval_without_a_budget_names_the_one_of_the_quote(abp: Abp) -> None:
    abp.run("pilot", "docs", "-n", "8", "--wait")
    budget = abp.json("quote", "docs")["budget_usd"]
    approved = abp.run("approve", "docs").stderr
    assert (
        f"it has no budget; by the quote ${budget:.2f} would do: abp set docs budget_usd={budget}" in approved
    )


@pytest.mark.usefixtures("docs")
def test_without_a_good_end_the_quote_says_why(abp: Abp) -> None:
    abp.quick("new", "bad", "--intent", "x", "--files", "docs", "--", "sh", "-c", "exit 3")
    abp.run("test", "bad", code=1)
    abp.run("pilot", "bad", "-n", "3", "--wait", code=1)
    shown = abp.run("quote", "bad", code=1)
    assert "all 3 units that ended failed" in shown.stdout
    refused = abp.run("approve", "bad", "--budget", "quote", code=2)
    assert "there is no quote for job bad" in refused.stderr


@pytest.mark.usefixtures("docs")
def test_what_can_not_be_is_one_line(abp: Abp) -> None:
    for arguments, says in (
        (("pilot", "docs", "-n", "0"), "a pilot of 0 units"),
        (("pilot", "docs", "--by", "colour"), "no item has a field 'colour'"),
        (("quote", "docs"), "has no pilot"),
        (("mark", "docs", "3", "fail"), "no pilot to be marked"),
        (("mark", "docs", "3", "good"), "is not one of"),
        (("approve", "docs", "--budget", "much"), "--budget is 'much'"),
    ):
        said = abp.run(*arguments, code=2).stderr
        assert says in said
        assert said.count("\n") == 1
