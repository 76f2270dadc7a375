"""Keys that come faster than the screen follows, as they do over a slow line or out of a macro."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input, Select

from abp_tui.tui.screens.jobs import JobsScreen
from tests.factories import make_job
from tests.tui.screens import InProcess, running, until
from tests.tui.test_new_job import BOTH, real

pytestmark = pytest.mark.slow


def rush(pilot: Pilot[Any], *keys: str) -> None:
    """Hand over keys at once; a word that names no key is typed."""
    for key in keys:
        if key in ("tab", "shift+tab", "enter", "down", "escape", "question_mark", "ctrl+u", "ctrl+s"):
            pilot.app.post_message(Key(key, None))
        else:
            for letter in key:
                pilot.app.post_message(Key(letter, letter))


async def test_letters_behind_a_tab_are_of_the_next_field(tmp_path: Path) -> None:
    async with running(real(tmp_path)) as pilot:
        rush(pilot, "n", "words", "tab", "Count them", "shift+tab", "tab", "!")
        await until(
            pilot, lambda: [field.text for field in pilot.app.screen.query("#intent")] == ["Count them!"]
        )
        assert pilot.app.screen.query_one("#name", Input).value == "words"


@BOTH
async def test_a_whole_form_is_filled_without_a_pause(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "m.csv").write_text("number,text\n7,bread\n")
    orchestrator = real(tmp_path)
    async with running(orchestrator, size) as pilot:
        rush(pilot, "n", "shop", "tab", "Buy {text}", "tab", "enter", "csv", "enter", "tab")
        rush(pilot, "ctrl+u", str(tmp_path / "m.csv"))
        for _ in range(7):
            rush(pilot, "tab")
        await until(pilot, lambda: getattr(pilot.app.focused, "id", "") == "worker", 60)
        screen = pilot.app.screen
        assert screen.query_one("#source", Select).value == "csv"
        assert screen.query_one("#set-file_path", Input).value == str(tmp_path / "m.csv")
        rush(pilot, "enter", "comm", "enter", "echo {text}", "tab", "tab", "ctrl+u", "2")
        await until(pilot, lambda: screen.query_one("#workers", Input).value == "2", 60)
        rush(pilot, "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen), 60)
    job = orchestrator.status("shop")
    assert (job.intent, job.total_units, job.max_workers) == ("Buy {text}", 1, 2)


async def test_a_key_whose_widget_goes_away_holds_nothing_up(tmp_path: Path) -> None:
    async with running(real(tmp_path)) as pilot:
        for _ in range(3):
            rush(pilot, "question_mark", "escape")
        rush(pilot, "n", "last")
        await until(pilot, lambda: [field.value for field in pilot.app.screen.query("#name")] == ["last"], 60)


async def test_letters_are_in_before_a_key_that_goes_first(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 2, template="Do {n}")
    orchestrator.test(1)
    async with running(orchestrator) as pilot:
        rush(pilot, "enter", "e", "Please! ", "ctrl+s")
        await until(pilot, lambda: orchestrator.repository.jobs.get(1).recipe.version == 2, 60)
        assert orchestrator.repository.jobs.get(1).recipe.prompt_template == "Please! Do {n}"
        orchestrator.settle()
