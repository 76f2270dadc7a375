"""`y` copies what the cursor's line or the text shown says, on every screen that has one."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from abp_tui.domain.model import Job, LogEntry
from abp_tui.errors import InvalidInput
from abp_tui.tui.screens.errors import ErrorsScreen
from abp_tui.tui.screens.log import LogScreen, LogView
from abp_tui.tui.screens.pilot import PilotScreen
from abp_tui.tui.screens.versions import VersionsScreen
from tests.factories import make_job
from tests.store.test_causes import ended
from tests.tui.screens import SMALL, InProcess, running, until, until_shown
from tests.tui.test_progress import finished


async def copied(pilot: Pilot[None]) -> str:
    """What is on the clipboard once `y` was pressed."""
    await pilot.press("y")
    await until_shown(pilot, "copied, if your terminal")
    return pilot.app.clipboard


async def test_a_cause_is_copied_whole(tmp_path: Path) -> None:
    async with running(ended(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  timeout idle")
        text = await copied(pilot)
        assert text == "6 units · agent error · first: unit 0\n\nno such file: /data/0/in.txt"
        await pilot.press("G")
        assert (await copied(pilot)).startswith("2 units · in doubt · first: unit 5\n\npermission denied")


async def test_the_difference_of_versions_is_copied(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 2)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 2")
        pilot.app.push_screen(VersionsScreen(1))
        await until_shown(pilot, "There is one version only")
        await pilot.press("y")
        await until_shown(pilot, "there is nothing to copy yet")
        await pilot.press("escape")
        orchestrator.set_prompt("words", "Do {n} better")
        pilot.app.push_screen(VersionsScreen(1))
        await until_shown(pilot, "+Do {n} better")
        assert "\n-Do {n}\n+Do {n} better" in await copied(pilot)


async def test_key_and_first_line_of_a_piloted_unit_are_copied(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 2, template="Do {n}\nwell")
    orchestrator.test("words")
    orchestrator.pilot("words", 2, seed=1, whole=True)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "passed")
        pilot.app.push_screen(PilotScreen(1))
        await until_shown(pilot, "item-1", "Do 1 well")
        await pilot.press("G")
        assert await copied(pilot) == "item-1\nDo 1"


class Refusing(InProcess):
    """Can't launch a test."""

    def launch_test(self, job_id: int | str, seq: int | None = None) -> Job:
        raise InvalidInput("it can't", "do this")


async def test_errors_are_copied_whole(tmp_path: Path) -> None:
    orchestrator = Refusing(tmp_path)
    make_job(orchestrator.repository, 2)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "words")
        await pilot.press("ctrl+o", "y")
        await until_shown(pilot, "there is nothing to copy yet")
        await pilot.press("escape", "t")
        await until_shown(pilot, "it can't (do this)")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, ErrorsScreen))
        await until_shown(pilot, "What went wrong", "y Copy")
        assert (await copied(pilot)).endswith("\nit can't (do this)")


async def test_the_log_is_copied_and_saved_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    orchestrator = finished(tmp_path)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("l")
        await until_shown(pilot, "unit 3: failed: it did not work")
        text = await copied(pilot)
        lines = text.splitlines()
        assert len(lines) == len(list(orchestrator.repository.logs.all(1)))
        assert any(line.endswith("unit 3: failed: it did not work") for line in lines)
        await pilot.press("s")
        await until_shown(pilot, "saved as")
        assert (tmp_path / "words-log.txt").read_text() == text
        orchestrator.repository.logs.add(1, "x" * 100_000)
        await until(pilot, lambda: len(pilot.app.screen.query_one(LogView).blocks) > len(lines))
        await pilot.press("y")
        await until_shown(pilot, "more than terminals copy: s saves")


async def test_a_log_of_many_lines_is_read_to_its_end(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path)
    with orchestrator.repository.database.writing() as db:
        db.execute_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
            "INSERT INTO log (job_id, at, level, message) "
            "SELECT job_id, at, level, 'line ' || i || '.' FROM n, (SELECT * FROM log LIMIT 1)"
        )
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("l")
        await until_shown(pilot, "line 2500.")


async def test_the_log_of_a_job_nothing_has_happened_to_says_so_and_what_comes_next(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 3")
        await pilot.press("l")
        await until_shown(pilot, "Nothing has happened to this job yet", "esc goes back", "t there tests one")
        await pilot.press("s")
        await until_shown(pilot, "there is nothing to save yet")
        orchestrator.repository.logs.add(1, "something happened")
        await until_shown(pilot, "something happened")
        await until(pilot, lambda: not pilot.app.screen.has_class("-empty"))


async def test_lines_that_are_read_twice_are_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown_from: list[int] = []
    show = LogScreen._show

    def show_twice(screen: LogScreen, last_id: int, entries: list[LogEntry]) -> None:
        """As two reads do that began before either of them was shown."""
        show(screen, last_id, entries)
        show(screen, last_id, entries)
        shown_from.append(last_id)

    monkeypatch.setattr(LogScreen, "_show", show_twice)
    async with running(finished(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("l")
        await until_shown(pilot, "unit 3: failed: it did not work")
        await until(pilot, lambda: len(shown_from) > 1)
        assert pilot.app.screen.query_one(LogView).plain.count("unit 3: failed: it did not work") == 1
