"""A screen at rest is not drawn, and what was set about that holds whatever the environment says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, TextArea

from tests.factories import make_job
from tests.tui.screens import InProcess, app_of, running, until, until_shown


async def assert_still(pilot: Pilot[Any]) -> None:
    """No cursor of the fields of this screen blinks once it is there to be seen."""
    fields = [f for f in pilot.app.screen.focus_chain if isinstance(f, Input | TextArea)]
    assert fields
    for field in fields:
        field.focus()
        await until(pilot, lambda field=field: field.has_focus and not field.cursor_blink)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["n"], "new job"),
        (["slash"], "jobs"),
        (["enter", "slash"], "progress"),
        (["ctrl+p"], "Search"),
    ],
)
async def test_no_cursor_blinks(tmp_path: Path, keys: Sequence[str], words: str) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "words")
        for key in keys:
            await pilot.press(key)
        await until_shown(pilot, words)
        await until(pilot, lambda: bool(pilot.app.screen.query("Input, TextArea")))
        await assert_still(pilot)
    orchestrator.settle()


@pytest.mark.parametrize(("key", "words"), [("e", "Prompt, version 1"), ("p", "sample")])
async def test_no_cursor_blinks_in_a_dialog(tmp_path: Path, key: str, words: str) -> None:
    orchestrator = InProcess(tmp_path)
    orchestrator.test(make_job(orchestrator.repository, 3).id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in", "p Pilot")
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen.is_modal)
        await until_shown(pilot, words)
        await assert_still(pilot)


async def test_no_cursor_blinks_in_the_fields_of_another_source(tmp_path: Path) -> None:
    async with running(InProcess(tmp_path)) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "new job")
        pilot.app.screen.query_one("#source", Select).value = "sql"
        await until_shown(pilot, "time limit")
        await assert_still(pilot)


@pytest.mark.parametrize("level", ["none", "basic", "full"])
def test_nothing_is_animated_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setattr("textual.constants.TEXTUAL_ANIMATIONS", level)
    assert app_of(InProcess(tmp_path)).animation_level == "none"


async def test_the_choice_in_focus_is_marked_without_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(InProcess(tmp_path)) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "new job")
        for name in ("worker", "source"):
            choice = pilot.app.screen.query_one(f"#{name}", Select)
            assert not is_marked(pilot, choice)
            choice.focus()
            await until(pilot, lambda choice=choice: is_marked(pilot, choice))


def is_marked(pilot: Pilot[Any], choice: Select[Any]) -> bool:
    """Whether what is chosen is drawn underlined or reversed."""
    region = choice.region
    row = pilot.app.screen._compositor.render_strips()[region.y].crop(region.x, region.right)
    styles = [part.style for part in row if part.text.strip() and part.style]
    return any(style.underline or style.reverse for style in styles)
