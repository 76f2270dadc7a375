"""Terminals that show few colours or none, in real ones: states and cursors can still be told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from abp_tui.domain.model import Outcome
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import answer, fail, make_job
from tests.programs import needs_tmux
from tests.tui.screens import InProcess
from tests.tui.terminal import Terminal
from tests.waiting import wait_until

pytestmark = [needs_tmux, pytest.mark.slow]

EDGE = "▌"
COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")


def mixed(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Fail, be in doubt, and do well, in turn."""
    if task.payload["n"] % 3 == 1:
        return Outcome(ok=True, output="Shall I go on?")
    return (fail if task.payload["n"] % 3 == 0 else answer)(task, sink, cancel)


@pytest.fixture(params=["no colour", "16 colours"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    orchestrator = InProcess(tmp_path, mixed)
    orchestrator.skip_test(make_job(orchestrator.repository, 9).id)
    orchestrator.settle()
    make_job(orchestrator.repository, 3, name="tested", cwd=tmp_path)
    orchestrator.launch_test("tested", 2)
    orchestrator.settle()
    made = Terminal(tmp_path, (100, 30), {"NO_COLOR": "1"} if request.param == "no colour" else {})
    made.start()
    if request.param == "16 colours":
        made.text("export TERM=screen COLORTERM=")
        made.keys("Enter")
    yield made
    assert request.param != "no colour" or not COLOUR.search(made.styled())
    made.end()


def marked(terminal: Terminal) -> list[str]:
    """The text after each edge mark on the screen."""
    lines = [line.split(EDGE, 1)[1] for line in terminal.screen().splitlines() if EDGE in line]
    return [" ".join(line.split()[:3]) for line in lines]


def test_jobs_progress_and_failures_are_told_by_glyph_word_and_mark(terminal: Terminal) -> None:
    terminal.abp()
    terminal.wait_for("✗ failed")
    assert "◐ review" in terminal.screen()
    assert marked(terminal) == ["tested ◐ review"]
    terminal.keys("j")
    wait_until(lambda: marked(terminal) == ["words ✗ failed"])
    terminal.keys("Enter")
    terminal.wait_for("✗?■✗?■✗?■")
    for words in ("✗ failed", "? suspect", "✓ done"):
        terminal.wait_for(words)
    wait_until(lambda: marked(terminal) == ["0 item-0 ✗"])
    terminal.keys("j")
    wait_until(lambda: marked(terminal) == ["1 item-1 ?"])
    terminal.keys("F")
    wait_until(lambda: marked(terminal) == ["3 agent error"])
    terminal.keys("j")
    wait_until(lambda: marked(terminal) == ["3 in doubt"])


def test_a_review_is_told_by_glyph_word_and_mark(terminal: Terminal) -> None:
    terminal.abp()
    terminal.wait_for("◐ review")
    terminal.keys("Enter", "2")
    terminal.wait_for("a Approve")
    terminal.wait_for("I was asked: Do 2")
    terminal.keys("g")
    wait_until(lambda: marked(terminal) == ["0:00 prompt Do"])
    terminal.keys("j")
    wait_until(lambda: marked(terminal) == ["0:00 agent I"])
