from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.domain.model import Client, Denial, Outcome
from abp_tui.domain.status import JobStatus
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.records import dump
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.screens.new_job import NewJobScreen
from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.screens.review import ReviewScreen
from abp_tui.tui.widgets.job_list import JobList
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import answer, fail, make_job, wait_for_cancel
from tests.tui.screens import BOTH, SMALL, InProcess, lines, running, shown, until, until_shown, wait_for


@BOTH
async def test_without_jobs_it_says_how_to_make_one(tmp_path: Path, size: tuple[int, int]) -> None:
    async with running(InProcess(tmp_path), size) as pilot:
        await until_shown(pilot, "No jobs yet.", "n makes your first job", "`abp demo` makes one to try out")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewJobScreen))


@BOTH
async def test_each_job_has_a_row_with_its_state(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3, name="first")
    make_job(orchestrator.repository, 1234, name="second")
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "first", "second")
        row = next(line for line in lines(pilot) if "second" in line[:30])
        assert "○ created" in row
        assert "0/1,234" in row
        assert all(len(line) == size[0] for line in lines(pilot))


async def test_the_cursor_stays_on_its_job_when_another_comes_above_it(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 1, name="first")
    make_job(orchestrator.repository, 1, name="second")
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "▌second", "first")
        await pilot.press("j")
        await until_shown(pilot, "▌first")
        make_job(orchestrator.repository, 1, name="third")
        await until_shown(pilot, "third", "▌first")


@BOTH
async def test_doubtful_units_have_a_column_where_there_are_some(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = InProcess(tmp_path, lambda task, sink, cancel: Outcome(ok=True, output="I can't do this."))
    make_job(orchestrator.repository, 3, name="other")
    job = make_job(orchestrator.repository, 2, name="words")
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "words")
        assert "doubt" not in shown(pilot)
        orchestrator.skip_test(job.id)
        await until_shown(pilot, "doubt", "completed")
        row = next(line for line in lines(pilot) if "words" in line[:30])
        assert row.split("0/2")[1].split()[:2] == ["0", "2"]


@BOTH
async def test_what_a_program_asks_for_is_read_before_it_runs(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = InProcess(tmp_path)
    held = dump(["runs rm \u202e -r"])
    job = make_job(orchestrator.repository, 3, name="theirs", client="robot", held=held)
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "? held", "1 needs you")
        await pilot.press("t")
        await until_shown(pilot, "robot asks for this", "it runs rm \\u202e -r")
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ConfirmScreen))
        assert orchestrator.repository.jobs.get(job.id).held
        await pilot.press("t")
        await until_shown(pilot, "robot asks for this")
        await pilot.press("y")
        await until(pilot, lambda: not orchestrator.repository.jobs.get(job.id).held)
        await until_shown(pilot, "○ created")


async def test_what_a_program_asks_for_is_read_to_its_end_however_long_its_name_is(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    held = dump(["runs " + "true; " * 300 + "rm -r"])
    make_job(orchestrator.repository, 3, client="robot " * 200, held=held)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "? held")
        await pilot.press("t")
        await until_shown(pilot, "asks for this", "it runs true; ", "y Yes   n No")
        await pilot.press("end")
        await until_shown(pilot, "rm -r", "y Yes   n No")
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(pilot.app.screen, ConfirmScreen))


async def test_the_code_of_a_program_is_shown_in_full(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    code = "def enumerate_items(context):\n    return [{'n': 1}]\n"
    robot = Orchestrator(orchestrator.repository, orchestrator.agent, client=Client("robot"))
    job = robot.create_job("theirs", "Do {n}", "dynamic", {"code": code}, worker="in-process")
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "theirs")
        await pilot.press("t")
        await until_shown(pilot, "robot asks for this")
        await pilot.press("y")
        await until_shown(pilot, "return [{'n': 1}]")
        assert orchestrator.repository.jobs.get(job.id).held
        await pilot.press("y")
        await until(pilot, lambda: orchestrator.repository.jobs.get(job.id).counters.total == 1)


@BOTH
async def test_a_filter_without_a_hit_says_so_and_offers_nothing_to_open(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "words", "Open")
        await pilot.press("slash", *"zz")
        await until_shown(pilot, "No job is called so", "esc shows all jobs")
        assert "Open" not in shown(pilot)
        await pilot.press("escape")
        await until_shown(pilot, "words", "Open")
        assert "No job is called so" not in shown(pilot)
        await pilot.press("enter")
        await until_shown(pilot, "All 3")


async def test_the_panel_goes_where_there_is_no_room(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "words")
        assert "intent" not in shown(pilot)
        await pilot.resize_terminal(140, 40)
        await until_shown(pilot, "intent", "Do it")


@BOTH
async def test_a_test_that_waits_is_where_the_cursor_stands(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = InProcess(tmp_path)
    tested = make_job(orchestrator.repository, 3, name="tested")
    make_job(orchestrator.repository, 3, name="newer")
    orchestrator.test(tested.id)
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "1 needs you", "test passed: approve?")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await until_shown(pilot, "passed in")


def refuses(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Fail, ask, be denied something, or do well, as the item says."""
    if task.payload["n"] % 4 == 0:
        return fail(task, sink, cancel)
    if task.payload["n"] % 4 == 1:
        return Outcome(ok=True, output="Should I go on with it?")
    if task.payload["n"] % 4 == 2:
        return Outcome(ok=True, output="done", denials=(Denial(tool="Bash", detail="ls"),))
    return answer(task, sink, cancel)


@pytest.mark.parametrize(
    ("seq", "in_list", "in_review"),
    [
        (0, "test failed: look at it", "✗ failed in"),
        (1, "test in doubt: look at it", "? in doubt"),
        (2, "test in doubt: look at it", "? in doubt"),
        (3, "test passed: approve?", "✓ passed in"),
    ],
)
async def test_the_list_judges_a_test_as_its_review_does(
    tmp_path: Path, seq: int, in_list: str, in_review: str
) -> None:
    orchestrator = InProcess(tmp_path, refuses)
    orchestrator.test(make_job(orchestrator.repository, 4).id, seq)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, in_list)
        await pilot.press("enter")
        await until_shown(pilot, in_review)


@pytest.mark.parametrize(
    ("tested", "units", "words"),
    [(3, [0, 1], "pilot: 1 of 3 failed"), (3, [1, 2], "pilot: 2 of 3 in doubt"), (3, [7], "pilot passed")],
)
async def test_the_list_judges_a_pilot_by_its_worst_unit(
    tmp_path: Path, tested: int, units: list[int], words: str
) -> None:
    orchestrator = InProcess(tmp_path, refuses)
    payloads = [{"n": n} for n in (tested, *units)]
    orchestrator.test(make_job(orchestrator.repository, payloads=payloads).id, 0)
    orchestrator.pilot("words", len(units), whole=True)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, words)


async def test_t_tests_one_unit_and_opens_its_review(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "created")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await until_shown(pilot, "passed in", "If you approve")
    assert orchestrator.status(job.id).completed_units == 1


async def test_a_job_made_elsewhere_appears(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "No jobs yet.")
        make_job(orchestrator.repository, 3, name="from-elsewhere")
        await until_shown(pilot, "from-elsewhere")


async def test_space_goes_on_with_a_paused_job(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3, status=JobStatus.RUNNING)
    orchestrator.repository.jobs.move(job.id, JobStatus.PAUSED, pause_reason="usage limit reached")
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "‖ paused", "1 needs you", "usage limit reached")
        await pilot.press("space")
        await until_shown(pilot, "✓ completed", "3/3")


async def test_an_illegal_step_is_one_line_with_its_hint(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "created")
        pilot.app.screen.act(lambda: orchestrator.approve(job.id))  # type: ignore[attr-defined]
        await until_shown(pilot, "there is no test to approve", "abp test words")


async def test_filter_keeps_matching_names(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    for name in ("apples", "pears"):
        make_job(orchestrator.repository, 3, name=name)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "apples", "pears")
        await pilot.press("slash", *"pea")
        await until(pilot, lambda: "apples" not in shown(pilot))
        await pilot.press("enter")
        assert pilot.app.screen.query_one(JobList).job.name == "pears"  # type: ignore[union-attr]
        await pilot.press("escape")
        await until_shown(pilot, "apples", "pears")


async def test_remove_asks_first(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "words")
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("n")
        assert len(orchestrator.list_jobs()) == 1
        await pilot.press("D")
        await until_shown(pilot, "Remove words with all its results?")
        await pilot.press("y")
        await until_shown(pilot, "No jobs yet.")
    assert orchestrator.list_jobs() == []


async def test_named_at_the_start_a_job_is_open(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3)
    make_job(orchestrator.repository, 3, name="other")
    for name in (job.name, job.ref):
        async with running(orchestrator, job=name) as pilot:
            await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
            await until_shown(pilot, "words \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} progress")


@BOTH
async def test_the_keys_fit(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, size) as pilot:
        await until(pilot, lambda: "n New" in lines(pilot)[-1])
        assert lines(pilot)[-1].rstrip().endswith("? Help q Leave")


async def test_leaving_says_that_jobs_run_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 3)
    async with running(orchestrator) as pilot:
        await pilot.press("q")
    assert "background" not in capsys.readouterr().err, "nothing runs"
    orchestrator.skip_test(job.id)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "1 running")
        await pilot.press("q")
    assert "1 job still at work in the background" in capsys.readouterr().err
    assert orchestrator.status(job.id).status is JobStatus.RUNNING
    orchestrator.stop(job.id)
    orchestrator.settle()


async def test_it_starts_on_a_job_at_work_where_none_needs_a_person(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 3, name="older")
    make_job(orchestrator.repository, 3, name="newer")
    orchestrator.skip_test(job.id)
    wait_for(lambda: orchestrator.status(job.id).executor is not None)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "newer", "● running")
        await pilot.press("enter")
        await until_shown(pilot, "older › progress")
    orchestrator.stop(job.id)
    orchestrator.settle()
