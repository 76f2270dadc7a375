"""Two hundred units, four causes of failure, and the way to two hundred good results by keys alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.driver import Abp
from tests.programs import needs_tmux
from tests.repairable import PLANTED, assert_all_are_good, make
from tests.tui.terminal import Terminal

pytestmark = [needs_tmux, pytest.mark.slow]
FEW = {"question": 8, "denied": 6, "encoding": 4, "form": 2}


@pytest.fixture(params=[(80, 24), (140, 40)], ids=["80x24", "140x40"])
def terminal(abp: Abp, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    made = Terminal(abp.folder, request.param, abp.env)
    made.start()
    yield made
    made.end()


def try_one(terminal: Terminal, *keys: str) -> None:
    """One unit of the cause runs again, is looked at, and is good."""
    terminal.keys(*keys)
    terminal.wait_for("Verdict: good")
    terminal.keys("Escape")


def run_the_others(terminal: Terminal, left: int, state: str) -> None:
    """All others of the cause run again, and only they."""
    terminal.keys("r")
    terminal.wait_for(f"runs {left} unit{'s' if left > 1 else ''} again", state)
    terminal.wait_for(state)


def repair(terminal: Terminal, counts: dict[str, int]) -> None:
    """Cause by cause, the most frequent first: it is the one under the cursor."""
    asked, denied, failed, formless = (counts[kind] for kind in ("question", "denied", "encoding", "form"))
    terminal.wait_for(f"{failed} failed · {asked + denied + formless} in doubt")
    terminal.wait_for(f"{asked}  in doubt")
    terminal.keys("Enter")
    terminal.wait_for("I have read item")
    terminal.keys("Escape")

    terminal.wait_for(f"{asked} units · in doubt")
    terminal.keys("n")
    terminal.wait_for("Say to the agents")
    try_one(terminal, "C-t")
    terminal.wait_for(f"{asked - 1} units · in doubt")
    terminal.keys("n")
    terminal.wait_for("Say to the agents")
    terminal.keys("Enter")
    terminal.wait_for(f"runs {asked - 1} units again")
    terminal.wait_for(f"{failed} failed · {denied + formless} in doubt")

    terminal.wait_for("permission denied: Bash pdftotext")
    terminal.keys("i")
    terminal.wait_for("deny Bash(pdftotext *.pdf -)")
    terminal.keys("1")
    terminal.wait_for("allow Bash(pdftotext *.pdf -)")
    terminal.keys("Enter")
    terminal.wait_for("version 2 is saved")
    try_one(terminal, "t")
    terminal.wait_for(f"{failed} failed · {denied - 1 + formless} in doubt")
    run_the_others(terminal, denied - 1, f"{failed} failed · {formless} in doubt")

    terminal.wait_for("can't decode byte")
    terminal.keys("e")
    terminal.wait_for("Prompt, version 2")
    terminal.text("The texts are in UTF-8. ")
    terminal.keys("C-s")
    terminal.wait_for("version 3 is saved")
    try_one(terminal, "t")
    terminal.wait_for(f"{failed - 1} failed · {formless} in doubt")
    run_the_others(terminal, failed - 1, f"0 failed · {formless} in doubt")

    terminal.wait_for("the output does not match /Verdict: /")
    terminal.keys("s")
    terminal.wait_for("Change settings")
    terminal.text("option.model=haiku")
    terminal.keys("Enter")
    terminal.wait_for("version 4 is saved")
    try_one(terminal, "t")
    terminal.wait_for(f"0 failed · {formless - 1} in doubt")
    run_the_others(terminal, formless - 1, "No unit has failed or is in doubt")


def brought_to_good(abp: Abp, terminal: Terminal, counts: dict[str, int], total: int) -> None:
    make(abp, counts, total)
    terminal.abp()
    terminal.wait_for(f"{total - sum(counts.values())}/{total}")
    terminal.keys("Enter")
    terminal.wait_for("F Causes")
    terminal.keys("F")
    repair(terminal, counts)
    terminal.keys("Escape")
    terminal.wait_for(f"{total} done")
    terminal.wait_for("completed")
    assert_all_are_good(abp, counts, total)


def test_four_causes_are_repaired_by_keys(abp: Abp, terminal: Terminal) -> None:
    brought_to_good(abp, terminal, FEW, 30)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("terminal", [(80, 24)], indirect=True, ids=["80x24"])
def test_two_hundred_units_with_four_causes_come_to_two_hundred_good_results(
    abp: Abp, terminal: Terminal
) -> None:
    brought_to_good(abp, terminal, PLANTED, 200)
