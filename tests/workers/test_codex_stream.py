"""Recorded runs of Codex through the parser: what they show must come out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abp_tui.domain.failure import FailureKind as F
from abp_tui.domain.model import Event, EventKind, Outcome
from abp_tui.workers.codex_outcome import outcome_of
from abp_tui.workers.codex_stream import CodexStream
from abp_tui.workers.process_end import ProcessEnd
from tests.workers.helpers import ALL_TRANSCRIPTS

RECORDED = ALL_TRANSCRIPTS / "codex"

GOOD = {
    "text": ("Hello", 100, ""),
    "resumed": ("Again", 200, ""),
    "tool": ("done", 200, "shell"),
    "tool_failed": ("done", 200, "shell"),
    "file_change": ("done", 200, "edit"),
    "schema": ('{"n": 3}', 100, ""),
}
BAD = {
    "err400": (F.PERMANENT, '{"error": {"type": "invalid_request_error"'),
    "err401": (F.LOGIN, "unexpected status 401 Unauthorized: Incorrect API key"),
    "err403": (F.PERMANENT, "unexpected status 403 Forbidden"),
    "err404": (F.PERMANENT, "The model `gpt-x` does not exist"),
    "err429": (F.TRANSIENT, "exceeded retry limit, last status: 429"),
    "err500": (F.TRANSIENT, "We’re currently experiencing high demand"),
    "err503": (F.TRANSIENT, "Selected model is at capacity"),
    "drop": (F.TRANSIENT, "stream disconnected before completion"),
    "quota": (F.LOGIN, "Quota exceeded"),
    "usage_limit": (F.USAGE_LIMIT, "You’ve hit your usage limit"),
}


def replay(name: str, end: ProcessEnd, *, size: int = 7) -> tuple[Outcome, list[Event]]:
    """A recorded run, read in small pieces."""
    data = (RECORDED / f"{name}.jsonl").read_bytes()
    stream = CodexStream()
    events = [event for n in range(0, len(data), size) for event in stream.feed(data[n : n + size])]
    events += stream.close()
    return outcome_of(stream, end, before={}), events


def test_every_recorded_run_is_expected_here() -> None:
    assert {file.stem for file in RECORDED.glob("*.jsonl")} == {*GOOD, *BAD}


@pytest.mark.parametrize("name", GOOD)
def test_good_runs(name: str) -> None:
    answer, tokens, tool = GOOD[name]
    outcome, events = replay(name, ProcessEnd(exit_code=0))
    assert (outcome.ok, outcome.output, outcome.last_tool) == (True, answer, tool)
    assert (outcome.usage.input_tokens, outcome.usage.output_tokens) == (tokens, tokens // 10)
    assert outcome.usage.cost_usd is None
    assert events[0].body == f"thread {outcome.session_id}"
    assert events[-1].kind is EventKind.RESULT


@pytest.mark.parametrize("name", BAD)
def test_bad_runs(name: str) -> None:
    kind, error = BAD[name]
    outcome, events = replay(name, ProcessEnd(exit_code=1))
    assert (outcome.ok, outcome.failure) == (False, kind)
    assert outcome.error.startswith(error)
    assert (outcome.resets_at is not None) is (kind is F.USAGE_LIMIT)
    assert (events[-1].kind, events[-1].is_error) == (EventKind.RESULT, True)
    assert outcome.session_id


def test_a_good_turn_with_a_bad_exit_is_no_success_unless_we_ended_it() -> None:
    assert not replay("text", ProcessEnd(exit_code=1))[0].ok
    assert replay("text", ProcessEnd(signal=15, killed_after_result=True))[0].ok
    assert not replay("err401", ProcessEnd(exit_code=0))[0].ok


def test_retries_are_told_apart_from_the_error() -> None:
    events = replay("err401", ProcessEnd(exit_code=1))[1]
    assert [event.kind for event in events].count(EventKind.RETRY) == 5
    assert events[1].body.startswith("Reconnecting... 1/5 (unexpected status 401")


def test_a_tool_round() -> None:
    events = replay("tool", ProcessEnd(exit_code=0))[1]
    call, result, thought, _, _ = events[2:]
    assert (call.kind, call.body) == (EventKind.TOOL_CALL, "/bin/bash -lc 'echo hi'")
    assert (result.kind, result.body, result.ref) == (EventKind.TOOL_RESULT, "hi\n", call.ref)
    assert (thought.kind, thought.body) == (EventKind.THINKING, "Thinking of it")
    assert call.raw and json.loads(call.raw)["type"] == "item.started"


def test_a_command_that_fails() -> None:
    result = replay("tool_failed", ProcessEnd(exit_code=0))[1][3]
    assert (result.body, result.is_error) == ("no\nexit code 3", True)


def test_a_change_of_a_file() -> None:
    call, result = replay("file_change", ProcessEnd(exit_code=0))[1][2:4]
    assert (call.title, call.body) == ("edit", "add /repo/b.txt")
    assert (result.kind, result.body) == (EventKind.TOOL_RESULT, "completed")


def feed(*messages: object) -> tuple[CodexStream, list[Event]]:
    stream = CodexStream()
    return stream, stream.feed("".join(json.dumps(message) + "\n" for message in messages).encode())


def item(**fields: object) -> dict[str, object]:
    return {"type": "item.completed", "item": {"id": "i", **fields}}


def test_other_tools_and_plans() -> None:
    _, events = feed(
        item(
            type="mcp_tool_call",
            server="s",
            tool="t",
            arguments={"a": 1},
            error={"message": "no"},
            status="failed",
        ),
        {"type": "item.started", "item": {"id": "w", "type": "web_search", "query": "cats"}},
        item(type="todo_list", items=[{"text": "one", "completed": True}, {"text": "two"}]),
        item(type="new_thing", text="what"),
        {"type": "new.message", "x": 1},
    )
    assert [(event.kind.value, event.title, event.body) for event in events] == [
        ("tool_call", "s.t", '{"a": 1}'),
        ("tool_result", "s.t", "no"),
        ("tool_call", "web_search", "cats"),
        ("notice", "plan", "[x] one\n[ ] two"),
        ("notice", "new_thing", "what"),
        ("notice", "new.message", '{"type": "new.message", "x": 1}'),
    ]


def test_what_was_not_let_through() -> None:
    stream, events = feed(
        item(type="command_execution", command="rm x", aggregated_output="", status="declined")
    )
    assert [event.kind for event in events] == [EventKind.TOOL_CALL, EventKind.DENIED, EventKind.TOOL_RESULT]
    line = (
        "2026-11-24T17:15:24Z ERROR codex_core::tools::router: error=patch rejected: writing is blocked by x"
    )
    told = stream.complaint(line)
    assert told is not None and told.body == "patch rejected: writing is blocked by x"
    assert stream.complaint("ERROR x: error=unsupported custom tool call: apply_patch") is None
    assert [(denial.tool, denial.detail) for denial in stream.denials] == [
        ("shell", "rm x"),
        ("edit", "patch rejected: writing is blocked by x"),
    ]


TYPES = st.sampled_from(
    "thread.started turn.started turn.failed item.started item.updated item.completed error agent_message "
    "reasoning command_execution file_change mcp_tool_call web_search todo_list failed declined".split()
)
KEYS = st.sampled_from(
    "type item id text message error status command changes kind path items completed aggregated_output "
    "exit_code arguments result content usage thread_id".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | TYPES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(JSON | st.binary(max_size=20)), st.integers(1, 50))
def test_whatever_is_printed_nothing_breaks_and_the_end_is_not_lost(lines: list[object], size: int) -> None:
    parts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    data = b"\n".join(
        [*parts, b'{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":2}}', b""]
    )
    stream = CodexStream()
    for n in range(0, len(data), size):
        stream.feed(data[n : n + size])
    stream.close()
    assert stream.completed
    outcome_of(stream, ProcessEnd(exit_code=0), before={})
