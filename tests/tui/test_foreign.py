"""Text from items and agents is shown as it is on every screen: no markup, no control sequences."""

from __future__ import annotations

from pathlib import Path

from textual.command import CommandPalette

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Event, EventKind, Outcome, Usage
from abp_tui.domain.status import JobStatus
from abp_tui.store.records import dump
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import make_job
from tests.tui.screens import BOTH, InProcess, lines, running, shown, until, until_shown

EVIL = "boom [/nope] [@click=app.quit]x[/] \x1b[31mred\x1b[0m \u202eover \x07\x9b1m[red]$(x) %s {0} end"
SAFE = "boom [/nope] [@click=app.quit]x[/] red over"


def speak(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    for kind in EventKind:
        sink.event(Event(kind=kind, title=EVIL, body=EVIL, is_error=kind is EventKind.TOOL_RESULT))
    if task.payload["n"] == 1:
        return Outcome.failed(FailureKind.AGENT_ERROR, EVIL, denials=(Denial(tool=EVIL, detail=EVIL),))
    return Outcome(ok=True, output=EVIL, result={EVIL: EVIL}, usage=Usage(cost_usd=1), session_id=EVIL)


def evil_job(folder: Path) -> InProcess:
    orchestrator = InProcess(folder, speak)
    payloads = [{"n": n, "evil": EVIL} for n in range(3)]
    make_job(
        orchestrator.repository,
        payloads=payloads,
        name=EVIL.replace("/", "|"),
        intent=EVIL,
        template="Do {evil}",
        enumerator_config=dump({"base_directory": EVIL, "pattern": [EVIL]}),
    )
    with orchestrator.repository.database.writing() as db:
        db.execute_sql("UPDATE unit SET key = key || ?", (EVIL,))
    return orchestrator


def assert_clean(pilot: object) -> None:
    for line in lines(pilot):  # type: ignore[arg-type]
        assert line.isprintable(), repr(line)


@BOTH
async def test_every_screen_shows_it_as_text(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = evil_job(tmp_path)
    orchestrator.test(1)
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "boom [|nope]", "approve?")
        assert_clean(pilot)
        await pilot.press("enter")
        for tab in "1245":
            await pilot.press(tab)
            await until_shown(pilot, SAFE if tab in "14" else "boom [/nope]")
            assert_clean(pilot)
        await pilot.press("2", "O", "g")
        await until_shown(pilot, "boom [/nope]")
        assert_clean(pilot)
        await pilot.press("e")
        await until_shown(pilot, "Prompt, version 1")
        await pilot.press("escape", "a")
        await until_shown(pilot, "2 done", "1 failed")
        await until_shown(pilot, "boom [/nop")
        assert_clean(pilot)
        await pilot.press("S", "j", "enter")
        await until_shown(pilot, "try 1 of 1")
        await pilot.press("1")
        await until_shown(pilot, "agent_error: boom [/nope]", "not allowed: boom")
        assert_clean(pilot)
        await pilot.press("escape", "l")
        await until_shown(pilot, "failed: boom [/nope]")
        assert_clean(pilot)


async def test_toasts_and_reasons_show_it_as_text(tmp_path: Path) -> None:
    orchestrator = evil_job(tmp_path)
    orchestrator.repository.jobs.move(1, JobStatus.RUNNING)
    orchestrator.repository.jobs.move(1, JobStatus.PAUSED, pause_reason=EVIL)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "paused: boom [/nope]")
        await pilot.press("enter")
        await until_shown(pilot, "paused: boom [/nope]")
        pilot.app.screen.tell(EVIL)  # type: ignore[attr-defined]
        await until_shown(pilot, SAFE)
        await pilot.press("S")
        pilot.app.screen.act(lambda: orchestrator.status(EVIL))  # type: ignore[attr-defined]
        await until_shown(pilot, "there is no job")
        assert_clean(pilot)
        assert "MarkupError" not in shown(pilot)


@BOTH
async def test_a_question_and_changed_files_are_text_too(tmp_path: Path, size: tuple[int, int]) -> None:
    def ask_and_write(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        said = sink.ask(EVIL, [EVIL, "No"], cancel)
        file = Path(task.cwd) / EVIL.replace("/", "|")
        file.write_text(f"{EVIL}\n{said}\n")
        return Outcome(ok=True, output="written", usage=Usage(cost_usd=1))

    (folder := tmp_path / "work").mkdir()
    orchestrator = InProcess(tmp_path, ask_and_write)
    job = make_job(orchestrator.repository, 2, cwd=folder)
    orchestrator.launch_test(job.id)
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "asks you", "boom [/nope]", "2 No")
        assert_clean(pilot)
        await pilot.press("1")
        await until_shown(pilot, "passed in")
        await pilot.press("3")
        await until_shown(pilot, "[|nope] [@click", "+boom [/nope]")
        assert_clean(pilot)
        await pilot.press("ctrl+p", *"[/nope]")
        await until_shown(pilot, "[/nope]")
        assert_clean(pilot)
        await pilot.press("escape")  # its search is not to outlive what it writes to
        await until(pilot, lambda: not CommandPalette.is_open(pilot.app))
    orchestrator.settle()
