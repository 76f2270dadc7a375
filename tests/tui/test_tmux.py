"""The real program in a real terminal: make a job, test it, approve it, watch it, leave, come back; copy."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from abp_tui.store.repository import Repository
from tests.factories import make_job
from tests.programs import needs_tmux
from tests.tui.screens import InProcess
from tests.tui.terminal import Terminal
from tests.waiting import wait_until

pytestmark = [needs_tmux, pytest.mark.slow]


@pytest.fixture(params=[(80, 24), (160, 50)], ids=["80x24", "160x50"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(6):
        (texts / f"t{n}.txt").write_text("word " * (n + 1))
    made = Terminal(tmp_path, request.param)
    made.start()
    yield made
    made.end()


def test_a_job_from_its_making_to_its_results(terminal: Terminal, tmp_path: Path) -> None:
    terminal.abp()
    terminal.wait_for("n makes your first job")
    terminal.keys("n")
    terminal.wait_for("a name for the job")
    terminal.text("counted")
    terminal.keys("Tab")
    terminal.text("Count {file_path}")
    terminal.keys("Tab", "Tab")
    terminal.text(str(tmp_path / "texts"))
    terminal.wait_for("6 items")
    terminal.keys(*["Tab"] * 5, "Enter", "Down", "Enter")
    terminal.wait_for("command: Any program")
    gate = tmp_path / "gate"  # the others wait for it, so that the batch is at work when the screens are left
    wait = f"case $1 in *t0*) ;; *) until [ -e {gate} ]; do sleep 0.05; done;; esac"
    terminal.text(f"sh -c '{wait}; exec wc -w \"$1\"' wc {{file_path}}")
    terminal.wait_for("wc {file_path}")
    terminal.keys("C-t")
    screen = terminal.wait_for("passed in")
    assert "test review" in screen or "t0.txt" in screen
    terminal.keys("a")
    terminal.wait_for("running")
    terminal.keys("q")
    terminal.wait_for("still at work in the background")
    gate.touch()
    terminal.abp()
    terminal.wait_for("counted")
    terminal.wait_for("✓ completed", "+ completed")
    terminal.keys("Enter")
    for text in ("6 done", "All 6", "x Export", "t5.txt"):
        terminal.wait_for(text)
    terminal.keys("G", "Enter", "1")
    terminal.wait_for("6 " + str(tmp_path)[:20])
    terminal.keys("q")
    units = Repository(tmp_path / "data" / "abp.db").units.page(1)
    assert [int((unit.output or "").split()[0]) for unit in units] == [1, 2, 3, 4, 5, 6]


def test_y_has_the_terminal_copy_what_a_tab_shows(terminal: Terminal, tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    orchestrator.test(make_job(orchestrator.repository, 3, cwd=tmp_path, template="Grüße {n}").id)
    sent = tmp_path / "sent"
    terminal.abp()
    terminal.wait_for("test passed: approve?")
    terminal.keys("Enter", "1")
    terminal.wait_for("Grüße 0")
    terminal.tmux("pipe-pane", f"cat >> {sent}")
    terminal.keys("y")
    terminal.wait_for("copied")
    copied = base64.b64encode("Grüße 0".encode())
    wait_until(lambda: b"\x1b]52;c;" + copied + b"\a" in sent.read_bytes())
