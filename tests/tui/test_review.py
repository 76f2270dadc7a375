from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.widgets import TextArea

from abp_tui.domain.model import Event, EventKind, Outcome
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.tui.screens.edit_prompt import EditPromptScreen
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.screens.review import ReviewScreen
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import answer, fail, make_job, wait_for_cancel
from tests.tui.screens import LARGE, SMALL, InProcess, running, shown, until, until_shown

BOTH = pytest.mark.parametrize("size", [SMALL, LARGE])


def with_a_test(folder: Path) -> InProcess:
    orchestrator = InProcess(folder)
    job = make_job(orchestrator.repository, 5, template="Do {n} well")
    orchestrator.test(job.id)
    return orchestrator


@BOTH
async def test_output_prompt_cost_and_conversation_are_a_key_away(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with running(with_a_test(tmp_path), size, job="words") as pilot:
        await until_shown(pilot, "✓ passed in", "If you approve", "units left", "$0.01")
        await until_shown(pilot, "Do 0 well")
        await pilot.press("2")
        await until_shown(pilot, "agent", "I was asked: Do 0 well")
        await pilot.press("4")
        await until_shown(pilot, "turns", "took")
        await pilot.press("3")
        await until(pilot, lambda: "I was asked" not in shown(pilot))
        await until_shown(pilot, "Do 0 well")


@BOTH
async def test_approve_runs_the_batch_and_shows_it(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = with_a_test(tmp_path)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        await until_shown(pilot, "✓ completed", "5 done")
    assert len(orchestrator.agent.prompts) == 5, "the tested unit stays as a result"


async def test_reject_puts_the_unit_back(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await until_shown(pilot, "○ created")
    assert orchestrator.status("words").status is JobStatus.CREATED
    assert orchestrator.repository.units.get(1, 0).status is UnitStatus.PENDING


async def test_edit_saves_a_version_and_tests_the_same_unit(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path)
    orchestrator.test("words", 3)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditPromptScreen))
        pilot.app.screen.query_one(TextArea).text = "Do {n} well now"
        await pilot.press("ctrl+s")
        await until_shown(pilot, "Do 3 well now")
        await until_shown(pilot, "passed in")
    assert orchestrator.agent.prompts[-1] == "Do 3 well now"
    assert orchestrator.status("words").prompt_version == 2


async def test_an_edit_with_an_unknown_field_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditPromptScreen))
        pilot.app.screen.query_one(TextArea).text = "Do {nn}"
        await pilot.press("ctrl+s")
        await until_shown(pilot, "the prompt names {nn}")
        assert isinstance(pilot.app.screen, ReviewScreen)
        await pilot.press("e")
        await until_shown(pilot, "Prompt, version 1", "Do {nn}")
    assert orchestrator.status("words").prompt_version == 1
    assert len(orchestrator.agent.prompts) == 1


async def test_t_tests_the_next_unit(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("t")
        await until_shown(pilot, "item-1", "passed in")
    assert orchestrator.agent.prompts[-1] == "Do 1 well"
    assert orchestrator.repository.units.get(1, 0).status is UnitStatus.PENDING


async def test_a_running_test_is_followed_live_and_can_be_cancelled(tmp_path: Path) -> None:
    def talk(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        sink.event(Event(kind=EventKind.TEXT, body="I begin"))
        return wait_for_cancel(task, sink, cancel)

    orchestrator = InProcess(tmp_path, talk)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "created")
        await pilot.press("t")
        await until_shown(pilot, "testing", "I begin", "The test still runs")
        await pilot.press("c")
        await until(pilot, lambda: orchestrator.status("words").status is JobStatus.CREATED)
        await until_shown(pilot, "cancelled", "e Edit")
    orchestrator.settle()


async def test_a_failed_test_says_why(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, fail)
    job = make_job(orchestrator.repository, 3)
    orchestrator.test(job.id)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "test failed: look at it")
        await pilot.press("enter")
        await until_shown(pilot, "✗ failed in", "it did not work", "agent_error")


async def test_a_burst_of_events_leaves_nothing_out(tmp_path: Path) -> None:
    go = threading.Event()

    def burst(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        for n in range(500):
            sink.event(Event(kind=EventKind.TEXT, body=f"line {n}"))
            if n == 250:
                go.wait(10)
        return answer(task, sink, cancel)

    orchestrator = InProcess(tmp_path, burst)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "created")
        await pilot.press("t")
        await until_shown(pilot, "line 250")
        await pilot.press("2", "g")
        go.set()
        await until_shown(pilot, "2 Conversation +", "line 0")
        await until_shown(pilot, "passed in")
        await pilot.press("G")
        await until_shown(pilot, "I was asked")
        texts = pilot.app.screen.query_one("#conversation").plain  # type: ignore[attr-defined]
        assert "+" not in shown(pilot).split("3 Prompt")[0].split("2 Conversation")[1]
    assert [f"line {n}" in texts for n in range(500)] == [True] * 500


def asks(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    said = sink.ask(
        "edit: Write notes.md\nnotes.md\n@@ -1 +1 @@\n-old words\n+new words", ["Yes", "No"], cancel
    )
    return Outcome(ok=True, output=f"chosen: {said}")


@BOTH
async def test_what_the_agent_asks_is_answered_by_its_number(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = InProcess(tmp_path, asks)
    make_job(orchestrator.repository, 2)
    orchestrator.launch_test("words")
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(
            pilot, "asks you", "The agent asks", "edit: Write notes.md", "1 Yes", "2 No", "+new"
        )
        assert "If you approve" not in shown(pilot)
        await pilot.press("7")
        await until_shown(pilot, "'7' is none of the options")
        await pilot.press("2")
        await until_shown(pilot, "answered: No", "passed in", "chosen: No")
        await pilot.press("2")
        await until_shown(pilot, "question", "2. No"), "2 is the conversation again"
    orchestrator.settle()


async def test_a_job_that_asks_is_one_that_needs_a_person(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, asks)
    make_job(orchestrator.repository, 2)
    orchestrator.launch_test("words")
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "? asks you")
        orchestrator.answer("words", "1")
        await until_shown(pilot, "◐ review")
    orchestrator.settle()
