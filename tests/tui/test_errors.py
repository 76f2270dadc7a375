"""What a toast says in one line for some seconds can be read whole by a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.domain.model import Job
from abp_tui.errors import InvalidInput
from abp_tui.tui.screens.errors import ErrorsScreen
from abp_tui.tui.widgets.wrapped import TextView
from tests.factories import make_job
from tests.tui.screens import ALL, SMALL, InProcess, running, shown, until, until_shown

FOREIGN = "[/nope] [@click=app.quit]x[/] \x1b[31mred \x1b]52;c;aGk=\x07 \u202egnp"


class Failing(InProcess):
    """Can't launch a test, for one reason after the other."""

    reasons: list[Exception]

    def launch_test(self, job_id: int | str, seq: int | None = None) -> Job:
        raise self.reasons.pop(0)


@ALL
async def test_the_toast_names_the_key_that_shows_the_errors_whole(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = Failing(tmp_path)
    orchestrator.reasons = [InvalidInput(FOREIGN + "y" * 900 + " the end", "do this"), KeyError(FOREIGN)]
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "words")
        await pilot.press("t")
        await until_shown(pilot, "ctrl+o shows all of it")
        await pilot.press("t")
        await until_shown(pilot, "unexpected KeyError")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, ErrorsScreen))
        text = pilot.app.screen.query_one(TextView)
        plain = " ".join(text.plain.split())
        assert plain.index("unexpected KeyError") < plain.index("the end (do this)"), "the newest first"
        assert "Traceback" in plain and "raise self.reasons.pop(0)" in plain
        assert "[/nope] [@click=app.quit]x[/]" in plain
        assert not {"\x1b", "\x07", "\u202e"} & set(text.plain)
        await until_shown(pilot, "What went wrong", "unexpected KeyError", "esc Close")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ErrorsScreen))


@pytest.mark.parametrize("keys", [["ctrl+o"], ["ctrl+p", *"went wrong", "enter"]])
async def test_where_nothing_went_wrong_it_says_so(tmp_path: Path, keys: list[str]) -> None:
    async with running(InProcess(tmp_path), SMALL) as pilot:
        await pilot.press(*("space" if key == " " else key for key in keys))
        await until_shown(pilot, "Nothing went wrong since abp was opened")
        assert "Traceback" not in shown(pilot)
