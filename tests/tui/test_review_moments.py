"""What a review shows when its test is cancelled, put back, outdated, or followed by another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from abp_tui.domain.model import Event, EventKind, Outcome
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.tui.screens.copying import MOST_COPIED
from abp_tui.tui.screens.edit_prompt import EditPromptScreen
from abp_tui.tui.screens.review import ReviewScreen
from abp_tui.tui.widgets.approve_panel import ApprovePanel
from abp_tui.tui.widgets.attempt_view import AttemptView
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import Held, fail, make_job, wait_for_cancel
from tests.tui.screens import BOTH, InProcess, running, shown, until, until_shown


def with_a_test(folder: Path, behaviour: Any = None, **job: Any) -> InProcess:
    orchestrator = InProcess(folder, behaviour)
    orchestrator.test(make_job(orchestrator.repository, 5, **job).id)
    return orchestrator


def panel(pilot: Pilot[Any]) -> str:
    """What the panel says, whatever its width."""
    return " ".join(pilot.app.screen.query_one(ApprovePanel).render().plain.split())


async def test_what_the_agents_may_do_is_read_again_with_each_version(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path, worker="claude")
    async with running(orchestrator, job="words") as pilot:
        await until(pilot, lambda: "Each agent" in panel(pilot))
        assert "SKIPS ALL PERMISSION" not in panel(pilot)
        orchestrator.edit_recipe("words", worker_options={"permission_mode": "bypassPermissions"})
        await until(pilot, lambda: "SKIPS ALL PERMISSION" in panel(pilot))
        orchestrator.edit_recipe("words", worker_options={"permission_mode": None})
        await until(pilot, lambda: "SKIPS ALL PERMISSION" not in panel(pilot))


@BOTH
@pytest.mark.parametrize(
    ("checks", "verdict"), [((), "✓ passed in"), (({"kind": "regex", "pattern": "^Verdict"},), "? in doubt")]
)
async def test_a_test_that_somebody_rejects_is_still_what_it_came_to(
    tmp_path: Path, size: tuple[int, int], checks: tuple[dict[str, str], ...], verdict: str
) -> None:
    orchestrator = with_a_test(tmp_path, checks=checks)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, verdict)
        orchestrator.reject("words")
        await until(pilot, lambda: "counts no more: nothing waits for you. t tests the next" in panel(pilot))
        await until_shown(pilot, verdict)
        assert "did not pass" not in panel(pilot) and "If you approve" not in panel(pilot)


async def test_a_failed_test_that_somebody_rejects_has_failed(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path, fail)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "✗ failed in")
        orchestrator.reject("words")
        await until_shown(pilot, "✗ failed in", "put back")


@BOTH
async def test_a_cancelled_test_promises_nothing_and_says_what_comes_next(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    make_job(orchestrator.repository, 3)
    orchestrator.launch_test("words")
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "testing", "The test still runs")
        assert "If you approve" in panel(pilot)
        orchestrator.cancel_test("words")
        await until_shown(pilot, "cancelled in")
        await until(pilot, lambda: "came to no end: nothing waits for you" in panel(pilot))
        assert "If you approve" not in panel(pilot)
    orchestrator.settle()


@BOTH
async def test_a_prompt_edited_after_its_test_is_said_and_e_tests_it(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = with_a_test(tmp_path)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "passed in", "If you approve")
        orchestrator.set_prompt("words", "Do {n} otherwise")
        said = "Tested with version 1, the prompt is version 2 now: e tests it."
        await until(pilot, lambda: said in panel(pilot))
        assert "If you approve" not in panel(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, EditPromptScreen))
        await pilot.press("ctrl+s")
        await until_shown(pilot, "4 Prompt v2", "passed in", "If you approve")
    assert orchestrator.agent.prompts == ["Do 0", "Do 0 otherwise"]
    assert orchestrator.status("words").prompt_version == 2, "nothing was saved once more"


@pytest.mark.parametrize(
    ("seqs", "said"), [((), "its unit waits again"), ((3,), "its 2 units wait again")], ids=["one", "two"]
)
async def test_a_rejection_says_how_many_units_wait_again(
    tmp_path: Path, seqs: tuple[int, ...], said: str
) -> None:
    orchestrator = with_a_test(tmp_path)
    for seq in seqs:
        orchestrator.test("words", seq)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("r")
        await until_shown(pilot, said)
    assert orchestrator.status("words").pending_units == 5


async def test_another_unit_is_followed_live_whatever_tab_was_chosen_before(tmp_path: Path) -> None:
    orchestrator, held = with_a_test(tmp_path), Held()
    orchestrator.agent._behaviour = held
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("5")
        await until_shown(pilot, "version     1, test")
        await pilot.press("t")
        await until_shown(pilot, "testing", "item-1", "nothing said yet")
        screen, view = pilot.app.screen, pilot.app.screen.query_one(AttemptView)
        assert isinstance(screen, ReviewScreen)
        attempt = orchestrator.repository.attempts.of_unit(1, 0)[0]
        result = orchestrator.test_result("words")
        assert result is not None
        screen._show_result(result.model_copy(update={"attempt": attempt}))
        assert view.tab == "conversation" and "Do 1" in view.text, "one read too late changes nothing"
        assert "nothing said yet" in shown(pilot)
        held.go_on.set()
        await until_shown(pilot, "passed in", "Do 1")
        assert view.tab == "output"
    orchestrator.settle()


async def test_a_test_has_not_cost_what_the_one_before_has(tmp_path: Path) -> None:
    def talk(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if task.payload["n"] == 0:
            sink.event(Event(kind=EventKind.RESULT, raw='{"total_cost_usd": 0.25}'))
        return wait_for_cancel(task, sink, cancel)

    orchestrator = InProcess(tmp_path, talk)
    make_job(orchestrator.repository, 3, worker="claude")
    orchestrator.launch_test("words")
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "testing", "$0.25 so far")
        await pilot.press("c")
        await until_shown(pilot, "cancelled")
        await pilot.press("t")
        await until_shown(pilot, "item-1", "● testing", "nothing said yet")
        assert "so far" not in shown(pilot)
        await pilot.press("c")
        await until_shown(pilot, "cancelled")
    orchestrator.settle()


async def test_t_goes_on_behind_the_unit_that_is_shown(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path, fail)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "✗ failed in")
        for n in (1, 2):
            await pilot.press("t")
            await until_shown(pilot, f"item-{n}", "✗ failed in")
    orchestrator.settle()
    assert orchestrator.agent.prompts == ["Do 0", "Do 1", "Do 2"], "what failed waits again, but is not first"
    assert orchestrator.repository.units.get(1, 0).status is UnitStatus.PENDING


@pytest.mark.parametrize("much", [MOST_COPIED, MOST_COPIED + 1])
async def test_no_more_is_copied_than_terminals_take(tmp_path: Path, much: int) -> None:
    orchestrator = with_a_test(tmp_path, lambda *_: Outcome(ok=True, output="x" * much))
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in", "xxx")
        await pilot.press("y")
        if much > MOST_COPIED:
            await until_shown(pilot, "are more than terminals copy")
            assert pilot.app.clipboard == ""
        else:
            await until_shown(pilot, "100,000 characters copied")
            assert pilot.app.clipboard == "x" * much


async def test_a_job_approved_elsewhere_has_nothing_left_to_decide(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in", "If you approve")
        orchestrator.approve("words")
        await until(pilot, lambda: "is approved: nothing is to be decided here" in panel(pilot))
        assert "If you approve" not in panel(pilot)
    orchestrator.settle()
    assert orchestrator.status("words").status is JobStatus.COMPLETED
