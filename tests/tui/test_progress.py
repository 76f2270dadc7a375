from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from textual.pilot import Pilot

from abp_tui.domain.model import Bucket, Event, EventKind, Outcome, Timers
from abp_tui.domain.status import Desired, JobStatus
from abp_tui.export.table import Wanted
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.log import LogScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.figures import sparkline
from abp_tui.tui.widgets.output_view import OutputView
from abp_tui.tui.widgets.unit_list import UnitList
from abp_tui.tui.widgets.unit_map import UnitMap, cell_state
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import answer, fail, make_job, units_on_machines, wait_for_cancel
from tests.tui.screens import (
    ALL,
    BOTH,
    LARGE,
    NARROW,
    SMALL,
    InProcess,
    hold,
    lines,
    running,
    shown,
    until,
    until_shown,
    wait_for,
)


def fail_threes(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    return (fail if task.payload["n"] % 3 == 0 else answer)(task, sink, cancel)


def finished(folder: Path, count: int = 9) -> InProcess:
    orchestrator = InProcess(folder, fail_threes)
    job = make_job(orchestrator.repository, count)
    orchestrator.skip_test(job.id)
    orchestrator.settle()
    return orchestrator


@BOTH
async def test_counts_map_and_units_agree(tmp_path: Path, size: tuple[int, int]) -> None:
    async with running(finished(tmp_path), size, job="words") as pilot:
        await until_shown(pilot, "✗ failed", "6 done", "3 failed", "0 waiting", "66%", "it did not")
        await until_shown(pilot, "All 9", "Failed 3", "failures  3 agent error")
        assert pilot.app.screen.query_one(UnitMap).render().plain == "✗■■✗■■✗■■"
        assert all(len(line) == size[0] for line in lines(pilot))


async def test_f_shows_one_state_after_the_other(tmp_path: Path) -> None:
    async with running(finished(tmp_path), job="words") as pilot:
        await until_shown(pilot, "All 9", "item-1")
        await pilot.press("f")
        await until(pilot, lambda: "item-1" not in shown(pilot))
        units = pilot.app.screen.query_one(UnitList)
        assert [units.rows.seq_at(n) for n in range(units.line_count)] == [0, 3, 6]
        await pilot.press("f")
        await until(pilot, lambda: units.line_count == 6)
        await pilot.press("f")
        await until(pilot, lambda: units.line_count == 9)


async def test_units_join_and_leave_a_state_that_is_looked_at(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("f")
        units = pilot.app.screen.query_one(UnitList)
        await until(pilot, lambda: units.line_count == 3)
        await pilot.press("j")
        orchestrator.repository.units.put_back(1, [0])
        await until(pilot, lambda: [units.rows.seq_at(n) for n in range(units.line_count)] == [3, 6])
        assert units.seq == 3, "the cursor stays on its unit"
        orchestrator.repository.units.put_back(1, [1])
        await until_shown(pilot, "2 waiting")
        assert units.line_count == 2


async def test_retry_runs_the_failed_ones_again(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path)
    orchestrator.agent._behaviour = answer
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("R")
        await until_shown(pilot, "✓ completed", "9 done", "0 failed")
    assert len(orchestrator.agent.prompts) == 12


@pytest.mark.slow
async def test_a_unit_that_is_done_is_run_again_only_if_one_is_sure(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path)
    orchestrator.agent._behaviour = answer
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "6 done", "item-1")
        await pilot.press("j", "r")
        await until_shown(pilot, "Run unit 1 again?", "item-1 is done", "paid for again")
        await pilot.press("n", "k", "r")
        await until_shown(pilot, "words runs unit 0 again")
        await until_shown(pilot, "7 done")
        await pilot.press("j", "r")
        await until_shown(pilot, "Run unit 1 again?")
        await pilot.press("y")
        await until_shown(pilot, "words runs unit 1 again")
    orchestrator.settle()
    assert len(orchestrator.agent.prompts) == 11


@pytest.mark.slow
async def test_units_that_wait_or_run_are_not_run_again_and_only_running_ones_ended(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 20)
    orchestrator.skip_test(job.id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "4 running", "item-0")
        await until(pilot, lambda: pilot.app.screen.query_one(UnitList).unit is not None)
        await pilot.press("r")
        await until_shown(pilot, "unit 0 runs already")
        await pilot.press("G", "r")
        await until_shown(pilot, "unit 19 waits already")
        await pilot.press("K")
        await until_shown(pilot, "no agent works on unit 19")
        await pilot.press("g", "K")
        await until_shown(pilot, "End the agent of unit 0?")
    orchestrator.stop("words")
    orchestrator.settle()


@pytest.mark.slow
async def test_running_the_failed_ones_of_a_paused_job_says_that_the_others_run_too(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, fail)
    job = make_job(orchestrator.repository, 20, max_failures_in_row=3, max_retries=0)
    orchestrator.skip_test(job.id)
    orchestrator.settle()
    assert orchestrator.status("words").status is JobStatus.PAUSED
    waiting = orchestrator.status("words").pending_units
    assert waiting
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "paused")
        await pilot.press("R")
        await until_shown(pilot, "words is paused: it goes on", f"{waiting} units that wait")
        await pilot.press("n")
        await until(pilot, lambda: "that wait" not in shown(pilot))
        assert orchestrator.status("words").status is JobStatus.PAUSED
        orchestrator.agent._behaviour = answer
        await pilot.press("R", "y")
        await until_shown(pilot, "20 done")
    orchestrator.settle()


@pytest.mark.slow
async def test_the_cursor_is_in_sight_after_another_filter(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path, 200)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "item-0")
        await pilot.press("f")
        await until(pilot, lambda: pilot.app.screen.query_one(UnitList).line_count == 67)
        await pilot.press("G")
        await until_shown(pilot, "item-198")
        await pilot.press("f")
        units = pilot.app.screen.query_one(UnitList)
        await until(pilot, lambda: units.line_count == 133)
        await until(
            pilot, lambda: units.scroll_offset.y <= units.cursor < units.scroll_offset.y + units.size.height
        )
        await pilot.press("k")
        await until_shown(pilot, "item-197")


async def test_plus_and_minus_count_however_quickly_they_are_pressed(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 20)
    orchestrator.skip_test(job.id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "4 workers")
        go_on = hold(orchestrator, "set_workers")
        await pilot.press("plus", "plus", "plus", "minus", "plus")
        go_on.set()
        await until_shown(pilot, "7 workers")
    orchestrator.stop("words")
    orchestrator.settle()


@pytest.mark.slow
async def test_workers_pause_and_stop_are_asked_of_the_executor(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 20)
    orchestrator.skip_test(job.id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "4 workers", "4 running", "workers")
        await pilot.press("plus")
        await until_shown(pilot, "5 workers", "5 running")
        await pilot.press("S")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await until_shown(pilot, "5 running agents")
        await pilot.press("escape")
        assert orchestrator.status("words").processing_units == 5
        await pilot.press("S")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("y")
        await until_shown(pilot, "‖ paused", "20 waiting", "space goes on")
    orchestrator.settle()
    assert orchestrator.status("words").status is JobStatus.PAUSED


@BOTH
async def test_units_on_other_machines_say_on_which(tmp_path: Path, size: tuple[int, int]) -> None:
    repository = InProcess(tmp_path).repository
    with units_on_machines(repository, "north", "south"):
        async with running(InProcess(tmp_path), size, job="words") as pilot:
            await until_shown(pilot, "2 running", "north", "south")
            shown_there = [line for line in lines(pilot) if "item-0" in line and "north" in line]
            assert shown_there, "beside its unit"


async def test_export_writes_a_file_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orchestrator = finished(tmp_path)
    monkeypatch.chdir(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("x")
        await until_shown(pilot, "9 units in")
        await pilot.press("x")
        await until(pilot, lambda: (tmp_path / "words-2.jsonl").exists())
    exported = [json.loads(line) for line in (tmp_path / "words.jsonl").read_text().splitlines()]
    assert [unit["seq"] for unit in exported] == list(range(9))


async def test_export_says_how_many_are_in_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 9, checks=[{"kind": "regex", "pattern": "[0-6]"}])
    orchestrator.skip_test(job.id)
    orchestrator.settle()
    monkeypatch.chdir(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "2 suspect")
        await pilot.press("x")
        await until_shown(pilot, "9 units in", "2 of them in doubt")


class Exporting(InProcess):
    """Stands still in an export of 1,000 units once 200 rows are written, until it is let go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.go_on = threading.Event()
        make_job(self.repository, 1000)

    def export(
        self,
        job_id: int | str,
        target: Path | BinaryIO,
        form: str | None = None,
        wanted: Wanted | None = None,
        told: Callable[[int], None] | None = None,
    ) -> int:
        def tell(rows: int) -> None:
            assert told is not None
            told(rows)
            self.go_on.wait(20)

        return super().export(job_id, target, form, wanted, tell)


@pytest.mark.slow
@BOTH
async def test_an_export_says_how_far_it_is_and_can_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    orchestrator = Exporting(tmp_path)
    (folder := tmp_path / "out").mkdir()
    monkeypatch.chdir(folder)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "All 1,000")
        await pilot.press("x")
        await until_shown(pilot, "writing words.jsonl", "━", "20%  200 of 1,000", "c Cancel export")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(pilot.app.screen, LogScreen))
        await pilot.press("escape")
        await until_shown(pilot, "200 of 1,000")
        await pilot.press("plus")
        await until_shown(pilot, "works with 5 workers")
        await pilot.press("c")
        orchestrator.go_on.set()
        await until_shown(pilot, "the export is ended: nothing is written", "x Export")
        assert list(folder.iterdir()) == []
        assert "writing words.jsonl" not in shown(pilot)
        await pilot.press("x")
        await until_shown(pilot, "1,000 units in", "x Export")
    assert [file.name for file in folder.iterdir()] == ["words.jsonl"]


async def test_an_export_whose_screen_is_left_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchestrator = Exporting(tmp_path)
    (folder := tmp_path / "out").mkdir()
    monkeypatch.chdir(folder)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 1,000")
        await pilot.press("x")
        await until_shown(pilot, "200 of 1,000")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        orchestrator.go_on.set()
        await until_shown(pilot, "the export is ended: nothing is written")
    assert list(folder.iterdir()) == []


async def test_an_export_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orchestrator = finished(tmp_path)
    monkeypatch.chdir(tmp_path)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "gone")
        await pilot.press("x")
        await until_shown(pilot, "can't write", "x Export")


async def test_enter_opens_the_unit_and_l_the_log(tmp_path: Path) -> None:
    async with running(finished(tmp_path), job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("j", "j", "j", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "item-3", "try 1 of 1", "failed")
        await pilot.press("1")
        await until_shown(pilot, "agent_error: it did not work")
        await pilot.press("escape", "l")
        await until(pilot, lambda: isinstance(pilot.app.screen, LogScreen))
        await until_shown(pilot, "unit 3: failed: it did not work")


async def test_each_attempt_of_a_unit_can_be_seen(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path)
    orchestrator.agent._behaviour = answer
    orchestrator.retry("words")
    orchestrator.settle()
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "9 done")
        await pilot.press("enter")
        await until_shown(pilot, "try 2 of 2", "completed", "Do 0")
        await pilot.press("left_square_bracket", "1")
        await until_shown(pilot, "try 1 of 2", "failed", "it did not work")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "try 2 of 2")


async def test_a_million_units_open_and_scroll_at_once(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3)
    total = 1_000_000
    rows = [(n, f"item-{n}", "{}") for n in (*range(700_000, 710_000), *range(total - 10_000, total))]
    orchestrator.repository.jobs.add_units(job.id, rows)
    with orchestrator.repository.database.writing() as db:
        db.execute_sql("UPDATE job SET total = ?, pending = ?, change = change + 1", (total, total))
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 1,000,000", "item-2")
        await pilot.press("G")
        await until_shown(pilot, "item-999999")
        units = pilot.app.screen.query_one(UnitList)
        units.go_to(700_100)
        await until_shown(pilot, "item-700100")
        assert len(units.rows._kept) < 1000, "only what was looked at is in memory"


@pytest.mark.parametrize(
    ("buckets", "state"),
    [
        ([Bucket(n=0, completed=99, failed=1)], "failed"),
        ([Bucket(n=0, completed=9), Bucket(n=1, suspect=1)], "suspect"),
        ([Bucket(n=0, processing=1, pending=5)], "processing"),
        ([Bucket(n=0, completed=1, pending=5)], "partly"),
        ([Bucket(n=0, completed=5)], "completed"),
        ([Bucket(n=0, pending=5)], "pending"),
    ],
)
def test_the_worst_state_of_a_cell_wins(buckets: list[Bucket], state: str) -> None:
    assert cell_state(buckets) == state


@pytest.mark.slow
async def test_the_synthesis_is_the_last_row_and_w_waives_what_keeps_it_back(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, fail_threes_of_items)
    items = tmp_path / "items"
    items.mkdir()
    for n in range(3):
        (items / f"{n}.txt").write_text("x")
    job = orchestrator.create_job(
        "talks", "Read {file_name}", "file", {"base_directory": str(items)}, post_processing_prompt="Sum up"
    )
    orchestrator.skip_test(job.id)
    orchestrator.settle()
    async with running(orchestrator, job="talks") as pilot:
        await until_shown(pilot, "(synthesis)", "2 done", "1 failed", "Waive")
        await pilot.press("W")
        await until_shown(pilot, "runs its synthesis")
        await until(pilot, lambda: orchestrator.status("talks").status is JobStatus.COMPLETED)
        await pilot.press("G", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "Sum up")


def fail_threes_of_items(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    return (fail if "0.txt" in task.prompt else answer)(task, sink, cancel)


@pytest.mark.slow
async def test_k_ends_the_unit_under_the_cursor_and_r_runs_it_again(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 2)
    orchestrator.skip_test(job.id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "2 running")
        await pilot.press("j", "K")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await until_shown(pilot, "End the agent of unit 1?")
        await pilot.press("y")
        await until_shown(pilot, "1 failed", "1 running", "r runs it again")
        orchestrator.agent._behaviour = answer
        await pilot.press("r")
        await until_shown(pilot, "1 done", "0 failed")
        orchestrator.stop(job.id)
        orchestrator.settle()


async def test_what_a_running_job_waits_for_is_shown(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 2)
    orchestrator.skip_test(job.id)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "2 running")
        with orchestrator.repository.database.writing() as db:
            db.execute_sql("UPDATE job SET waiting = 'only 3 MB are free [/nope]', change = change + 1")
        await until_shown(pilot, "waits: only 3 MB are free [/nope]")
        orchestrator.stop(job.id)
        orchestrator.settle()


async def test_what_a_tab_shows_is_copied_and_saved_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(finished(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "6 done")
        await pilot.press("j", "enter")
        await until_shown(pilot, "item-1", "Do 1")
        await pilot.press("y")
        await until_shown(pilot, "4 characters copied")
        assert pilot.app.clipboard == "Do 1"
        await pilot.press("2", "s")
        await until_shown(pilot, "saved as")
        assert "text\nI was asked: Do 1" in (tmp_path / "words-unit1-conversation.txt").read_text()
        await pilot.press("s")
        await until(pilot, (tmp_path / "words-unit1-conversation-2.txt").exists)


def end_ago(orchestrator: InProcess, *seconds: float) -> None:
    """The first units ended so long ago, and the job has been at work since before that."""
    with orchestrator.repository.database.writing() as db:
        for seq, ago in enumerate(seconds):
            db.execute_sql("UPDATE attempt SET ended_at = ended_at - ? WHERE seq = ?", (ago, seq))
        db.execute_sql("UPDATE job SET running_since = running_since - 1000, change = change + 1")


def answer_fives(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    return (answer if task.payload["n"] < 5 else wait_for_cancel)(task, sink, cancel)


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "signs"), [("C.UTF-8", "█▃▄▅"), ("C", "#:-=")])
async def test_the_rate_of_the_last_minutes_is_there_when_the_screen_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str, signs: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    orchestrator = InProcess(tmp_path, answer_fives)
    job = make_job(orchestrator.repository, 9)
    orchestrator.skip_test(job.id)
    wait_for(lambda: orchestrator.status("words").completed_units == 5)
    end_ago(orchestrator, 250, 100, 100, 60, 100)
    for size in (NARROW, SMALL, LARGE):
        async with running(orchestrator, size, job="words") as pilot:
            await until_shown(pilot, "5 done", "/min", "left")
            head = next(line for line in lines(pilot) if "/min" in line)
            line = head.partition("/min")[0].strip().rpartition(" ")[0]  # before the rate in figures
            assert signs[0] in line, head
            assert set(line) & set(signs[1:]), head
    orchestrator.stop(job.id)
    orchestrator.settle()


def test_a_sparkline_has_a_cell_for_each_number_and_more_than_its_base_for_all_but_nought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert sparkline([0, 1, 1000, 500]) == "▁▂█▅"
    assert (sparkline([0, 0]), sparkline([])) == ("▁▁", "")
    monkeypatch.setenv("LC_ALL", "C")
    assert sparkline([0, 1, 1000, 500]) == "_.#="


@BOTH
async def test_a_paused_job_says_how_long_it_worked_not_how_long_it_rested(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 9, status=JobStatus.RUNNING)
    orchestrator.repository.jobs.move(job.id, JobStatus.PAUSED, pause_reason="paused by a person")
    with orchestrator.repository.database.writing() as db:
        db.execute_sql("UPDATE job SET started_at = started_at - 90000, worked_s = 720")
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "‖ paused 12 min")


@pytest.mark.slow
@pytest.mark.parametrize("size", [NARROW, SMALL])
async def test_t_follows_a_running_unit_and_t_leaves_it(tmp_path: Path, size: tuple[int, int]) -> None:
    speaks = threading.Event()

    def talk(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if task.payload["n"] not in (2, 4):
            return answer(task, sink, cancel)
        sink.event(Event(kind=EventKind.TEXT, body="\n".join(f"line {n}" for n in range(12))))
        sink.event(Event(kind=EventKind.TEXT, body="\n".join(f"more {n}" for n in range(12))))
        assert speaks.wait(60)
        sink.event(Event(kind=EventKind.TEXT, body="the newest\nof all lines"))
        return wait_for_cancel(task, sink, cancel)

    orchestrator = InProcess(tmp_path, talk)
    job = make_job(orchestrator.repository, 6)
    orchestrator.skip_test(job.id)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "4 done", "2 running")
        await pilot.press("j", "j", "j", "t")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "item-4", "running", "more 11")
        await pilot.press("g")
        await until(pilot, lambda: "more 11" not in shown(pilot))
        speaks.set()
        await until_shown(pilot, " +2 ")
        await pilot.press("G")
        await until_shown(pilot, "of all lines")
        await until(pilot, lambda: " +2 " not in shown(pilot))
        await pilot.press("t")
        await until_shown(pilot, "words › progress")
        assert pilot.app.screen.query_one(UnitList).seq == 4, "the cursor went to what was followed"
        await pilot.press("G", "t")
        await until_shown(pilot, "item-2", "of all lines")
        await pilot.press("escape")
        orchestrator.stop(job.id)
        await until_shown(pilot, "paused", "Resume")
        assert "Tail" not in shown(pilot)
    orchestrator.settle()


async def test_left_and_right_go_from_cell_to_cell_of_the_map(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 5000)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 5,000", "item-1")
        cells, units = pilot.app.screen.query_one(UnitMap), pilot.app.screen.query_one(UnitList)
        await until(pilot, lambda: cells.size.height == 5)  # it has the room by now that it has from now on
        width = cells.units_per_bucket * cells.per_cell
        await pilot.press("right", "right", "j", "left")
        await until(pilot, lambda: units.seq == width)
        await pilot.press("left", "left")
        await until(pilot, lambda: units.seq == 0)
        await pilot.press("G", "right")
        await until(pilot, lambda: units.seq == 4999)


def pointed_at(pilot: Pilot[Any], cells: UnitMap) -> list[tuple[int, int]]:
    """Row and column of each cell of the map that is drawn in reverse."""
    region, found = cells.content_region, []
    for y, strip in enumerate(pilot.app.screen._compositor.render_strips()[region.y : region.bottom]):
        styles = [segment.style for segment in strip.crop(region.x, region.right) for _ in segment.text]
        found += [(y, x) for x, style in enumerate(styles) if style is not None and style.reverse]
    return found


async def test_the_map_shows_the_cell_of_the_unit_under_the_cursor(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 150)
    async with running(orchestrator, LARGE, job="words") as pilot:
        await until_shown(pilot, "All 150", "item-1")
        cells = pilot.app.screen.query_one(UnitMap)
        await until(pilot, lambda: cells.size.height > 2)
        await until(pilot, lambda: pointed_at(pilot, cells) == [(0, 0)])
        await pilot.press("right", "right")
        await until(pilot, lambda: pointed_at(pilot, cells) == [(0, 2)])
        await pilot.press("G")
        await until(pilot, lambda: pointed_at(pilot, cells) == [divmod(149, cells.size.width)])


async def test_units_that_changed_while_another_screen_was_seen_are_read_anew(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 3", "item-2")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(pilot.app.screen, LogScreen))
        orchestrator.skip_test("words")
        orchestrator.settle()
        await until_shown(pilot, "completed")
        orchestrator.repository.logs.add(1, "nothing else happens")
        await until_shown(pilot, "nothing else happens")
        await until(pilot, lambda: unchanged_since(pilot, done=3))
        await pilot.press("escape")
        await until(pilot, lambda: sum("✓ done" in line for line in lines(pilot)) == 3)


def unchanged_since(pilot: Pilot[Any], done: int) -> bool:
    """Whether so many units are done, and no unit has changed since the snapshot before."""
    focus = pilot.app.snapshot.focus  # type: ignore[attr-defined]
    return focus is not None and focus.job.completed_units == done and focus.changed == ()


async def test_a_unit_that_ends_just_when_it_is_followed_shows_what_it_said(tmp_path: Path) -> None:
    async with running(finished(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "6 done")
        await pilot.app.push_screen(UnitScreen(1, 1, tail=True))
        await until_shown(pilot, "completed", "I was asked: Do 1")


async def test_units_in_doubt_are_not_called_done(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, lambda task, sink, cancel: Outcome(ok=True, output="I can't do this."))
    orchestrator.skip_test(make_job(orchestrator.repository, 2).id)
    orchestrator.settle()
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "? completed", "2 units are in doubt, not done: F shows why")


async def test_a_job_whose_budget_is_spent_is_given_another(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 6, budget_usd=0.02, max_workers=1)
    orchestrator.skip_test(job.id)
    orchestrator.settle()
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "paused: space sets another budget")
        await pilot.press("space")
        await until_shown(pilot, "What may the job cost in all", "of $0.02 are spent")
        await pilot.press(*"much", "enter")
        await until_shown(pilot, "What may the job cost in all", "the budget is 'much'")
        await pilot.press("ctrl+u", *"$1", "enter")
        await until_shown(pilot, "✓ completed", "6 done")
    assert orchestrator.status("words").budget_usd == 1


async def test_prompt_and_settings_of_a_paused_job_are_changed_where_nothing_has_failed(
    tmp_path: Path,
) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3, status=JobStatus.RUNNING)
    orchestrator.repository.jobs.move(job.id, JobStatus.PAUSED)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "paused", "All 3")
        await pilot.press("e")
        await until_shown(pilot, "Prompt, version 1")
        await pilot.press(*"Better", "space", "ctrl+s")
        await until_shown(pilot, "version 2 is saved; it holds from the next start on")
        await pilot.press("s")
        await until_shown(pilot, "Change settings")
        await pilot.press(*"idle=77", "enter")
        await until_shown(pilot, "version 3 is saved")
    recipe = orchestrator.repository.jobs.get(job.id).recipe
    assert recipe.prompt_template.startswith("Better ")
    assert recipe.timers.idle_s == 77


@ALL
async def test_a_job_that_is_to_pause_says_so_and_goes_on_at_a_key(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 6, max_workers=2, desired_workers=2)
    async with running(orchestrator, size, job="words") as pilot:
        orchestrator.skip_test(job.id)
        await until_shown(pilot, "● running", "2 running", "Pause")
        await pilot.press("space")
        await until_shown(pilot, "‖ pausing", "pausing: 2 units still at work, space goes on", "Resume")
        await pilot.press("space")
        await until_shown(pilot, "● running", "Pause")
        assert orchestrator.repository.jobs.get(job.id).desired is Desired.RUN
        orchestrator.stop(job.id)
        await until_shown(pilot, "‖ paused")
    orchestrator.settle()


async def test_escape_shows_all_units_again_before_it_goes_back(tmp_path: Path) -> None:
    async with running(finished(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "Failed 3", "item-7")
        await pilot.press("f")
        await until(pilot, lambda: "item-7" not in shown(pilot))
        await pilot.press("escape")
        await until_shown(pilot, "item-7")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))


async def test_brackets_go_from_row_to_row_of_the_map(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 100)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 100", "item-0")
        cells = pilot.app.screen.query_one(UnitMap)
        await until(pilot, lambda: cells.content_size.height >= 4)  # it has the room that it wants
        width = cells.cells_per_row
        units = pilot.app.screen.query_one(UnitList)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: units.cursor == width)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: units.cursor == 0)


async def test_what_an_agent_was_asked_is_nothing_that_it_said(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 2)
    async with running(orchestrator, job="words") as pilot:
        orchestrator.skip_test(job.id)
        await until_shown(pilot, "2 running", "workers", "item-1")
        assert "Do 1" not in shown(pilot)
        orchestrator.stop(job.id)
        await until_shown(pilot, "paused")
    orchestrator.settle()


async def test_a_key_makes_room_for_what_is_under_the_last_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(finished(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "Failed 3", "item-7")
        monkeypatch.setattr("abp_tui.tui.app.NEWS_S", 600.0)
        pilot.app.screen.tell("this is new")
        await until_shown(pilot, "this is new")
        await pilot.press("j")
        assert "this is new" in shown(pilot), "nobody has had time to read it"
        monkeypatch.setattr("abp_tui.tui.app.READ_S", -1.0)
        await pilot.press("j")
        await until(pilot, lambda: "this is new" not in shown(pilot))


async def test_a_unit_that_waits_for_another_try_says_so(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, fail)
    job = make_job(orchestrator.repository, 2, max_retries=1, max_workers=1, desired_workers=1)
    orchestrator.repository.recipes.add(job.recipe, timers=Timers(backoff_s=3600.0))
    async with running(orchestrator, SMALL, job="words") as pilot:
        orchestrator.skip_test(job.id)
        await until_shown(pilot, "· again      1", "it did not")
        orchestrator.stop(job.id)
        await until_shown(pilot, "paused")
    orchestrator.settle()


async def test_what_the_next_page_shows_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 1000)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 1,000", "item-0")
        units = pilot.app.screen.query_one(UnitList)
        units.go_to(94)  # near the end of the hundred rows that are read at once
        await until_shown(pilot, "item-94")
        await until(pilot, lambda: units.rows.get(105) is not None)
        assert units.scroll_offset.y + units.size.height < 105


async def test_failures_are_told_anew_to_one_who_comes_back(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "failures  3 agent error")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(pilot.app.screen, LogScreen))
        with orchestrator.repository.database.writing() as db:
            db.execute_sql("UPDATE unit SET failure_kind = 'bad_output' WHERE status = 'FAILED'")
        await pilot.press("escape")
        await until_shown(pilot, "failures  3 bad output")


async def test_an_answer_longer_than_an_attempt_keeps_is_shown_whole(tmp_path: Path) -> None:
    answered = "word " * 80_000
    orchestrator = InProcess(tmp_path, lambda task, sink, cancel: Outcome(ok=True, output=answered))
    job = make_job(orchestrator.repository, 1)
    orchestrator.skip_test(job.id)
    orchestrator.settle()
    [attempt] = orchestrator.repository.attempts.of_unit(job.id, 0)
    assert attempt.outcome is not None and len(attempt.outcome.output) < len(answered)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "1 done")
        await pilot.press("enter")
        await until_shown(pilot, "word word")
        assert pilot.app.screen.query_one(OutputView).text == answered
