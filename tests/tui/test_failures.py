from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from abp_tui.domain.model import Denial, Outcome
from abp_tui.domain.status import JobStatus
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, answer, make_job
from tests.store.test_causes import ended, planted
from tests.tui.screens import ALL, SMALL, InProcess, lines, running, shown, until, until_shown

pytestmark = pytest.mark.slow

NARROW = (60, 24)


@ALL
async def test_causes_are_listed_and_the_one_under_the_cursor_is_told_whole(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with running(ended(tmp_path), size, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  agent error", "6  timeout idle", "2  in doubt")
        await until_shown(pilot, "6 units · agent error · first: unit 0", "no such file: /data/0/in.txt")
        await pilot.press("G")
        await until_shown(pilot, "2 units · in doubt · first: unit 5", "permission denied: Bash rm")
        assert all(len(line) == size[0] for line in lines(pilot))


async def test_r_runs_one_cause_again_and_the_list_follows(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator.agent._behaviour = answer
    before = len(orchestrator.agent.prompts)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  timeout idle")
        await pilot.press("j", "r")
        await until_shown(pilot, "6 failed · 2 in doubt", "runs 6 units again")
        await until(pilot, lambda: orchestrator.repository.jobs.find("words").status is JobStatus.FAILED)
        assert len(orchestrator.agent.prompts) == before + 6


async def test_units_that_run_again_are_shown_with_their_cause_until_they_end(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    go_on = threading.Event()
    orchestrator.agent._behaviour = lambda *given: answer(*given) if go_on.wait(20) else planted(*given)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  timeout idle")
        await pilot.press("j", "r")
        await until_shown(pilot, "6 failed · 2 in doubt · 6 run again", "6  run again")
        await pilot.press("G", "r")
        await until_shown(pilot, "6 units of this cause run again: enter shows one")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await pilot.press("escape", "R")
        await until_shown(pilot, "0 failed · 0 in doubt · 14 run again", "2  run again")
        assert "No unit has failed" not in shown(pilot)
        go_on.set()
        await until_shown(pilot, "No unit has failed or is in doubt")
    orchestrator.settle()


async def test_an_edit_while_the_job_runs_says_that_it_holds_from_the_next_unit_on(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    go_on = threading.Event()
    orchestrator.agent._behaviour = lambda *given: answer(*given) if go_on.wait(20) else planted(*given)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  timeout idle")
        await pilot.press("r")
        await until_shown(pilot, "6 run again")
        await pilot.press("s")
        await until_shown(pilot, "Change settings")
        await pilot.press(*"idle=77", "enter")
        await until_shown(pilot, "version 2 is saved", "from the next unit on")
        go_on.set()
    orchestrator.settle()


async def test_a_nudge_asks_first_where_a_paused_job_goes_on_with_other_units_too(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    repository = orchestrator.repository
    repository.units.put_back(1, [1, 2])
    repository.jobs.move(1, JobStatus.RUNNING)
    repository.jobs.move(1, JobStatus.PAUSED)
    before = len(orchestrator.agent.prompts)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "2  in doubt")
        await pilot.press("G", "n")
        await until_shown(pilot, "Say to the agents")
        await pilot.press("enter")
        await until_shown(pilot, "Run 2 units again?", "is paused: it goes on, with 2 units that wait")
        await pilot.press("escape")
        await until_shown(pilot, "12 failed · 2 in doubt")
        assert len(orchestrator.agent.prompts) == before


async def test_enter_opens_the_first_unit_of_a_cause(tmp_path: Path) -> None:
    async with running(ended(tmp_path), job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  timeout idle")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "silent for 3 s")


async def test_without_failures_it_says_so(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, planted)
    make_job(orchestrator.repository, payloads=[{"n": 1}])
    orchestrator.skip_test("words")
    orchestrator.settle()
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "✓ completed")
        await pilot.press("F")
        await until_shown(pilot, "No unit has failed or is in doubt")


def mended(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Fours need another prompt, threes more time, fives leave or a word of encouragement."""
    if "Better" in task.prompt or task.timers.idle_s == 77 or "go on" in task.prompt:
        return answer(task, sink, cancel)
    return planted(task, sink, cancel)


async def test_the_prompt_is_edited_and_one_unit_is_tried_before_the_others(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator.agent._behaviour = mended
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  agent error")
        await pilot.press("e")
        await until_shown(pilot, "Prompt, version 1")
        assert "fields:" not in shown(pilot), "there is none to name"
        await pilot.press(*"Better", "space", "escape", "e")
        await until_shown(pilot, "what you typed over version 1 is here again", "Better Do")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "version 2 is saved")
        before = len(orchestrator.agent.prompts)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "Better Do 0")
        assert orchestrator.agent.prompts[before:] == ["Better Do 0"]
        await pilot.press("escape")
        await until_shown(pilot, "11 failed", "5  agent error")
        await pilot.press("g", "j", "r")
        await until_shown(pilot, "6 failed")


async def test_a_nudge_goes_with_the_units_of_the_cause(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator.agent._behaviour = mended
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "2  in doubt")
        await pilot.press("G", "n")
        await until_shown(pilot, "Say to the agents", "decide yourself")
        await pilot.press("end", "space", *"go", "space", *"on", "enter")
        await until_shown(pilot, "12 failed · 0 in doubt")
        assert orchestrator.agent.prompts[-1].endswith("decide yourself, and finish. go on")


async def test_a_nudge_can_be_tried_with_one_unit_and_is_kept_for_the_others(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator.agent._behaviour = mended
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "2  in doubt")
        before = len(orchestrator.agent.prompts)
        await pilot.press("G", "n")
        await until_shown(pilot, "Say to the agents")
        await pilot.press("end", "space", *"go", "space", *"on", "ctrl+t")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "try 2 of 2 completed")
        await pilot.press("escape")
        await until_shown(pilot, "12 failed · 1 in doubt")
        assert len(orchestrator.agent.prompts) == before + 1
        await pilot.press("G", "n")
        await until_shown(pilot, "decide yourself, and finish. go on")
        await pilot.press("enter")
        await until_shown(pilot, "12 failed · 0 in doubt")


async def test_settings_are_changed_and_wrong_ones_refused(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator._worker = WithRules(orchestrator.agent)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  timeout idle")
        await pilot.press("s")
        for wrong, told in (("lunch=3", "a job has no setting 'lunch'"), ("budget_usd=3", "abp set JOB")):
            await until_shown(pilot, "Change settings", "total=1800")
            await pilot.press(*wrong, "enter")
            await until_shown(pilot, "Change settings", wrong, told)
            await pilot.press("ctrl+u")
        await pilot.press(*"idle=77", "space", *"option.model=haiku", "enter")
        await until_shown(pilot, "version 2 is saved")
        recipe = orchestrator.repository.jobs.find("words").recipe
        assert (recipe.timers.idle_s, recipe.worker_options) == (77, {"model": "haiku"})
        await pilot.press("s", "escape")
        assert orchestrator.repository.jobs.find("words").recipe.version == 2


async def test_denied_calls_are_allowed_rule_by_rule(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator._worker = WithRules(orchestrator.agent)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "2  in doubt")
        await pilot.press("i")
        await until_shown(pilot, "What was denied", "1 deny  Bash(rm)", "2 units wanted it: Bash rm")
        await pilot.press("1")
        await until_shown(pilot, "1 allow Bash(rm)")
        await pilot.press("2", "enter")
        await until_shown(pilot, "version 2 is saved")
        recipe = orchestrator.repository.jobs.find("words").recipe
        assert recipe.worker_options == {"allowed": ["Bash(rm)"]}


async def test_what_is_in_doubt_is_accepted_unit_by_unit_or_as_a_cause(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "2  in doubt")
        await pilot.press("a")
        await until_shown(pilot, "what has failed can't be accepted")
        await pilot.press("G", "enter")
        await until_shown(pilot, "permission denied: Bash rm", "a Accept")
        await pilot.press("a")
        await until_shown(pilot, "counts unit 5 as good", "accepted by", ": permission denied: Bash rm")
        await until(pilot, lambda: "a Accept" not in shown(pilot))
        await pilot.press("escape")
        await until_shown(pilot, "12 failed · 1 in doubt")
        await pilot.press("G", "a")
        await until_shown(pilot, "Accept 1 unit as good?", "permission denied")
        await pilot.press("n", "a", "y")
        await until_shown(pilot, "12 failed · 0 in doubt")
    assert orchestrator.repository.jobs.find("words").counters.completed == 12


async def test_an_edit_that_somebody_else_was_quicker_with_is_refused(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  agent error")
        await pilot.press("e")
        await until_shown(pilot, "Prompt, version 1")
        orchestrator.set_prompt("words", "Theirs {n}")
        await pilot.press(*"Mine", "ctrl+s")
        await until_shown(pilot, "version 2 was saved in the meantime")
        assert orchestrator.repository.jobs.find("words").prompt_template == "Theirs {n}"


class WithRules(InProcessWorker):
    rules_option = "allowed"

    def __init__(self, agent: InProcessWorker) -> None:
        super().__init__(agent._behaviour)

    def rules(self) -> tuple[str, ...]:
        return ()

    def rules_for(self, denials: Sequence[Denial], own: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{denial.tool}({denial.detail})" for denial in denials)
