from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.domain.model import Outcome, Usage
from abp_tui.domain.status import JobStatus, Mark, Phase
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.pilot import PilotScreen
from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.screens.review import ReviewScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.tried_list import TriedList
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import assert_counters_match, fail, make_job, wait_for_cancel
from tests.tui.screens import ALL, SMALL, InProcess, hold, lines, running, shown, until, until_shown
from tests.tui.test_foreign import EVIL


def reviewed(folder: Path, count: int = 40) -> InProcess:
    """A job whose test has passed and waits for review."""
    orchestrator = InProcess(folder)
    job = make_job(orchestrator.repository, count)
    orchestrator.test(job.id)
    return orchestrator


def piloted(folder: Path, count: int = 6) -> InProcess:
    orchestrator = reviewed(folder)
    orchestrator.pilot("words", count, seed=4)
    return orchestrator


@ALL
async def test_p_asks_runs_and_shows_the_pilot(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = reviewed(tmp_path)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "Run a pilot before the rest", "39 units that wait")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PilotScreen))
        await until_shown(pilot, "10 of 10 run", "0 failed")
        await until_shown(pilot, "29", "$0.2", "up to 26 %")
        assert all(len(line) == size[0] for line in lines(pilot))
    orchestrator.settle()
    assert orchestrator.status("words").phase is Phase.REVIEW


@pytest.mark.slow
async def test_how_many_and_by_what_can_be_said(tmp_path: Path) -> None:
    orchestrator = reviewed(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "Run a pilot before the rest")
        await pilot.press("backspace", "backspace", "enter")
        await until_shown(pilot, "say how many units")
        await pilot.press("3", "tab", *["delete"] * 4, *["backspace"] * 4, *"colour", "enter")
        await until_shown(pilot, "Run a pilot before the rest", "colour", "no item has a field 'colour'")
        await pilot.press("tab", "ctrl+u", "n", "enter")
        await until_shown(pilot, "3 of 3 run", "3 by n")
    orchestrator.settle()


@ALL
async def test_a_key_marks_a_unit_and_goes_on_to_the_next(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run")
        await pilot.press("p")
        await until_shown(pilot, "✓ pass")
        await pilot.press("d")
        await until_shown(pilot, "? doubtful", "1 in doubt")
        await pilot.press("f")
        await until_shown(pilot, "✗ fail", "1 failed")
        await until_shown(pilot, "34", "0.21 % to 65 %")
    marks = [unit.mark for unit in orchestrator.pilot_review("words").units]
    assert marks == [Mark.PASS, Mark.DOUBTFUL, Mark.FAIL, None, None, None]


@pytest.mark.slow
async def test_marks_pressed_quickly_are_all_kept(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run")
        go_on = hold(orchestrator, "mark")
        await pilot.press("p", "p", "d", "up", "f", "f")
        go_on.set()
        await until_shown(pilot, "2 failed")
    marks = [unit.mark for unit in orchestrator.pilot_review("words").units]
    assert marks == [Mark.PASS, Mark.PASS, Mark.FAIL, Mark.FAIL, None, None]


async def test_a_unit_is_marked_where_it_is_read_and_a_mark_is_taken_back(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run")
        await pilot.press("enter")
        await until_shown(pilot, "try 1 of 1", "d Doubtful")
        await pilot.press("d")
        await until_shown(pilot, "pilot", "? doubtful")
        assert pilot.app.screen.query_one(TriedList).cursor == 1
        await pilot.press("k", "d")
        await until(pilot, lambda: "? doubtful" not in shown(pilot))
        assert pilot.app.screen.query_one(TriedList).cursor == 0
    assert not any(unit.mark for unit in orchestrator.pilot_review("words").units)


async def test_only_units_of_a_pilot_can_be_marked(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "passed in")
        pilot.app.push_screen(UnitScreen(int(orchestrator.status("words").id[1:]), 0))
        await until_shown(pilot, "try 1 of 1")
        assert "Doubtful" not in shown(pilot)
        await pilot.press("d", "p", "f")
        assert isinstance(pilot.app.screen, UnitScreen)


async def test_an_edit_of_someone_else_is_seen(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run")
        assert "it is of version 1" not in shown(pilot)
        orchestrator.set_prompt("words", "Do {n} otherwise")
        await until_shown(pilot, "it is of version 1")


@pytest.mark.slow
async def test_marks_of_someone_else_appear(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run")
        orchestrator.mark("words", orchestrator.pilot_review("words").units[2].seq, Mark.FAIL)
        await until_shown(pilot, "✗ fail", "1 failed")


@pytest.mark.slow
@ALL
async def test_approving_keeps_the_results_and_shows_the_progress(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run")
        await pilot.press("p", "a")
        await until_shown(
            pilot, "Approve without a budget?", "By the quote $0.40 would do", "6 results of the"
        )
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, PilotScreen))
        await pilot.press("a")
        await until_shown(pilot, "Approve without a budget?")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        await until_shown(pilot, "✓ completed", "40 done")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
    assert len(orchestrator.agent.prompts) == 40
    assert orchestrator.repository.jobs.get(1).budget_usd is None
    assert_counters_match(orchestrator.repository, 1)


@pytest.mark.slow
async def test_an_approval_from_the_test_offers_the_budget_too(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("a")
        await until_shown(pilot, "Approve without a budget?")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        await until_shown(pilot, "6 results of the pilot stay")
    assert orchestrator.repository.jobs.get(1).budget_usd == 0.4


@pytest.mark.slow
async def test_a_pilot_of_all_that_waits_is_asked_about(tmp_path: Path) -> None:
    orchestrator = reviewed(tmp_path, 5)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "Run a pilot before the rest")
        await pilot.press("enter")
        await until_shown(pilot, "Run all 4 units that wait as the pilot?", "That is the whole job")
        await pilot.press("n")
        assert orchestrator.pilots("words") == []
        await pilot.press("p")
        await until_shown(pilot, "Run a pilot before the rest")
        await pilot.press("enter")
        await until_shown(pilot, "Run all 4 units")
        await pilot.press("y")
        await until_shown(pilot, "4 of 4 run", "nothing is left to run")
    orchestrator.settle()


async def test_after_an_edit_the_next_pilot_is_of_the_same_units(tmp_path: Path) -> None:
    orchestrator = reviewed(tmp_path)
    first = orchestrator.pilot("words", 5, by="n", seed=4).pilot.sample
    orchestrator.reject("words")
    orchestrator.set_prompt("words", "Do {n} better")
    orchestrator.test("words")
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "the units of the last pilot again", "Run a pilot before the rest")
        await pilot.press("enter")
        await until_shown(pilot, "5 of 5 run")
    assert orchestrator.pilot_review("words").pilot.sample == first
    orchestrator.settle()


async def test_b_approves_with_the_quote_as_the_budget(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run", "budget", "the upper end")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
    assert orchestrator.repository.jobs.get(1).budget_usd == 0.4


@pytest.mark.slow
async def test_reject_puts_all_back(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run")
        await pilot.press("r")
        await until_shown(
            pilot, "Reject this pilot?", "6 results of the pilot, paid with $0.06, count no more"
        )
        await pilot.press("n", "r")
        await until_shown(pilot, "Reject this pilot?")
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
    job = orchestrator.repository.jobs.get(1)
    assert (job.status, job.counters.pending) == (JobStatus.CREATED, 40)


async def test_a_rejection_from_the_test_says_what_it_gives_up_too(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("r")
        await until_shown(pilot, "Reject this pilot?", "6 results of the pilot, paid with $0.06")
        await pilot.press("n")
        assert orchestrator.status("words").status is JobStatus.TESTING


@pytest.mark.slow
async def test_another_test_keeps_the_pilot_and_that_of_an_edit_says_what_it_gives_up(tmp_path: Path) -> None:
    orchestrator = piloted(tmp_path)
    pilot_id = orchestrator.status("words").pilot_id
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("t")
        await until(pilot, lambda: orchestrator.repository.jobs.get(1).counters.completed == 8)
        await until(pilot, lambda: orchestrator.status("words").pilot_id == pilot_id)
        await until_shown(pilot, "passed in")
        orchestrator.set_prompt("words", "Do {n} better")
        await pilot.press("t")
        await until_shown(pilot, "prompt version 2. 6 results of the pilot, paid with $0.06, count no more")
        await until(pilot, lambda: orchestrator.repository.jobs.get(1).counters.completed == 1)
    orchestrator.settle()


@pytest.mark.slow
async def test_a_running_pilot_is_followed_and_can_be_cancelled(tmp_path: Path) -> None:
    orchestrator = reviewed(tmp_path)
    orchestrator.agent._behaviour = wait_for_cancel
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "Run a pilot before the rest")
        await pilot.press("enter")
        await until_shown(pilot, "● pilot 0 of 10", "● running", "c Cancel")
        await pilot.press("c")
        await until_shown(pilot, "0 of 10 run", "No quote: no unit of the pilot")
        await pilot.press("b")
        await until_shown(pilot, "no unit of the pilot has come to an end yet")
        orchestrator.agent._behaviour = fail
        await pilot.press("n")
        await until_shown(pilot, "Run a pilot before the rest")
        await pilot.press("enter")
        await until_shown(pilot, "10 of 10 run", "10 failed", "No quote: all 10 units")
    orchestrator.settle()


@pytest.mark.slow
@ALL
async def test_an_earlier_pilot_can_be_looked_at(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = piloted(tmp_path)
    orchestrator.pilot("words", 3, seed=5)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "pilot 2/2", "3 of 3 run", "by 2 pilots", "0 of 9 failed")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "there is no other pilot in that direction")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "pilot 1/2", "6 of 6 run")
        first, *_ = orchestrator.pilots("words")
        seq = orchestrator.pilot_review("words", first.id).units[0].seq
        await pilot.press("b", "d")  # the quote of an earlier one sets no budget
        await until_shown(pilot, "pilot 1/2", "? doubtful", "1 in doubt")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "pilot 2/2", "3 of 3 run", "0 in doubt")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
    assert orchestrator.pilot_review("words", first.id).units[0].mark is Mark.DOUBTFUL
    assert seq not in {unit.seq for unit in orchestrator.pilot_review("words").units}


@pytest.mark.slow
async def test_enter_opens_a_unit_and_esc_leads_back_to_the_test(tmp_path: Path) -> None:
    async with running(piloted(tmp_path), job="words") as pilot:
        await until_shown(pilot, "passed in", "A pilot says more")
        await pilot.press("p")
        await until_shown(pilot, "6 of 6 run")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "try 1 of 1")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))


@ALL
async def test_foreign_text_is_shown_as_it_is(tmp_path: Path, size: tuple[int, int]) -> None:
    def speak(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome(ok=True, output=EVIL, usage=Usage(cost_usd=0.1))

    orchestrator = InProcess(tmp_path, speak)
    payloads = [{"n": n, "kind": EVIL + str(n % 2)} for n in range(9)]
    make_job(orchestrator.repository, payloads=payloads)
    with orchestrator.repository.database.writing() as db:
        db.execute_sql("UPDATE unit SET key = ? || key", (EVIL,))
    orchestrator.test(1)
    orchestrator.pilot(1, 4, by="kind")
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("p")
        await until_shown(pilot, "4 of 4 run")
        for line in lines(pilot):
            assert line.isprintable(), repr(line)
            assert len(line) == size[0]
