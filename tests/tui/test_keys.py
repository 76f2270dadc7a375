from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from itertools import combinations, product
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from abp_tui.domain.model import Denial, Outcome, Question
from abp_tui.domain.status import Desired, GateState, JobStatus, Phase, UnitStatus
from abp_tui.errors import InvalidInput
from abp_tui.liveness import Liveness
from abp_tui.terminal import speaks_utf8
from abp_tui.tui import screens
from abp_tui.tui.commands import COMMANDS, DIALOGS, SCOPES, commands
from abp_tui.tui.keys import Keys
from abp_tui.tui.moment import Moment
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.edit_prompt import EditPromptScreen
from abp_tui.tui.screens.help import HelpScreen, HelpText, help_lines
from abp_tui.tui.screens.new_job import NewJobScreen
from abp_tui.tui.widgets.glyphs import JOB_MARKS, MAP_MARKS, PERSON_MARKS, UNIT_MARKS, Mark
from abp_tui.tui.widgets.unit_list import UnitList
from abp_tui.views import ExecutorView, GateView, JobView
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import make_job
from tests.tui.screens import LARGE, SMALL, InProcess, app_of, running, shown, until, until_shown


def test_every_command_has_an_id_of_its_own_and_a_help_line() -> None:
    assert len({command.id for command in COMMANDS}) == len(COMMANDS)
    assert all(command.help and command.label and command.keys for command in COMMANDS)
    assert {command.scope for command in COMMANDS} <= {*SCOPES, *DIALOGS}


NOW = datetime.now(UTC)


def every_screen() -> list[type[AbpScreen]]:
    for module in iter_modules(screens.__path__, f"{screens.__name__}."):
        import_module(module.name)
    found = [AbpScreen]
    for screen in found:
        found += screen.__subclasses__()
    return [screen for screen in found if screen.SCOPES]


def stages() -> Iterator[JobView]:
    """Jobs in every state that any command is offered by; also in some that never come together."""
    phases: dict[JobStatus, tuple[Phase | None, ...]] = {
        JobStatus.CREATED: (None, Phase.HELD, Phase.ENUMERATING),
        JobStatus.TESTING: (Phase.TESTING, Phase.PILOT, Phase.REVIEW, Phase.INTERRUPTED),
        JobStatus.RUNNING: (Phase.RUNNING, Phase.GATED, Phase.INTERRUPTED),
    }
    asks = Question(id=1, attempt_id=1, text="May I?", options=("yes", "no"), asked_at=NOW)
    gate = GateView(state=GateState.CLOSED, until=None, reason="usage limit", is_known=False)
    executor = ExecutorView(pid=1, host="here", heartbeat_at=NOW, alive=True, state=Liveness.ALIVE)
    for status in JobStatus:
        for phase in phases.get(status, (None,)):
            endings = (None, Desired.PAUSE) if phase in (Phase.RUNNING, Phase.GATED) else (None,)
            for question, pilot, units, synthesis, lives, ending in product(
                (None, asks), (None, 1), (0, 2), (None, *UnitStatus), (None, executor), endings
            ):
                yield JobView.model_construct(
                    status=status,
                    phase=phase,
                    question=question,
                    gate=gate if phase is Phase.GATED else None,
                    pilot_id=pilot,
                    failed_units=units,
                    suspect_units=units,
                    synthesis=synthesis,
                    executor=lives,
                    ending=ending,
                )


STAGES = tuple(stages())
PLACES = {screen.SCOPES for screen in every_screen()} | {(scope, "lists") for scope in DIALOGS}
SCREEN_DECIDES = {("new.stop", "screen.back")}  # esc ends the preview while there is one, and then goes back


def test_the_stages_have_each_phase_and_each_command_is_offered_in_some() -> None:
    assert {stage.phase for stage in STAGES} == {None, *Phase}
    assert all(any(command.is_offered(stage) for stage in STAGES) for command in COMMANDS)
    assert {scope for scopes in PLACES for scope in scopes} == {command.scope for command in COMMANDS}


@pytest.mark.parametrize("scopes", sorted(PLACES), ids=" ".join)
def test_no_key_means_two_things_at_a_time(scopes: tuple[str, ...]) -> None:
    for one, other in combinations(commands(*scopes), 2):
        shared = set(one.keys.split(",")) & set(other.keys.split(","))
        if shared and (one.id, other.id) not in SCREEN_DECIDES:
            both = [stage for stage in STAGES if one.is_offered(stage) and other.is_offered(stage)]
            assert not both, f"{shared} means {one.id} and {other.id} in {both[0].status} {both[0].phase}"


def help_text(pilot: Pilot[Any]) -> str:
    """All that the help says, without how it is wrapped."""
    screen = pilot.app.screen
    return " ".join(screen.query_one(HelpText).plain.split()) if isinstance(screen, HelpScreen) else ""


async def opened_help(pilot: Pilot[Any], key: str = "question_mark") -> str:
    await pilot.press(key)
    await until(pilot, lambda: "Everywhere" in help_text(pilot))
    return help_text(pilot)


async def test_help_lists_every_key_and_sign_that_matters_here_first(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "progress")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await until_shown(pilot, "Progress", "Test the unit under the cursor")
        everything = help_text(pilot)
        alone = [c for c in COMMANDS if c.scope in SCOPES and not c.together]
        missing = [c.id for c in alone if c.help not in everything]
        assert missing == ["progress.tail"], "t tests"
        assert all(mark.word in everything for mark in (*JOB_MARKS.values(), *MAP_MARKS.values()))
        assert "their units wait again (not now)" in everything
        assert "Test the unit under the cursor (not now)" not in everything
        await pilot.press("G")
        await until_shown(pilot, "suspect")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, HelpScreen))


async def test_the_palette_offers_what_can_be_done_here(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "words \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} progress")
        titles = {c.title for c in pilot.app.get_system_commands(pilot.app.screen)}
        assert "Test the unit under the cursor" in titles
        assert "End the running agents now; their units wait again" not in titles, "nothing runs"
        await pilot.press("ctrl+p", *"happened", "enter")
        await until_shown(pilot, "words \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} log")


async def test_the_palette_has_the_screens_own_first_each_with_its_key(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    app = app_of(orchestrator, "words", keys={"progress.export": "!"})
    async with app.run_test(size=LARGE) as pilot:
        await until_shown(pilot, "All 3")
        await pilot.press("ctrl+p")
        await until_shown(pilot, "Test the unit under the cursor", "t  Test", "!  Export")
        said = shown(pilot)
        assert (
            said.index("Test the unit") < said.index("Failed and doubtful") < said.index("Write the results")
        )


async def test_the_two_ways_to_leave_are_called_differently(tmp_path: Path) -> None:
    async with running(InProcess(tmp_path)) as pilot:
        leaving = [c for c in pilot.app.get_system_commands(pilot.app.screen) if c.title.startswith("Leave")]
        assert [c.help for c in leaving] == ["q  Leave", "^q  Leave at once"]


async def test_keys_can_be_rebound_by_id(tmp_path: Path) -> None:
    app = app_of(InProcess(tmp_path), keys={"jobs.new": "f5"})
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        await pilot.press("f5")
        await until_shown(pilot, "new job")


@pytest.mark.parametrize(
    ("environment", "answer"),
    [
        ({}, True),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ({"LC_CTYPE": "C.utf8", "LANG": "C"}, True),
        ({"LANG": "en_US.ISO-8859-1"}, False),
    ],
)
def test_the_locale_decides_about_glyphs(environment: dict[str, str], answer: bool) -> None:
    assert speaks_utf8(environment) is answer


def test_marks_have_an_ascii_form() -> None:
    assert all(m.ascii.isascii() for m in (*JOB_MARKS.values(), *UNIT_MARKS.values(), *MAP_MARKS.values()))


@pytest.mark.parametrize("marks", [UNIT_MARKS, MAP_MARKS, PERSON_MARKS])
def test_no_state_differs_from_another_by_colour_alone(marks: Mapping[str, Mark]) -> None:
    assert len({mark.glyph for mark in marks.values()}) == len(marks)
    assert len({mark.ascii for mark in marks.values()}) == len(marks)


def test_jobs_that_share_a_sign_are_much_the_same_and_share_it_in_ascii_too() -> None:
    alike = ["held asks", "enumerating created", "testing pilot running", "gated pause stop paused"]
    alike += ["interrupted stalled", "review", "completed", "failed"]
    groups = [{JOB_MARKS[name] for name in names.split()} for names in alike]
    assert sum(map(len, groups)) == len(JOB_MARKS)
    for signs in (
        [{m.glyph for m in group} for group in groups],
        [{m.ascii for m in group} for group in groups],
    ):
        assert sum(map(len, signs)) == len(set().union(*signs)) == len(groups)


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark", "high-contrast"])
async def test_other_themes_show_the_same_words(tmp_path: Path, theme: str) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    app = app_of(orchestrator, "words", theme=theme)
    async with app.run_test(size=LARGE) as pilot:
        await until_shown(pilot, "○ created", "· waiting", "All 3", "▌     0  item-0", "      1  item-1")
        assert "Traceback" not in shown(pilot)


def test_a_key_that_would_mean_two_things_is_refused_and_both_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"R would mean progress\.stop and progress\.retry on one screen"):
        Keys({"progress.stop": "R"})
    with pytest.raises(InvalidInput, match=r"j would mean"):
        Keys({"unit.output": "j"})
    Keys({"confirm.yes": "j"})  # a dialog knows its own keys only
    Keys({"progress.stop": "R", "progress.retry": "T"})


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        ("banana", "write one, as in "),
        ("ctlr+x", "did you mean 'ctrl+x'?"),
        ("pagedwn", "did you mean 'pagedown'?"),
        ("f5,spce", "did you mean 'space'?"),
        ("ctrl+banana", ""),
        (" ", "write one, as in "),
    ],
)
def test_a_key_that_no_keyboard_has_is_refused_with_the_nearest(keys: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=r"progress\.stop") as caught:
        Keys({"progress.stop": keys})
    assert str(caught.value.hint).startswith(hint)


@pytest.mark.parametrize(
    "keys", ["f5", "ctrl+y", "alt+x", "!", ",", "é", "slash", "shift+f3", "ctrl+shift+left", "B,f6"]
)
def test_keys_are_taken_by_name_and_as_characters(keys: str) -> None:
    Keys({"new.create": keys})


@pytest.mark.parametrize("key", ["ctrl+p", "ctrl+q", "ctrl+c", "tab", "shift+tab", "f1"])
@pytest.mark.parametrize("name", ["progress.stop", "jobs.new", "confirm.yes"])
def test_keys_that_the_app_itself_needs_are_refused(key: str, name: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"{name}: {key} ")):
        Keys({name: key})


def test_what_is_wrong_with_a_key_is_told_with_its_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[keys]\n"jobs.new" = "f5"\n"progress.stop" = "R"\n')
    monkeypatch.setenv("ABP_CONFIG", str(file))
    for key in ("banana", "tab", "R"):
        with pytest.raises(InvalidInput) as caught:
            Keys({"jobs.new": "f5", "progress.stop": key})
        assert str(caught.value).startswith(f"{file}, line 3: ")


def test_an_unknown_command_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInput) as caught:
        Keys({"progress.stopp": "f5"})
    assert caught.value.hint == "did you mean 'progress.stop'?"


async def test_rebound_keys_stand_in_the_help_and_leave_their_neighbours(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3, status=JobStatus.RUNNING)
    orchestrator.repository.jobs.move(job.id, JobStatus.PAUSED)
    app = app_of(orchestrator, "words", keys={"progress.pause": "!"})
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until_shown(pilot, "paused")
        await pilot.press("question_mark")
        await until(pilot, lambda: "! Let running units finish, start no more (not now)" in help_text(pilot))
        await pilot.press("escape")
        await pilot.press("space")  # still resumes
        await until_shown(pilot, "✓ completed")


async def test_words_that_say_what_to_press_know_rebound_keys(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    keys = {"jobs.new": "f5", "progress.resume": "!"}
    app = app_of(orchestrator, keys=keys)
    async with app.run_test(size=SMALL) as pilot:
        await until_shown(pilot, "f5 makes your first job")
    job = make_job(orchestrator.repository, 3, status=JobStatus.RUNNING)
    orchestrator.repository.jobs.move(job.id, JobStatus.PAUSED)
    app = app_of(orchestrator, "words", keys=keys)
    async with app.run_test(size=SMALL) as pilot:
        await until_shown(pilot, "paused: ! goes on")


def test_an_unknown_theme_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no theme 'high-contrst'") as caught:
        app_of(InProcess(tmp_path), theme="high-contrst")
    assert caught.value.hint == "did you mean 'high-contrast'?"


@pytest.mark.parametrize(("name", "full"), [("dark", "textual-dark"), ("light", "textual-light")])
def test_the_plain_names_of_a_theme_are_taken(tmp_path: Path, name: str, full: str) -> None:
    assert app_of(InProcess(tmp_path), theme=name).theme == full


def palette(pilot: Pilot[Any]) -> dict[str, Any]:
    return {c.title: c.callback for c in pilot.app.get_system_commands(pilot.app.screen)}


async def test_a_dialog_is_answered_before_anything_else_is_done(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3)
    orchestrator.test(job.id)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "passed in")
        assert "Let the whole batch run" in palette(pilot)
        await pilot.press("e")
        await until_shown(pilot, "Prompt, version 1")
        await pilot.press("ctrl+p", *"whole batch", "enter")
        await until_shown(pilot, "whole batch")
        assert isinstance(pilot.app.screen, EditPromptScreen)
        assert orchestrator.status(job.id).phase is Phase.REVIEW
        assert palette(pilot).keys() == {"Theme"}


@pytest.mark.slow
async def test_what_the_palette_does_with_a_list_is_done_with_the_one_in_focus(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 50)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "item-0")
        await palette(pilot)["To the last line, and follow it"]()
        assert pilot.app.screen.query_one(UnitList).cursor == 49
        await pilot.press("ctrl+p", *"first line", "enter")
        await until(pilot, lambda: pilot.app.screen.query_one(UnitList).cursor == 0)


@pytest.mark.slow
async def test_help_and_leaving_from_within_a_form(tmp_path: Path) -> None:
    async with running(InProcess(tmp_path), SMALL) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "f1 Help")
        await pilot.press("question_mark", "q")
        await until_shown(pilot, "?q")
        await pilot.press("f1")
        await until_shown(pilot, "Write the job and test its first unit")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewJobScreen))
        await pilot.press("tab", "tab", "q")
        await pilot.pause()
        assert pilot.app.is_running and isinstance(pilot.app.screen, NewJobScreen)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not pilot.app.is_running)


@pytest.mark.slow
async def test_permitting_is_offered_where_something_was_denied(tmp_path: Path) -> None:
    def denied(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        denials = (Denial(tool="Bash", detail="git log"),) if task.payload["n"] else ()
        return Outcome(ok=True, output="done", denials=denials)

    orchestrator = InProcess(tmp_path, denied)
    job = make_job(orchestrator.repository, 3)
    orchestrator.test(job.id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in", "p Pilot")
        assert "Permit" not in shown(pilot)
        await pilot.press("t")
        await until_shown(pilot, "i Permit")
    orchestrator.settle()


def has_denied(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    denials = (Denial(tool="Bash", detail="git log"),) if task.payload["n"] else ()
    return Outcome(ok=True, output="done", denials=denials)


async def test_help_knows_what_the_screen_knows_and_puts_what_can_not_be_done_last(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, has_denied)
    job = make_job(orchestrator.repository, 3)
    orchestrator.test(job.id)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        said = await opened_help(pilot)
        own = said.partition(" Lists and texts ")[0]
        assert "i Allow what the agent was denied, and test the same unit again (not now)" in own
        assert own.index("(not now)") > own.index("a Let the whole batch run")
        assert own.index("(not now)") > own.index("s Save what the tab shows to a file")
        assert "Answer what the agent asks" not in own and "1 What the agent answered" in own
        await pilot.press("escape", "t")
        await until_shown(pilot, "i Permit")
        assert "test the same unit again (not now)" not in await opened_help(pilot)
    orchestrator.settle()


async def test_help_offers_no_end_of_an_export_that_there_is_not_and_no_key_twice(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3, status=JobStatus.RUNNING)
    orchestrator.repository.jobs.move(job.id, JobStatus.PAUSED)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "paused")
        own = (await opened_help(pilot)).partition(" Lists and texts ")[0]
        assert "End the export; no file is left of it (not now)" in own
        assert "space Go on with the job" in own and "start no more" not in own


def test_help_says_all_options_of_a_question_in_one_line_while_it_is_asked() -> None:
    answers = {f"review.answer_{n}": str(n) for n in range(1, 10)}
    said = [(each.head, each.text) for each in help_lines(Moment(("review",), answers), Keys({}))]
    own = said[: said.index(("", ""))]
    assert own[1] == ("1-9", "Answer what the agent asks with that option")
    assert not [text for head, text in own if head == "1" or "option 3" in text], "1 is an answer now"


async def test_help_in_a_field_says_what_its_keys_do_and_offers_no_letter(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "words")
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(pilot.app.screen.focused, Input))
        said = await opened_help(pilot, "f1")
        assert said.startswith("In a line letters Are written; they give no command enter Keep what is")
        assert "esc Show all again" in said
        assert "n Make a job: what is to be done, with which items (not now)" in said
        assert "f1 All keys and signs" in said and "Leave; the jobs run on (not now)" in said


async def test_help_in_a_form_is_about_the_form_alone(tmp_path: Path) -> None:
    async with running(InProcess(tmp_path), SMALL) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "f1 Help")
        said = await opened_help(pilot, "f1")
        assert said.startswith("In a line letters Are written; they give no command enter To the next field")
        assert "Write the job and start nothing" in said and "In a text" in said and "ctrl+q Leave" in said
        assert "Where it is open: mark by arrows, or by the first letters" in said
        assert "Open the job" not in said and "Test review" not in said and "Signs" not in said
        await pilot.press("escape")
        pilot.app.screen.query_one("#worker", Select).focus()
        await pilot.pause()
        assert (await opened_help(pilot)).startswith("In a choice enter Open it")
