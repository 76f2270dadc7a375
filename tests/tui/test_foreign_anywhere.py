"""Whatever a text is made of, nothing of it reaches the terminal but what can be printed, on any screen."""

from __future__ import annotations

import asyncio
import csv
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Event, EventKind, Outcome, Usage
from abp_tui.store.records import dump
from abp_tui.tui.screens.approve_code import ApproveCodeScreen
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.permit import PermitScreen
from abp_tui.verbs.permits import Proposal
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import make_job
from tests.tui.screens import BOTH, LARGE, SMALL, InProcess, running, shown, until, until_shown
from tests.tui.test_new_job import choose, fill

PIECES = (
    "[/nope]",
    "[@click=app.leave]x[/]",
    "[bold red on blue]",
    "[link=file:///x]l[/link]",
    "\\[",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://x.org\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1bP1$q\x1b\\",
    "\x9b2J",
    "\u202eevil\u2066",
    "\u200b\u200d\ufeff\u2028\u2029\x85",
    "ｗｉｄｅ漢字👩‍👩‍👧",
    "e\u0301\u0301\u0301",
    "\r\n\t\x00\x08\x7f",
    "`code` **bold** <b>html</b> | a | b |\n|---|---|\n",
    '{"a": [1, "\u001b[31m"]}',
    "%s {0} {file_path} $(x)",
)
pytestmark = pytest.mark.slow
SOME = 1000  # characters, where a text is one of many
PASTED = 100_000  # what a person gives into a field
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
letters = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = st.lists(st.one_of(st.sampled_from(PIECES), letters), min_size=1, max_size=8).map("".join)


def speaks(text: str) -> Any:
    """An agent that says it in all its words; the second unit fails with it, the third is in doubt."""

    def speak(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        for kind in EventKind:
            body = text if kind is EventKind.TEXT else text[:SOME]
            sink.event(Event(kind=kind, title=text[:SOME], body=body, is_error=kind is EventKind.TOOL_RESULT))
        if task.payload["n"] == 1:
            denials = (Denial(tool=text[:SOME], detail=text[:SOME]),)
            return Outcome.failed(FailureKind.AGENT_ERROR, text, denials=denials)
        if task.payload["n"] == 2:
            return Outcome(ok=True, output=f"{text[:SOME]}\n\nShould I go on?")
        return Outcome(ok=True, output=text, result={text[:SOME]: [text]}, usage=Usage(cost_usd=1))

    return speak


def make(folder: Path, text: str) -> InProcess:
    orchestrator = InProcess(folder, speaks(text))
    config = dump({"base_directory": text, "pattern": [text]})
    name = "j" + text[:50].replace("/", "|").replace("\0", "")
    make_job(
        orchestrator.repository,
        payloads=[{"n": n, "text": text if n == 0 else text[:SOME]} for n in range(4)],
        name=name,
        intent=text,
        template="Do {text}",
        enumerator_config=config,
    )
    with orchestrator.repository.database.writing() as db:
        db.execute_sql("UPDATE unit SET key = key || ?", (text[:SOME].replace("\0", ""),))
    orchestrator.repository.logs.add(1, text[:SOME])
    return orchestrator


def look(pilot: Pilot[Any]) -> None:
    """What would be written to the terminal now is colours and what can be printed, and no link."""
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            assert segment.style is None or segment.style.link is None, segment
            assert "leave" not in str(segment.style.meta if segment.style else ""), segment
        written = COLOURS.sub("", strip.render(pilot.app.console))
        assert written.isprintable(), repr(written)


async def give(pilot: Pilot[Any], field: str, text: str) -> None:
    """What a person pastes into a field of one line."""
    pilot.app.screen.query_one(field, Input).value = text[:PASTED]
    await pilot.pause()
    look(pilot)


async def walk(folder: Path, text: str, size: tuple[int, int]) -> None:
    """Through all screens."""
    orchestrator = make(folder, text)
    orchestrator.test(1)
    orchestrator.reject(1)
    orchestrator.set_prompt(1, "Do {text} better")
    orchestrator.test(1)
    rows, file = [["id", "text"], ["7", text.replace("\0", "")]], folder / "m.csv"
    with file.open("w", newline="", encoding="utf-8", errors="replace") as to:
        csv.writer(to).writerows(rows)
    async with running(orchestrator, size) as pilot:

        async def at(*keys: str, sees: tuple[str, ...] = ()) -> None:
            await pilot.press(*keys)
            await until(pilot, lambda: all(words in shown(pilot) for words in sees), 30)
            look(pilot)

        await at(sees=("approve?",))
        await at("D", sees=("Remove j",))
        await at("n")
        await at("ctrl+p")
        await at("escape", "enter", sees=("passed in",))
        for tab in "12345m":
            await at(tab)
        await at("2", "O", "g")
        await at("G")
        await at("e", sees=("Prompt, version 2",))
        await at("escape", "p", sees=("how many units",))
        await at("enter", sees=("Run all 3 units",))
        await at("y", sees=("3 of 3 run", "1 failed"))
        await at("j", "f", sees=("✗ fail",))
        await at("v", sees=("version 1", "version 2 (current)"))
        await at("d", sees=("Do {text} better",))
        await at("escape", sees=("3 of 3 run",))
        await at("a", sees=("Approve without a budget?",))
        await at("a", sees=("2 done", "1 failed", "1 suspect"))
        await at("right", "left")
        await at("slash")
        await give(pilot, "#sought", text)
        await at("escape")
        await at("j", "enter", sees=("try 2 of 2",))
        for tab in "12345":
            await at(tab)
        await at("escape", "l")
        await at("escape", "F", sees=("1 unit",))
        await at("escape", "question_mark", sees=("Progress",))
        await at("escape")
        rules = [Proposal(rule=text[:SOME], units=1, denied=text[:SOME])]
        pilot.app.push_screen(PermitScreen(rules))
        await at("1", sees=("1 allow",))
        await at("escape")
        pilot.app.screen.tell(text)  # type: ignore[attr-defined]
        await pilot.pause()
        look(pilot)
        await at("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await at("slash")
        await give(pilot, "#filter", text)
        await at("escape")
        await fill(pilot, folder, worker="sample", intent="Buy {text}", settings="none", name=text[:100])
        await choose(pilot, "csv", file_path=str(file))
        await until_shown(pilot, "m.csv")
        look(pilot)
        await choose(pilot, "dynamic", code=text[:PASTED] + "\n")
        pilot.app.screen.query_one("#intent", TextArea).text = text[:PASTED]
        await at("ctrl+r")
        if isinstance(pilot.app.screen, ApproveCodeScreen):
            look(pilot)


def go(text: str, size: tuple[int, int]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(walk(Path(folder), text, size))


@pytest.mark.timeout(600)
@BOTH
def test_all_that_is_known_to_be_awkward(size: tuple[int, int]) -> None:
    go("".join(PIECES), size)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "line", ["x" * 5_000_000, "\N{CJK UNIFIED IDEOGRAPH-6F22}\u202e" * 1_000_000], ids=["narrow", "wide"]
)
def test_a_line_as_long_as_a_file(line: str) -> None:
    go(line, SMALL)


@pytest.mark.timeout(600)
@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(text=texts, size=st.sampled_from([SMALL, LARGE]))
def test_any_text(text: str, size: tuple[int, int]) -> None:
    go(text, size)
