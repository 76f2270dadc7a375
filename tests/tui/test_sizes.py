"""Every screen at 60 columns, where nothing that matters may be cut, and at 200, where the room is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from abp_tui.domain.model import Event, EventKind, Outcome
from abp_tui.domain.status import JobStatus
from abp_tui.enumerators.base import Approval
from abp_tui.tui.screens.approve_code import ApproveCodeScreen
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.screens.failures import FailuresScreen
from abp_tui.tui.screens.help import HelpScreen, HelpText
from abp_tui.tui.screens.log import LogScreen
from abp_tui.tui.screens.new_job import NewJobScreen
from abp_tui.tui.screens.review import ReviewScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.running_strip import RunningStrip
from abp_tui.tui.widgets.unit_map import UnitMap
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import make_job, wait_for_cancel
from tests.tui.screens import NARROW, SMALL, InProcess, lines, running, shown, until, until_shown, wait_for
from tests.tui.test_progress import fail_threes, finished

pytestmark = pytest.mark.slow

HUGE = (200, 60)
KEYS = ("? Help", "esc Back", "q Leave")


def at_work(folder: Path, units: int = 9) -> InProcess:
    """A job of which some units have ended, well or badly, and four run."""
    orchestrator = InProcess(folder, work_or_wait)
    job = make_job(orchestrator.repository, units, budget_usd=20.0)
    orchestrator.skip_test(job.id)
    wait_for(lambda: orchestrator.status("words").processing_units == 4)
    return orchestrator


def work_or_wait(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    if task.payload["n"] < 5:
        return fail_threes(task, sink, cancel)
    sink.event(Event(kind=EventKind.TEXT, body="reading the file"))
    return wait_for_cancel(task, sink, cancel)


def stop(orchestrator: InProcess) -> None:
    orchestrator.stop("words")
    orchestrator.settle()


async def assert_whole(pilot: Pilot[None], *keys: str) -> None:
    """Each line is as wide as the terminal, and the keys that matter are in the last one."""
    await until(pilot, lambda: all(key in lines(pilot)[-1] for key in keys))
    assert {len(line) for line in lines(pilot)} == {pilot.app.size.width}


async def test_jobs(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path)
    make_job(orchestrator.repository, 3, name="a-name-that-is-rather-long-for-a-list-of-jobs", max_workers=2)
    async with running(orchestrator, NARROW) as pilot:
        await until_shown(pilot, "✗ failed", "words", "○ created", "6/9", "jobs")
        await assert_whole(pilot, "n New", "? Help", "q Leave")
        await pilot.press("slash", *"wor", "enter")
        await until(pilot, lambda: "a-name" not in shown(pilot))
        await assert_whole(pilot, "esc Back")


async def test_no_jobs_yet(tmp_path: Path) -> None:
    async with running(InProcess(tmp_path), NARROW) as pilot:
        await until_shown(pilot, "No jobs yet", "n makes your first job")
        await assert_whole(pilot, "n New")


async def test_new_job(tmp_path: Path) -> None:
    async with running(InProcess(tmp_path), NARROW) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewJobScreen))
        await until_shown(pilot, "^t Create and test")
        await assert_whole(pilot, "Create and test", "esc Back")


async def test_review(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 9)
    orchestrator.launch_test("words")
    orchestrator.settle()
    async with running(orchestrator, NARROW, job="words") as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await until_shown(
            pilot, "1 Output", "2 Talk", "3 Files", "4 Prompt", "5 Cost", "units left 8", "Do 0"
        )
        await assert_whole(pilot, "a Approve", "r Reject", "e Edit", "? Help", "esc Back")


async def test_progress(tmp_path: Path) -> None:
    orchestrator = at_work(tmp_path)
    async with running(orchestrator, NARROW, job="words") as pilot:
        await until_shown(pilot, "3 done", "2 failed", "4 running", "0 waiting", "of $20.00", "4 workers")
        await until_shown(pilot, "All 9", "Running 4", "Failed 2", "Suspect 0", "Done 3", "Waiting 0")
        await until_shown(pilot, "✗ failed", "✓ done", "● running")
        await assert_whole(pilot, "space Pause", "S Stop", "t Tail", "K End", *KEYS)
        await pilot.press("space")
        await until_shown(pilot, "pauses once its running units are done")
    stop(orchestrator)


async def test_at_80_columns_the_progress_names_all_keys_that_steer_a_running_job(tmp_path: Path) -> None:
    orchestrator = at_work(tmp_path)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "2 failed", "4 running", "R Retry")
        await assert_whole(pilot, "space Pause", "S Stop", "t Tail", "K End", "R Retry", "F Causes", *KEYS)
    stop(orchestrator)


async def test_a_million_units_and_their_filters(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    with orchestrator.repository.database.writing() as db:
        db.execute_sql(
            "UPDATE job SET total = 1000000, pending = 400000, completed = 400000, failed = 100000, "
            "suspect = 100000, change = change + 1"
        )
    async with running(orchestrator, NARROW, job="words") as pilot:
        await until_shown(
            pilot, "All", "Running", "Failed", "Suspect", "Done", "Waiting", "400k done", "400k waiting"
        )
        await assert_whole(pilot, *KEYS)


async def test_unit(tmp_path: Path) -> None:
    orchestrator = at_work(tmp_path)
    async with running(orchestrator, NARROW, job="words") as pilot:
        await until_shown(pilot, "4 running", "item-1")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "item-5", "try 1 of 1", "running", "reading the file", "5 Cost")
        await assert_whole(pilot, "o Unfold", "y Copy", *KEYS)
    stop(orchestrator)


async def test_log(tmp_path: Path) -> None:
    async with running(finished(tmp_path), NARROW, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(pilot.app.screen, LogScreen))
        await until_shown(pilot, "unit 3: failed: it did not work")
        await assert_whole(pilot, *KEYS)


async def test_failures(tmp_path: Path) -> None:
    async with running(finished(tmp_path), NARROW, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("F")
        await until(pilot, lambda: isinstance(pilot.app.screen, FailuresScreen))
        await until_shown(pilot, "it did not work", "3")
        await assert_whole(pilot, "r Retry", *KEYS)


async def test_confirm(tmp_path: Path) -> None:
    orchestrator = at_work(tmp_path)
    async with running(orchestrator, NARROW, job="words") as pilot:
        await until_shown(pilot, "4 running")
        await pilot.press("S")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await until_shown(pilot, "Stop words now?", "y Yes", "n No", "4 running agents will be ended")
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ConfirmScreen))
    stop(orchestrator)


async def test_code_approval(tmp_path: Path) -> None:
    async with running(InProcess(tmp_path), NARROW) as pilot:
        answers: list[bool | None] = []
        code = "def enumerate_items(context):\n    return [{'n': 1}]\n"
        wanted = Approval("code", "0f" * 32, code, '{"since": "2026-01-01"}')
        pilot.app.push_screen(ApproveCodeScreen(wanted), answers.append)
        await until_shown(pilot, "def enumerate_items(context):", "y Run it", "n Don't run it")
        await assert_whole(pilot)
        await pilot.press("n")
        await until(pilot, lambda: answers == [False])


@pytest.mark.parametrize("size", [NARROW, SMALL])
async def test_help_is_wrapped_and_nothing_of_it_cut(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3, status=JobStatus.RUNNING)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "progress")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        text = pilot.app.screen.query_one(HelpText)
        await until(pilot, lambda: text.line_width > 0 and text.line_count > 0)
        widths = [text.line(n, text.line_width).cell_length for n in range(text.line_count)]
        assert max(widths) <= text.line_width
        for _ in range(text.line_count):
            await assert_whole(pilot)
            if text.scroll_offset.y >= text.max_scroll_y:
                break
            await pilot.press("pagedown")
        await until_shown(pilot, "suspect", "esc Close")


async def test_200_columns_are_used(tmp_path: Path) -> None:
    orchestrator = at_work(tmp_path, 400)
    async with running(orchestrator, HUGE, job="words") as pilot:
        await until_shown(pilot, "4 running", "reading the file")
        await assert_whole(pilot, "space Pause", "S Stop", "l Log", "+ Worker", *KEYS)
        screen = pilot.app.screen
        assert screen.query_one(UnitMap).size.width >= 60
        assert screen.query_one(RunningStrip).size.width >= 100
        await until(pilot, lambda: sum("item-" in line for line in lines(pilot)) >= 40)
        await pilot.press("escape")
        await until_shown(pilot, "words", "intent", "Do it", "budget", "$20.00")
    stop(orchestrator)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
async def test_keys_are_named_in_what_the_terminal_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    async with running(finished(tmp_path), SMALL) as pilot:
        await until_shown(pilot, "words", "enter Open" if locale == "C" else "⏎ Open")
