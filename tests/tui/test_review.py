from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import TextArea

from abp_tui.domain.model import Denial, Event, EventKind, Outcome, Usage
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.feed import RunningUnit
from abp_tui.tui.screens.edit_prompt import EditPromptScreen
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.screens.review import ReviewScreen, _going
from abp_tui.tui.widgets.attempt_view import AttemptView
from abp_tui.tui.widgets.output_view import OutputView
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import answer, fail, make_job, wait_for_cancel
from tests.programs import needs_git
from tests.tui.screens import ALL, BOTH, LARGE, NARROW, SMALL, InProcess, running, shown, until, until_shown


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
        await pilot.press("5")
        await until_shown(pilot, "turns", "took")
        await pilot.press("4")
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@BOTH
async def test_a_prompt_that_was_left_half_written_is_there_again_until_it_is_saved(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = with_a_test(tmp_path)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("e", *"Half", "space", "escape", "e")
        await until_shown(pilot, "what you typed over version 1 is here again", "Half Do {n}")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "Half" not in shown(pilot))
        await pilot.press("ctrl+l")
        await until_shown(pilot, "Half Do {n}")
        orchestrator.set_prompt("words", "Do {n} otherwise")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen.job.prompt_version == 2)
        await pilot.press("e")
        await until_shown(pilot, "over version 1 is here again: ctrl+l shows version 2", "Half Do {n}")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "Prompt v3", "passed in")
        await pilot.press("e")
        await until_shown(pilot, "Prompt, version 3", "Half Do {n}")
        assert "here again" not in shown(pilot)
    assert orchestrator.agent.prompts[-1].startswith("Half Do 0")


@BOTH
async def test_the_review_of_a_job_without_a_test_says_what_to_do(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "All 3")
        await pilot.press("v")
        await until(pilot, lambda: "Nothing is tested yet: t tests a unit" in " ".join(shown(pilot).split()))
        assert "still runs" not in shown(pilot)
        await pilot.press("t")
        await until_shown(pilot, "passed in")


@pytest.mark.slow
async def test_t_tests_the_next_unit(tmp_path: Path) -> None:
    orchestrator = with_a_test(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("t")
        await until_shown(pilot, "item-1", "passed in")
    assert orchestrator.agent.prompts[-1] == "Do 1 well"
    assert orchestrator.repository.units.get(1, 0).status is UnitStatus.COMPLETED, "what is paid for stays"


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


@pytest.mark.slow
@BOTH
async def test_what_was_shown_before_its_words_came_is_wrapped_to_its_width(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    go, many = threading.Event(), "words enough for several lines of the terminal " * 8

    def late(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        go.wait(20)
        return Outcome(ok=True, output=many)

    orchestrator = InProcess(tmp_path, late)
    make_job(orchestrator.repository, 3, template=many + "{n}")
    orchestrator.launch_test("words")
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "testing")
        for tab in "142":
            await pilot.press(tab)
            await pilot.pause()
            assert tab == "2" or "it still runs: 2 shows its conversation" in shown(pilot)
        go.set()
        await until_shown(pilot, "passed in")
        for tab in "14":
            await pilot.press(tab)
            await until_shown(pilot, "words enough for several")
            assert "…" not in shown(pilot).split("If you approve")[0]
    orchestrator.settle()


async def test_a_failed_test_says_why(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, fail)
    job = make_job(orchestrator.repository, 3)
    orchestrator.test(job.id)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "test failed: look at it")
        await pilot.press("enter")
        await until_shown(pilot, "✗ failed in", "it did not work", "agent_error")
        await pilot.press("a")
        await until_shown(pilot, "Approve all the same?", "test failed. 3 units will run, without a budget")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        assert orchestrator.status(job.id).status is JobStatus.TESTING
        await pilot.press("a")
        await until_shown(pilot, "Approve all the same?")
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
    orchestrator.settle()


@pytest.mark.parametrize(("quiet_s", "said"), [(0.0, False), (42.0, True)])
def test_a_running_test_says_how_long_its_agent_has_said_nothing(quiet_s: float, said: bool) -> None:
    now = datetime.now(UTC)
    last = Event(kind=EventKind.TEXT, body="I begin", at=now - timedelta(seconds=quiet_s))
    unit = RunningUnit(1, 0, "item-0", now - timedelta(seconds=100), last)
    words = "".join(text for text, _ in _going(unit, 0.25))
    assert "testing 1:40" in words and "$0.25 so far" in words
    assert ("idle 42 s" in words) is said


@pytest.mark.slow
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
        assert "+" not in shown(pilot).split("3 Files")[0].split("2 Conversation")[1]
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


def with_tools(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    folder = Path(task.cwd)
    (folder / "made.md").write_text("one\ntwo\n")
    (folder / "kept.txt").write_text("a\nB\n")
    (folder / "old.bin").write_bytes(b"\0\1\2")
    sink.event(Event(kind=EventKind.TOOL_CALL, title="Read", ref="1", body='{"file_path": "kept.txt"}'))
    sink.event(Event(kind=EventKind.TOOL_CALL, title="Bash", ref="2", body='{"command": "make all"}'))
    sink.event(Event(kind=EventKind.TOOL_RESULT, title="Bash", ref="2", body="no rule", is_error=True))
    sink.event(Event(kind=EventKind.TOOL_RESULT, title="Read", ref="1", body="what was\nread there"))
    sink.event(Event(kind=EventKind.TOOL_CALL, title="Write", ref="3", body='{"file_path": "made.md"}'))
    sink.event(Event(kind=EventKind.TOOL_RESULT, title="Write", ref="3", body="written"))
    sink.event(Event(kind=EventKind.DIFF, title="made.md", body="@@ -0,0 +1,2 @@\n+one\n+two"))
    return Outcome(ok=True, output=MARKDOWN, result={"n": [1, None]}, usage=Usage(cost_usd=0.5))


MARKDOWN = (
    "# Found\n\n- **two** things in `x`\n- see [it](http://nowhere/at)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
)


def job_with_tools(tmp_path: Path, **more: Any) -> InProcess:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "kept.txt").write_text("a\nb\n")
    orchestrator = InProcess(tmp_path, with_tools)
    job = make_job(orchestrator.repository, 5, cwd=folder, **more)
    orchestrator.test(job.id)
    return orchestrator


@needs_git
@ALL
async def test_files_changed_are_listed_with_their_diffs(tmp_path: Path, size: tuple[int, int]) -> None:
    async with running(job_with_tools(tmp_path), size, job="words") as pilot:
        await until_shown(pilot, "3 Files +3")
        await pilot.press("3")
        await until_shown(pilot, "3 files changed, +3 -1", "▾ changed  kept.txt +1 -1", "-b", "+B")
        await pilot.press("O")
        await until_shown(pilot, "▸ changed  kept.txt", "▸ new      made.md +2", "▸ new      old.bin")
        assert "+B" not in shown(pilot)
        await pilot.press("G", "enter")
        await until_shown(pilot, "▾ new      old.bin", "binary, or too large")
        view = pilot.app.screen.query_one(AttemptView)
        assert view.text.startswith("diff --git a/kept.txt b/kept.txt\n")
        assert "+two\n" in view.text


@needs_git
@ALL
async def test_a_call_is_a_line_until_it_is_unfolded_with_its_input_and_result(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with running(job_with_tools(tmp_path), size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("2")
        await until_shown(pilot, "▸ Read     kept.txt", "2 lines", "▸ Bash     make all", "no rule")
        await until_shown(pilot, "▸ Write    made.md   +2", "files      3 files changed")
        assert "read there" not in shown(pilot)
        await pilot.press("g", "j", "enter")
        await until_shown(pilot, "▾ Read", "what was", "read there")
        assert "+one" not in shown(pilot)
        await pilot.press("o")
        await until(pilot, lambda: "read there" not in shown(pilot))
        await pilot.press("O")
        await until_shown(pilot, "▾ Write")
        await pilot.press("G")
        await until_shown(pilot, "+one", "+two")


async def test_the_cursor_leaves_the_end_and_comes_back_to_it(tmp_path: Path) -> None:
    steps = threading.Semaphore(0)

    def lines(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        for n in range(60):
            sink.event(Event(kind=EventKind.TEXT, body=f"line {n}"))
            if n >= 50:
                assert steps.acquire(timeout=20)
        return answer(task, sink, cancel)

    orchestrator = InProcess(tmp_path, lines)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "created")
        await pilot.press("t")
        await until_shown(pilot, "line 50")
        await pilot.press("2", "k")
        steps.release()
        await until_shown(pilot, "2 Conversation +1")
        await pilot.press("enter")
        await until_shown(pilot, "line 50")
        await pilot.press("G")
        await until_shown(pilot, "line 51")
        await until(pilot, lambda: "Conversation +" not in shown(pilot))
        steps.release()
        await until_shown(pilot, "line 52")
        steps.release(60)
        await until_shown(pilot, "passed in")
    orchestrator.settle()


async def test_a_result_that_repeats_what_was_just_said_is_one_word(tmp_path: Path) -> None:
    def twice(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        sink.event(Event(kind=EventKind.TEXT, body="It is so.\nReally."))
        sink.event(Event(kind=EventKind.RESULT, title="success", body="It is so.\nReally.\n"))
        return Outcome(ok=True, output="It is so.")

    orchestrator = InProcess(tmp_path, twice)
    orchestrator.test(make_job(orchestrator.repository, 2).id)
    async with running(orchestrator, job="words") as pilot:
        await pilot.press("2")
        await until_shown(pilot, "result     success ", "Really.")
        assert shown(pilot).count("It is so.") == 1
        assert pilot.app.screen.query_one(AttemptView).text.count("It is so.") == 2


async def test_the_files_of_a_unit_of_the_batch_are_not_known_and_it_says_why(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 1)
    orchestrator.skip_test(job.id)
    orchestrator.settle()
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "1 done")
        await pilot.press("enter")
        await until_shown(pilot, "try 1 of 1", "4 Prompt v1")
        await pilot.press("3")
        await until_shown(pilot, "compared for a test only")


@ALL
async def test_the_output_is_drawn_and_m_shows_it_as_it_came(tmp_path: Path, size: tuple[int, int]) -> None:
    async with running(job_with_tools(tmp_path), size, job="words") as pilot:
        await until_shown(
            pilot, "Found", "• two things in x", "see it (http://nowhere/at)", "structured result"
        )
        assert "**" not in shown(pilot)
        assert '"n": [' in pilot.app.screen.query_one(OutputView).plain
        await pilot.press("m")
        await until_shown(pilot, "- **two** things in `x`", "the output as it came")


@ALL
async def test_the_panel_says_what_approving_means(tmp_path: Path, size: tuple[int, int]) -> None:
    more = {"worker": "claude", "worker_options": {"permission_mode": "bypassPermissions"}, "budget_usd": 2.0}
    async with running(job_with_tools(tmp_path, **more), size, job="words") as pilot:
        await until_shown(pilot, "If you approve", "units left 4", "4 × claude", "SKIPS ALL PERMISSION")
        await until_shown(pilot, "cost", "$1.00 to $4.00", "$2.00: may", "up to 95 %")
        if size == LARGE:
            await until_shown(pilot, "a  Let the whole batch run", "r  Put the unit back")


@pytest.mark.parametrize("size", [NARROW, SMALL])
async def test_the_panel_grows_with_what_the_test_gave(tmp_path: Path, size: tuple[int, int]) -> None:
    go = threading.Event()

    def wait(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        assert go.wait(20)
        return answer(task, sink, cancel)

    orchestrator = InProcess(tmp_path, wait)
    options = {"permission_mode": "bypassPermissions"}
    make_job(orchestrator.repository, 3, worker="claude", worker_options=options, budget_usd=0.01)
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "created")
        await pilot.press("t")
        await until_shown(pilot, "The test still runs", "SKIPS ALL PERMISSION")
        go.set()
        await until_shown(pilot, "passed in", "up to 95 % could still fail", "SKIPS ALL PERMISSION")
    orchestrator.settle()


async def test_a_panel_that_has_no_room_for_all_says_so(tmp_path: Path) -> None:
    options = {"allowed_tools": [f"Bash(a long command number {n} *)" for n in range(60)]}
    orchestrator = job_with_tools(tmp_path, worker="claude", worker_options=options)
    async with running(orchestrator, (140, 24), job="words") as pilot:
        await until_shown(pilot, "Each agent", "… more: make the terminal larger")


async def test_what_a_running_test_has_cost_so_far_is_said(tmp_path: Path) -> None:
    def talk(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        sink.event(Event(kind=EventKind.RESULT, raw='{"total_cost_usd": 0.25}'))
        return wait_for_cancel(task, sink, cancel)

    orchestrator = InProcess(tmp_path, talk)
    make_job(orchestrator.repository, 3, worker="claude")
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "created")
        await pilot.press("t")
        await until_shown(pilot, "testing 0:0", "$0.25 so far", "c  End the running test")
        await pilot.press("c")
    orchestrator.settle()


@pytest.mark.slow
@needs_git
async def test_with_ascii_alone_nothing_else_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    async with running(job_with_tools(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "- two things in x")
        for tab, text in (("2", "> Read"), ("3", "v changed"), ("4", "Do 0"), ("5", "took")):
            await pilot.press(tab)
            await until_shown(pilot, text)
            assert shown(pilot).isascii(), shown(pilot)


@BOTH
async def test_the_checks_of_a_test_are_told_line_by_line(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = InProcess(tmp_path)
    checks = [{"kind": "not_empty"}, {"kind": "regex", "pattern": "^Verdict"}]
    job = make_job(orchestrator.repository, 5, checks=checks)
    orchestrator.test(job.id)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "? in doubt", "✓ passed: the", "✗ failed: the")
        await until_shown(pilot, "The test is in doubt")


async def test_a_sign_of_doubt_is_no_failed_check(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, lambda *_: Outcome(ok=True, output="Should I go on with it?"))
    orchestrator.test(make_job(orchestrator.repository, 5).id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "? in doubt: the output", "ends in a question")
        assert "✗" not in shown(pilot)


@pytest.mark.slow
async def test_what_was_denied_is_allowed_rule_by_rule_and_tested_again(tmp_path: Path) -> None:
    from tests.tui.test_failures import WithRules

    def denied(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        calls = ("ls", "cat x")
        return Outcome(ok=True, output="?", denials=tuple(Denial(tool="Bash", detail=c) for c in calls))

    orchestrator = InProcess(tmp_path, denied)
    orchestrator._worker = WithRules(orchestrator.agent)
    job = make_job(orchestrator.repository, 5)
    orchestrator.test(job.id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "It was denied Bash ls, Bash cat x")
        await pilot.press("i")
        await until_shown(pilot, "1 deny  Bash(ls)", "2 deny  Bash(cat x)")
        await pilot.press("2")
        await until_shown(pilot, "2 allow Bash(cat x)")
        await pilot.press("enter")
        await until(pilot, lambda: len(orchestrator.repository.attempts.of_unit(1, 0)) == 2)
        recipe = orchestrator.repository.jobs.get(1).recipe
        assert (recipe.version, recipe.worker_options) == (2, {"allowed": ["Bash(cat x)"]})
    orchestrator.settle()


async def test_any_unit_is_chosen_for_the_next_test(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 9)
    orchestrator.test("words")
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("u")
        await until_shown(pilot, "All 9", "item-6")
        await pilot.press("G", "t")
        await until_shown(pilot, "test review", "passed in")
        assert orchestrator.agent.prompts[-1] == "Do 8"
        assert isinstance(pilot.app.screen, ReviewScreen)
