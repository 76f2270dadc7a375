"""Every door does the same by the same verbs: one call of the orchestrator for one thing that is asked.

What each door calls is read from its code (`tests/doors.py`) and, for the command line, seen as it happens.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abp_tui.errors import AbpError
from abp_tui.orchestrator import Orchestrator
from abp_tui.tui.commands import COMMANDS
from tests import doors
from tests.cli.driver import Abp

# One verb of these for each call, by what was said.
EITHER = {
    "start": {"launch_test", "skip_test"},
    "stop": {"stop", "end_unit"},
    "retry": {"retry", "retry_cause", "try_first"},
    "accept": {"accept", "accept_cause"},
    "prompt": {"set_prompt", "use_version"},
    "jobs.test": {"launch_test", "approve"},
    "review.edit": {"launch_test", "permit", "set_prompt"},
    "review.permit": {"launch_test", "permit", "set_prompt"},
}
# Several verbs in turn, because several things are asked at once.
SEVERAL = {
    "new": {"approve_source", "create_planned"},
    "set": {"edit_recipe", "set_limits", "set_workers"},
    "demo": {"create_job", "launch_test", "approve"},
    "new.test": {"create_planned", "launch_test"},
}
PLACED = {"start", "approve", "resume"}  # they first keep where the units run, if that is said
OF_THE_MACHINE = {"check", "sources", "config", "doctor", "fields", "completion", "mcp", "serve"}
SAME = ("pause", "resume", "retry", "approve", "reject", "stop", "waive", "export", "test")


def every_entry() -> dict[str, set[str]]:
    """All that can be asked for, at any door."""
    return {**doors.cli_verbs(), **doors.tui_actions(), **doors.mcp_tools()}


def test_the_code_can_be_read() -> None:
    """What the others stand on: writers and changing verbs are found, and readers are not taken for them."""
    assert {("jobs", "move"), ("units", "put_back"), ("questions", "answer")} <= doors.writers()
    assert not {("jobs", "find"), ("units", "stream"), ("attempts", "events")} & doors.writers()
    assert {"pause", "approve", "launch_test", "create_planned", "set_prompt"} <= doors.changers()
    assert not {"status", "causes", "preview", "plan"} & doors.changers()


@pytest.mark.parametrize(("entry", "called"), every_entry().items())
def test_one_thing_asked_is_one_verb(entry: str, called: set[str]) -> None:
    changing = doors.changing(called)
    if entry in PLACED:
        assert "place" in changing
        changing -= {"place"}
    wanted = EITHER.get(entry) or SEVERAL.get(entry)
    assert changing == wanted if wanted else len(changing) <= 1, changing


@pytest.mark.parametrize("room", ["cli", "tui", "mcp", "web"])
def test_no_door_writes_past_the_verbs(room: str) -> None:
    paths = doors.modules(room) if (doors.ROOT / room).is_dir() else ()
    for path in paths:
        for names in doors.chains(doors.tree(path)):
            written = "repository" in names and tuple(names[-2:]) in doors.writers()
            assert not written, f"{path.name} calls {'.'.join(names)}"


def test_every_verb_of_the_command_line_calls_something() -> None:
    empty = {verb for verb, called in doors.cli_verbs().items() if not called}
    assert empty <= OF_THE_MACHINE, empty - OF_THE_MACHINE


def test_every_command_of_the_screens_has_its_action() -> None:
    known = doors.functions(doors.modules("tui"))
    textuals = {"dismiss", "cursor_down", "cursor_up", "page_down", "page_up", "command_palette"}
    for command in COMMANDS:
        action = command.action.partition("(")[0]
        assert f"action_{action}" in known or action in textuals, command.id


def test_whatever_changes_a_job_can_be_done_on_the_command_line_and_on_the_screens() -> None:
    by_shell = set().union(*map(doors.changing, doors.cli_verbs().values()))
    by_keys = set().union(*map(doors.changing, doors.tui_actions().values()))
    in_process = {
        "start_job",
        "launch_job",
        "test",
        "pilot",
        "create_job",
    }  # for programs: several steps in one
    others = {
        "skip_test",
        "set_limits",
        "approve_source",
        "cancel_test",
        "launch_next_test",
        "place",
    }
    assert doors.changers() - in_process - by_shell <= {"cancel_test", "launch_next_test"}  # by stop, test
    assert doors.changers() - in_process - by_keys <= others


@pytest.mark.parametrize("name", SAME)
def test_the_same_name_is_the_same_verb_at_every_door(name: str) -> None:
    meant = doors.changing(doors.cli_verbs()[name])
    assert meant
    for entry, called in {**doors.tui_actions(), **doors.mcp_tools()}.items():
        if entry.startswith("new."):
            continue  # it is about a job that is not there yet
        if entry.partition(".")[2] == name or entry == f"{name}_job":
            assert doors.changing(called) & meant, entry


def test_every_tool_of_the_mcp_server_is_found() -> None:
    if not (doors.ROOT / "mcp").is_dir():
        assert doors.mcp_tools() == {}
        return
    promised = "list_enumerators create_job start_job get_job_status get_job list_jobs list_units get_unit"
    assert {*promised.split(), "pause_job", "resume_job", "retry_job"} <= doors.mcp_tools().keys()


class Heard(AbpError):
    """Raised in the place of what a verb would have done."""


@pytest.mark.parametrize(
    ("line", "verb", "arguments"),
    [
        ("test w --unit 2", "launch_test", ("w", 2)),
        ("answer w yes", "answer", ("w", "yes")),
        ("approve w", "approve", ("w",)),
        ("reject w", "reject", ("w",)),
        ("prompt w --set better", "set_prompt", ("w", "better")),
        ("start w", "launch_test", ("w", None)),
        ("start w --skip-test", "skip_test", ("w",)),
        ("pause w", "pause", ("w",)),
        ("stop w", "stop", ("w",)),
        ("stop w --unit 1", "end_unit", ("w", 1)),
        ("resume w", "resume", ("w",)),
        ("retry w", "retry", ("w", None)),
        ("retry w --cause 5f", "causes", ("w",)),
        ("accept w 1 2", "accept", ("w", (1, 2))),
        ("accept w --cause 5f", "accept_cause", ("w", "5f")),
        ("waive w", "waive", ("w",)),
        ("workers w 3", "set_workers", ("w", 3)),
        ("set w budget_usd=2", "set_limits", (1,)),
        ("set w idle_s=2", "edit_recipe", (1,)),
        ("failures w", "causes", ("w",)),
        ("rm w --yes", "remove", (1,)),
    ],
)
def test_a_line_is_one_call_with_what_was_said(
    abp: Abp,
    texts: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    verb: str,
    arguments: tuple[Any, ...],
) -> None:
    abp.quick("new", "w", "--intent", "x", "--files", texts, "--worker", "sample")
    heard: list[tuple[str, tuple[Any, ...]]] = []

    def listening(name: str) -> Callable[..., Any]:
        def hear(_: Orchestrator, *given: Any, **named: Any) -> Any:
            heard.append((name, given))
            raise Heard(name)

        return hear

    for name in doors.changers() | {"causes"}:
        monkeypatch.setattr(Orchestrator, name, listening(name))
    with pytest.raises(AssertionError, match=verb):  # the verb ended with the error
        abp.quick(*line.split())
    assert heard == [(verb, arguments)]
