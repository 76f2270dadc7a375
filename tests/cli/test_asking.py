"""What a repair asks of whoever sits at the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

import pytest

from tests.cli.driver import Abp
from tests.cli.test_terminal import Terminal
from tests.repairable import NUDGE, causes, make

pytestmark = pytest.mark.slow
Ask = Callable[..., Terminal]
DELETION = "Bash(rm -r '/data/$HOME')"


@pytest.fixture
def ask(abp: Abp) -> Iterator[Ask]:
    """Runs a verb on a terminal, and waits for its question."""
    opened = []

    def run(*arguments: str, until: str) -> Terminal:
        terminal = Terminal(abp, *arguments)
        opened.append(terminal)
        abp.until(lambda: terminal.says(until), f"it says {until}")
        return terminal

    yield run
    for terminal in opened:
        terminal.close()


def allowed(abp: Abp) -> list[str]:
    return list(abp.json("show", "work")["worker_options"].get("allowed_tools", []))


def test_rules_are_asked_for_one_by_one_and_only_those_that_were_said_yes_to_are_kept(
    abp: Abp, ask: Ask
) -> None:
    make(abp, {"greedy": 2}, 3)
    terminal = ask("permit", "work", until="Allow it? [y/N]")
    assert terminal.says("Bash(pdftotext *.pdf -)") and terminal.says("2 units wanted it: Bash pdftotext n")
    assert not terminal.says(DELETION)
    terminal.type("y\n")
    abp.until(lambda: terminal.says(DELETION), "it asks for the next one")
    terminal.type("\n")
    assert terminal.ended() == 0
    assert terminal.says("version 2 is saved")
    assert allowed(abp) == ["Bash(pdftotext *.pdf -)"]
    abp.run("retry", "work", "--wait")
    assert abp.json("show", "work")["completed_units"] == 3


@pytest.mark.parametrize("typed", ["y\n\x04", "y\n\x03"], ids=["ctrl-d", "ctrl-c"])
def test_whoever_leaves_in_the_middle_has_allowed_nothing(abp: Abp, ask: Ask, typed: str) -> None:
    make(abp, {"greedy": 1}, 2)
    terminal = ask("permit", "work", until="Allow it? [y/N]")
    terminal.type(typed[:2])
    abp.until(lambda: terminal.says(DELETION), "it asks for the next one")
    terminal.type(typed[2:])
    assert terminal.ended() != 0
    assert not terminal.says("Traceback")
    assert allowed(abp) == []
    assert abp.json("show", "work")["prompt_version"] == 1


def test_no_to_all_saves_nothing(abp: Abp, ask: Ask) -> None:
    make(abp, {"denied": 1}, 2)
    terminal = ask("permit", "work", until="Allow it? [y/N]")
    terminal.type("n\n")
    assert terminal.ended() == 0
    assert terminal.says("nothing was allowed")
    assert allowed(abp) == []


def test_where_nobody_can_be_asked_it_says_how_to_allow_them(abp: Abp) -> None:
    make(abp, {"greedy": 1}, 2)
    done = abp.run("permit", "work", code=2)
    words = shlex.split(done.stderr.partition("name those you allow: ")[2].strip().removesuffix(")"))
    assert words == ["--rule", "Bash(pdftotext *.pdf -)", "--rule", DELETION]
    assert allowed(abp) == []


@pytest.mark.parametrize(("said", "left", "code"), [("y\n", 0, 0), ("n\n", 2, 0), ("\n", 2, 0)])
def test_one_unit_is_tried_and_the_others_run_if_the_person_says_so(
    abp: Abp, ask: Ask, said: str, left: int, code: int
) -> None:
    make(abp, {"question": 3}, 4)
    cause = causes(abp)["question"]["fingerprint"]
    words = ("retry", "work", "--cause", cause, "--nudge", NUDGE, "--test-first", "--wait")
    terminal = ask(*words, until="Run the other 2 units of this cause, too? [y/N]")
    assert terminal.says("unit 0 runs first") and terminal.says("Verdict: good")
    assert abp.json("show", "work")["suspect_units"] == 2
    terminal.type(said)
    assert terminal.ended() == code
    assert abp.json("show", "work")["suspect_units"] == left
