from __future__ import annotations

import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, TextArea

from abp_tui.domain.check import check_words
from abp_tui.domain.tell import Tell
from abp_tui.errors import InvalidInput
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.tui.screens.approve_code import ApproveCodeScreen
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.new_job import NewJobScreen
from abp_tui.tui.screens.new_job_form import EDITS, READS, NewJobForm
from abp_tui.tui.screens.review import ReviewScreen
from abp_tui.tui.widgets.checks_field import Problem
from abp_tui.tui.widgets.source_form import config_from
from abp_tui.workers.base import registry
from tests.factories import make_job, make_repository
from tests.tui.screens import ALL, BOTH, SMALL, lines, running, shown, until, until_shown

HERE_AGAIN = "what you typed is here again"
UNATTENDED = "This is one item of a batch"


def real(folder: Path) -> Orchestrator:
    texts = folder / "texts"
    texts.mkdir()
    for n in range(7):
        (texts / f"t{n}.txt").write_text("some words " * n)
    (texts / "skip.md").write_text("no")
    return Orchestrator(make_repository(folder), settings=Settings())


async def fill(pilot: Pilot[Any], folder: Path, **texts: str) -> None:
    await pilot.press("n")
    await until(pilot, lambda: bool(pilot.app.screen.query("#intent")))
    screen = pilot.app.screen
    screen.query_one("#worker", Select).value = texts.pop("worker", "command")
    screen.query_one("#intent", TextArea).text = texts.pop("intent", "Count the words of {file_path}")
    values = {"name": "counted"}
    if texts.pop("settings", "files") == "files":
        values |= {"set-base_directory": str(folder / "texts"), "set-pattern": "*.txt"}
    values |= texts
    for name, value in values.items():
        screen.query_one(f"#{name}", Input).value = value


@BOTH
async def test_count_items_and_prompt_appear_while_typing(tmp_path: Path, size: tuple[int, int]) -> None:
    async with running(real(tmp_path), size) as pilot:
        await fill(pilot, tmp_path, command="wc -w {file_path}")
        await until_shown(pilot, "7 items", "t0.txt", "and", "more", "Prompt for t0.txt")
        await until_shown(pilot, "Count the words of")
        await pilot.press("ctrl+n")
        await until_shown(pilot, "Prompt for t1.txt")
        pilot.app.screen.query_one("#set-pattern", Input).value = "*.md"
        await until_shown(pilot, "1 item", "Prompt for skip.md")


@ALL
async def test_the_prompt_itself_is_in_sight_and_steps_with_the_count(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with running(real(tmp_path), size) as pilot:
        await fill(pilot, tmp_path, command="wc -w {file_path}", intent="Say {file_name} aloud")
        await until_shown(pilot, "7 items", "Say t0.txt aloud")
        await pilot.press("ctrl+n")
        await until_shown(pilot, "Prompt for t1.txt", "Say t1.txt aloud", UNATTENDED, "7 items")
        pilot.app.screen.query_one("#workers", Input).value = "0"
        pilot.app.screen.query_one("#intent", TextArea).text = "Sing {file_name}"
        await until_shown(pilot, "max_workers is 0", "7 items", "Sing t1.txt")
        await pilot.press("ctrl+n")
        await until_shown(pilot, "Prompt for t2.txt", "Sing t2.txt", UNATTENDED, "7 items")


async def test_what_is_wrong_is_said_before_anything_is_written(tmp_path: Path) -> None:
    orchestrator = real(tmp_path)
    async with running(orchestrator) as pilot:
        await fill(pilot, tmp_path, command="wc -w {fil_path}")
        await until_shown(pilot, "fil_path")
        pilot.app.screen.query_one("#set-base_directory", Input).value = str(tmp_path / "nowhere")
        await until_shown(pilot, "there is no folder", "the nearest folder that exists is")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(pilot.app._notifications) == 1)
        assert shown(pilot).count("there is no folder") == 2, "in the preview and in a toast"
    assert orchestrator.list_jobs() == []


@BOTH
async def test_create_and_test_opens_the_review(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = real(tmp_path)
    async with running(orchestrator, size) as pilot:
        await fill(pilot, tmp_path, command="wc -w {file_path}", workers="2")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await until_shown(pilot, "passed in", "0 ")
        await pilot.press("a")
        await until_shown(pilot, "✓ completed", "7 done")
    job = orchestrator.status("counted")
    assert (job.max_workers, job.completed_units) == (2, 7)


@pytest.mark.slow
async def test_create_alone_starts_nothing(tmp_path: Path) -> None:
    orchestrator = real(tmp_path)
    async with running(orchestrator) as pilot:
        await fill(pilot, tmp_path, worker="sample")
        await until_shown(pilot, "7 items")
        assert not pilot.app.screen.query_one("#field-command").display
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await until_shown(pilot, "counted", "created", "0/7")


def test_a_command_is_split_like_a_shell_does() -> None:
    form = NewJobForm(
        "n", "i", "file", {"base_directory": "."}, "command", "grep -c 'two words' {file_path}", "3"
    )
    assert form.arguments()["worker_options"] == {"argv": ["grep", "-c", "two words", "{file_path}"]}


@pytest.mark.parametrize(("command", "workers"), [("", "3"), ("echo 'open", "3"), ("wc", ""), ("wc", "-1")])
def test_a_form_that_cannot_be_read_is_refused(command: str, workers: str) -> None:
    with pytest.raises(InvalidInput):
        NewJobForm("n", "i", "file", {}, "command", command, workers).arguments()


async def choose(pilot: Pilot[Any], source: str, **settings: str) -> None:
    """Take another source and fill its fields."""
    screen = pilot.app.screen
    screen.query_one("#source", Select).value = source
    for name, value in settings.items():
        await until(pilot, lambda name=name: bool(screen.query(f"#set-{name}.of-{source}")))
        field = screen.query_one(f"#set-{name}.of-{source}")
        if isinstance(field, TextArea):
            field.text = value
        elif isinstance(field, Select):
            field.value = value == "yes"
        else:
            assert isinstance(field, Input)
            field.value = value


@pytest.mark.slow
@BOTH
async def test_each_source_has_its_own_fields_and_shows_its_items(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    (tmp_path / "m.csv").write_text("number,text\n7,bread\n8,milk\n9,tea\n")
    (tmp_path / "m.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    sqlite3.connect(tmp_path / "m.db").close()
    async with running(real(tmp_path), size) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Buy {text}", settings="none")
        await choose(pilot, "csv", file_path=str(tmp_path / "m.csv"), id_column="number")
        await until_shown(pilot, "3 items", "Prompt for 7", "Buy bread")
        await pilot.press("ctrl+n")
        await until_shown(pilot, "Prompt for 8", "Buy milk")
        await choose(pilot, "csv", id_column="numbr")
        await until_shown(pilot, "did you mean 'number'?")
        await choose(pilot, "csv", id_column="", has_header="no")
        await until_shown(pilot, "the prompt names {text}")
        await choose(pilot, "json", file_path=str(tmp_path / "m.jsonl"), limit="1")
        await until_shown(pilot, "1 item", "Buy one")
        query = "SELECT 'tea' AS text UNION SELECT 'oil'"
        await choose(pilot, "sql", connection_string=f"sqlite:///{tmp_path}/m.db", query=query)
        await until_shown(pilot, "press ctrl+r to run the query")
        await pilot.press("ctrl+r")
        await until_shown(pilot, "2 items", "Buy oil")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await until_shown(pilot, "counted", "0/2")


@pytest.mark.slow
@BOTH
async def test_code_is_shown_whole_and_runs_only_once_it_was_approved(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sign = tmp_path / "ran"
    code = (
        "open('ran', 'a')\n\ndef enumerate_items(context):\n\treturn [context] # \x1b[2K\n#"
        + " " * 300
        + "far"
    )
    orchestrator = real(tmp_path)
    async with running(orchestrator, size) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Do {n}", settings="none")
        await choose(pilot, "dynamic", code=code, context='{"n": 41, "a": "b\u202ec\u200bd"}')
        await until_shown(pilot, "press ctrl+r to read the code and run it")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApproveCodeScreen))
        await until_shown(pilot, "1  open(", "3  def enumerate_items(context):", "SHA-256", "y Run it")
        await until_shown(pilot, r"4!     return [context] # \x1b[2K", "in line 4 and in the context")
        await until_shown(pilot, "SHA-256 of the code and the context:")
        await pilot.press("G")
        await until_shown(pilot, '"n": 41', r' !   "a": "b\u202ec\u200bd"')
        assert not {"\x1b", "\u202e", "\u200b"} & set(shown(pilot))
        [far] = [line for line in lines(pilot) if "far" in line]
        assert far.lstrip(" ").removeprefix("far").strip() == "", "a folded line leaves the margin free"
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewJobScreen))
        assert not sign.exists() and orchestrator.list_jobs() == []
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApproveCodeScreen))
        await pilot.press("y")
        await until_shown(pilot, "1 item", "Do 41")
        assert orchestrator.list_jobs() == []
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
    assert orchestrator.status("counted").total_units == 1
    assert sign.exists()


@pytest.mark.slow
async def test_code_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.py"
    file.write_text("def enumerate_items(context):\n    return [{'n': 41}]\n")
    orchestrator = real(tmp_path)
    async with running(orchestrator) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Do {n}", settings="none")
        await choose(pilot, "dynamic", code=str(tmp_path / "row.py"))
        await until_shown(pilot, "can't read", "No such file")
        await choose(pilot, "dynamic", code=str(file))
        await until_shown(pilot, "press ctrl+r to read the code and run it")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApproveCodeScreen))
        await until_shown(pilot, "1  def enumerate_items(context):", "SHA-256")
        await pilot.press("y")
        await until_shown(pilot, "counted", "0/1")


@pytest.mark.slow
async def test_the_cursor_is_on_the_job_that_was_made(tmp_path: Path) -> None:
    orchestrator = real(tmp_path)
    for name in ("first", "second"):
        make_job(orchestrator.repository, 1, name=name)
    async with running(orchestrator) as pilot:
        for name, key in (("third", "ctrl+s"), ("fourth", "ctrl+t")):
            await pilot.press("j")
            await fill(pilot, tmp_path, worker="sample", name=name)
            await until_shown(pilot, "7 items")
            await pilot.press(key)
            await until(pilot, lambda: not isinstance(pilot.app.screen, NewJobScreen))
            if key == "ctrl+t":
                await until_shown(pilot, "passed in")
                await pilot.press("escape")
            marked = f"\N{LEFT HALF BLOCK}{name}"
            await until(pilot, lambda marked=marked: marked in " ".join(lines(pilot)))


async def test_an_agent_that_is_not_here_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    async with running(real(tmp_path), SMALL) as pilot:
        await fill(pilot, tmp_path, worker="claude")
        await until_shown(pilot, "there is no program 'claude': npm install -g")
        pilot.app.screen.query_one("#worker", Select).value = "sample"
        await until(pilot, lambda: "there is no program" not in shown(pilot))
        pilot.app.screen.query_one("#worker", Select).value = "claude"
        await until_shown(pilot, "there is no program 'claude'")


async def test_every_worker_is_offered_and_the_first_that_is_here_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bin_folder := tmp_path / "bin").mkdir()
    (codex := bin_folder / "codex").write_text("#!/bin/sh\n")
    codex.chmod(0o700)
    monkeypatch.setenv("PATH", str(bin_folder))
    async with running(real(tmp_path), SMALL) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "codex: Codex")
        offered = {value for _, value in pilot.app.screen.query_one("#worker", Select)._options}
        assert set(registry.names()) <= offered


@pytest.mark.slow
async def test_another_worker_is_given_its_command_and_options(tmp_path: Path) -> None:
    orchestrator = real(tmp_path)
    async with running(orchestrator, SMALL) as pilot:
        await fill(pilot, tmp_path, worker="acp", command="an-agent --acp", options="ask_s=5 mode='dry run'")
        await until_shown(pilot, "7 items")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not isinstance(pilot.app.screen, NewJobScreen))
    made = orchestrator.repository.jobs.find("counted")
    assert made.worker == "acp"
    assert made.recipe.worker_options == {"argv": ["an-agent", "--acp"], "ask_s": 5, "mode": "dry run"}


async def test_an_option_that_a_worker_has_not_is_told(tmp_path: Path) -> None:
    async with running(real(tmp_path), SMALL) as pilot:
        await fill(pilot, tmp_path, worker="sample", options="paces=1")
        await until_shown(pilot, "there is no such setting")


def test_limits_and_permissions_of_the_form(tmp_path: Path) -> None:
    file = tmp_path / "part.json"
    file.write_text('{"type": "object"}')
    form = NewJobForm("n", "i", "file", {"base_directory": "."}, "claude", "", "3", EDITS, "$2.5", str(file))
    made = form.arguments()
    assert made["worker_options"] == {"permission_mode": "acceptEdits"}
    assert (made["budget_usd"], made["output_schema"]) == (2.5, {"type": "object"})
    assert replace(form, permission=READS).arguments()["worker_options"] == {}
    assert replace(form, budget="", schema="").arguments()["budget_usd"] is None


@pytest.mark.parametrize("wrong", [{"budget": "much"}, {"schema": "/no/such.json"}, {"schema": __file__}])
def test_limits_that_can_not_be_read_are_refused(wrong: dict[str, str]) -> None:
    form = NewJobForm("n", "i", "file", {"base_directory": "."}, "sample", "", "3")
    with pytest.raises(InvalidInput):
        replace(form, **wrong).arguments()


@pytest.mark.parametrize(
    ("source", "texts", "config"),
    [
        ("file", {"base_directory": ".", "pattern": "*.a  *.b", "include_hidden": True, "limit": ""},
         {"base_directory": ".", "pattern": ["*.a", "*.b"], "include_hidden": True}),
        ("csv", {"file_path": "x", "columns": "a, b c", "has_header": False, "limit": "3"},
         {"file_path": "x", "columns": "a, b c", "has_header": False, "limit": 3}),
        ("sql", {"query": " SELECT 1\n", "params": '{"a": 1}'}, {"query": " SELECT 1\n", "params": {"a": 1}}),
        ("sql", {"params": ""}, {}),
    ],
)  # fmt: skip
def test_fields_become_a_configuration(source: str, texts: dict[str, Any], config: dict[str, Any]) -> None:
    assert config_from(source, texts) == config


@pytest.mark.parametrize(("source", "texts"), [("csv", {"limit": "x"}), ("sql", {"params": "{a"})])
def test_fields_that_can_not_be_read(source: str, texts: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        config_from(source, texts)


@pytest.mark.slow
async def test_a_form_that_was_left_looks_at_nothing_any_more(tmp_path: Path) -> None:
    """Its last look is due a moment after the last key, when its fields may be gone."""
    async with running(real(tmp_path)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: bool(pilot.app.screen.query("#worker")))
        form = pilot.app.screen
        assert isinstance(form, NewJobScreen)
        await pilot.app.pop_screen()
        await until(pilot, lambda: not form.query("#worker"))
        form._settle()
        assert isinstance(pilot.app.screen, JobsScreen)


@pytest.mark.slow
@ALL
async def test_what_was_typed_is_there_again_until_a_job_is_made_of_it(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    (tmp_path / "m.csv").write_text("id,text\n1,word\n")
    orchestrator = real(tmp_path)
    async with running(orchestrator, size) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Say {text}", settings="none")
        assert HERE_AGAIN not in shown(pilot)
        await choose(pilot, "csv", file_path=str(tmp_path / "m.csv"))
        await until_shown(pilot, "1 item")
        await pilot.press("escape", "n")
        await until_shown(pilot, HERE_AGAIN, "ctrl+l empties the form", "counted", "Say {text}", "1 item")
        await pilot.press("ctrl+l")
        await until_shown(pilot, "ctrl+l brings back what you typed", "a name for the job", "file: Files")
        await pilot.press("ctrl+l")
        await until_shown(pilot, HERE_AGAIN, "counted", "Say {text}", "csv: ", "1 item")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "created")
        await pilot.press("n")
        await until_shown(pilot, "a name for the job")
        assert HERE_AGAIN not in shown(pilot)
    made = orchestrator.repository.jobs.find("counted")
    assert (made.worker, made.intent) == ("sample", "Say {text}")


@pytest.mark.slow
async def test_an_emptied_form_is_left_empty(tmp_path: Path) -> None:
    async with running(real(tmp_path), SMALL) as pilot:
        await pilot.press("n", *"typed", "escape", "n")
        await until_shown(pilot, HERE_AGAIN, "typed")
        await pilot.press("ctrl+l")
        await until_shown(pilot, "brings back")
        await pilot.press("escape", "n")
        await until_shown(pilot, "a name for the job")
        assert HERE_AGAIN not in shown(pilot)


@pytest.mark.slow
@BOTH
async def test_checks_are_given_a_line_each(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "part.json").write_text('{"type": "object"}')
    orchestrator = real(tmp_path)
    async with running(orchestrator, size) as pilot:
        await fill(pilot, tmp_path, worker="sample")
        await until_shown(pilot, "7 items")
        checks = pilot.app.screen.query_one("#checks", TextArea)
        checks.focus()
        checks.text = f"not-empty\nregex words: \\d+\nchanged\nschema {tmp_path}/part.json\nno-tell same"
        checks.insert(f"\ncommand {sys.executable} -c pass {{file_path}}\ntimeout 30", (5, 0))
        await pilot.press("ctrl+s")
        await until_shown(pilot, "counted", "0/7")
    recipe = orchestrator.repository.jobs.find("counted").recipe
    assert check_words(recipe.checks) == [
        "the output is not empty",
        r"the output matches /words: \d+/",
        "the item's file was changed",
        "the output fits the schema of the check",
        f"`{sys.executable} -c pass '{{file_path}}'` succeeds",
        "not looked for: " + Tell.SAME.words,
    ]
    [command] = [check for check in recipe.checks if check["kind"] == "command"]
    assert command["timeout_s"] == 30


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("regx Verdict", "did you mean 'regex'?"),
        ("regex [a", "is no regular expression"),
        ("regex", "the check regex says nothing behind it"),
        ("changed file", "the check changed takes nothing more"),
        ("schema no.json", "can't read no.json"),
        ("command 'open", "close the quotation"),
        ("timeout 3", "is for a command"),
        ("command x\ntimeout soon", "write seconds"),
        ("no-tell blushes", "checks:"),
    ],
)
def test_a_check_that_can_not_be_read_is_told(line: str, told: str) -> None:
    form = NewJobForm("n", "i", "file", {"base_directory": "."}, "sample", "", "3", checks=line)
    assert told in form.checks_problem()


@pytest.mark.slow
@BOTH
async def test_what_is_wrong_with_checks_is_said_under_them(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = real(tmp_path)
    async with running(orchestrator, size) as pilot:
        await fill(pilot, tmp_path, worker="sample")
        checks = pilot.app.screen.query_one("#checks", TextArea)
        checks.focus()
        await pilot.press(*"regx", "space", *"Verdict")
        await until(pilot, lambda: under(pilot, "regx", "no check is called 'regx'"))
        checks.text = "command no-such-program {fil_path}"
        await until_shown(pilot, "fil_path")
        checks.text = "not-empty"
        await until(pilot, lambda: not pilot.app.screen.query_one(Problem).display)
        await pilot.press("ctrl+s")
        await until_shown(pilot, "counted", "0/7")


def under(pilot: Pilot[Any], above: str, below: str) -> bool:
    """Whether one text is on the screen, and another a few lines below it."""
    rows = lines(pilot)
    first = next((n for n, row in enumerate(rows) if above in row), len(rows))
    return any(below in row for row in rows[first + 1 : first + 6])


async def test_a_field_that_is_needed_is_gone_to(tmp_path: Path) -> None:
    async with running(real(tmp_path), SMALL) as pilot:
        await fill(pilot, tmp_path, command="wc -w {file_path}", name="", intent="")
        await pilot.press("ctrl+t")
        await until_shown(pilot, "the job still needs its name")
        await pilot.press(*"mine", "ctrl+t")
        await until_shown(pilot, "the job still needs its intent")
        await pilot.press(*"Say", "ctrl+t")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
