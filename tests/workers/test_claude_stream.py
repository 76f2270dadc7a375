"""Every recorded run of Claude Code, of two versions, through the parser: what it shows must come out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Event, EventKind, Outcome
from abp_tui.workers.claude_stream import ClaudeStream
from abp_tui.workers.process_end import ProcessEnd
from abp_tui.workers.stream_json import outcome_of
from tests.workers.helpers import TRANSCRIPTS

RESETS = datetime.fromtimestamp(1795400000, UTC)
F = FailureKind

# name: exit code, failure (None: success), text of output or error, cost, and more facts of the outcome
GOOD: dict[str, tuple[str, float, dict[str, Any]]] = {
    "drop_text_forever": ("partial text then nothing more", 0.095755, {}),
    "err429_once": ("done: error", 0.09565, {}),
    "mcp_allowed": ('The tool said: {"result"', 0.199545, {"last_tool": "mcp__abp__list_jobs"}),
    "schema_ok": ('{"n":3}', 0.09664, {"result": {"n": 3}}),
    "text0": ("Hi there", 0.09565, {}),
    "text_partial": ("Hi there friend", 0.09569, {}),
    "tool_bash_allowed": ("The tool said: (Bash", 0.19297, {"last_tool": "Bash"}),
    "tool_read": ("The tool said: 1\tfile content ABC", 0.192645, {"last_tool": "Read"}),
    "tool_write_default": (
        "The tool said: Claude requested",
        0.193415,
        {"denials": (Denial(tool="Write", detail="/home/user/b.txt"),)},
    ),
    "v330_bare": ("bare", 0.004484, {}),
    "v330_local_smollm2": ("Hello, welcome to the team", 0.000532, {}),
    "v330_mcp": ('The tool said: {"result"', 0.1006, {"last_tool": "mcp__abp__list_jobs"}),
    "v330_oauth_warning": ("hi", 0.024828, {}),
    "v330_partial": ("Hi you", 0.04942, {}),
    "v330_perm_none": (
        "The tool said: Permission for this tool use was denied",
        0.103152,
        {"denials": (Denial(tool="Write", detail="/home/user/s2.txt"),)},
    ),
    "v330_schema_ok": ('{"n":3}', 0.050232, {"result": {"n": 3}}),
    "v330_stream_input": ("B", 0.0989, {}),
    "v330_text": ("Hi", 0.049396, {}),
    "v330_tool_read": ("The tool said: 1\tfile content ABC", 0.099932, {"last_tool": "Read"}),
    "v330_tool_write_accept": ("The tool said: File created", 0.100696, {"last_tool": "Write"}),
    "v330_tool_write_default": (
        "The tool said: Claude requested",
        0.100568,
        {"denials": (Denial(tool="Write", detail="/home/user/d1.txt"),)},
    ),
}
BAD: dict[str, tuple[FailureKind, str, float, dict[str, Any]]] = {
    "bad_json": (F.TRANSIENT, "API Error: Failed to parse JSON", 0, {}),
    "budget": (F.PERMANENT, "Reached maximum budget ($0.15)", 0.1934, {"last_tool": "Read"}),
    "err401": (F.LOGIN, "Failed to authenticate. API Error: 401", 0, {}),
    "err529_forever_default": (F.TRANSIENT, "API Error: Repeated 529", 0, {}),
    "maxturns": (F.AGENT_ERROR, "Reached maximum number of turns (2)", 0.19317, {}),
    "resume_bad": (F.AGENT_ERROR, "No conversation found with session ID", 0, {}),
    "sigint_stream": (F.AGENT_ERROR, "[ede_diagnostic]", 0, {}),
    "v330_bad_sse": (F.TRANSIENT, "API Error: API returned an empty or malformed", 0, {}),
    "v330_budget": (F.PERMANENT, "Reached maximum budget ($0.06)", 0.100604, {}),
    "v330_drop_text": (F.TRANSIENT, "API Error: Connection dropped", 0.09864, {}),
    "v330_err401": (F.LOGIN, "Failed to authenticate", 0, {}),
    "v330_err429": (F.TRANSIENT, "API Error: Request rejected (429)", 0, {}),
    "v330_err529": (F.TRANSIENT, "API Error: Repeated 529", 0, {}),
    "v330_maxturns": (F.AGENT_ERROR, "Reached maximum number of turns (2)", 0.100356, {}),
    "v330_oauth_429": (F.USAGE_LIMIT, "You've hit your 5-hour limit", 0, {"resets_at": RESETS}),
    "v330_sigint_bash": (F.AGENT_ERROR, "[ede_diagnostic]", 0.050272, {"last_tool": "Bash"}),
    "v330_sigint_stream": (F.AGENT_ERROR, "[ede_diagnostic]", 0.049524, {}),
}
NO_STRUCTURE = ("schema_text", "v330_schema_text")
# Second runs of a session, each of which cost as much as the first.
RESUMED = {"resumed": 0.00625, "v300_resumed": None, "v330_resumed": 0.005}


def replay(name: str, chunk: int = 1 << 16) -> tuple[ClaudeStream, list[Event]]:
    data = (TRANSCRIPTS / f"{name}.jsonl").read_bytes()
    stream = ClaudeStream(resumed=name in RESUMED)
    events = [event for at in range(0, len(data), chunk) for event in stream.feed(data[at : at + chunk])]
    return stream, events + stream.close()


def feed(*messages: Any) -> tuple[ClaudeStream, list[Event]]:
    stream = ClaudeStream()
    return stream, stream.feed("".join(f"{json.dumps(message)}\n" for message in messages).encode())


def end(name: str, exit_code: int | None = 0, **more: Any) -> Outcome:
    stream, _ = replay(name)
    return outcome_of(stream, ProcessEnd(exit_code=exit_code, **more), "ours")


def of_kind(events: list[Event], kind: EventKind) -> list[Event]:
    return [event for event in events if event.kind is kind]


def test_every_transcript_has_its_expectation() -> None:
    names = {path.stem for path in TRANSCRIPTS.glob("*.jsonl")}
    assert names == {*GOOD, *BAD, *NO_STRUCTURE, *RESUMED}


@pytest.mark.parametrize("name", GOOD)
def test_good_runs(name: str) -> None:
    says, cost, facts = GOOD[name]
    outcome = end(name)
    assert (outcome.ok, outcome.failure, outcome.error) == (True, None, "")
    assert outcome.output.startswith(says)
    assert outcome.usage.cost_usd == pytest.approx(cost)
    assert outcome.usage.input_tokens or name == "drop_text_forever"
    assert {key: getattr(outcome, key) for key in facts} == facts


@pytest.mark.parametrize("name", BAD)
def test_bad_runs(name: str) -> None:
    kind, says, cost, facts = BAD[name]
    outcome = end(name, exit_code=1)
    assert (outcome.ok, outcome.failure) == (False, kind)
    assert outcome.error.startswith(says)
    assert "\n" not in outcome.error
    assert outcome.usage.cost_usd == pytest.approx(cost)
    assert {key: getattr(outcome, key) for key in facts} == facts
    assert not end(name, exit_code=0).ok, "exit code 0 alone is no success"


@pytest.mark.parametrize("name", NO_STRUCTURE)
def test_structured_output_that_was_asked_for_and_is_missing_is_no_result(name: str) -> None:
    outcome = end(name)
    assert (outcome.ok, outcome.result) == (True, None)
    assert (outcome.output, outcome.usage.turns) == ("notjson", 2)


@pytest.mark.parametrize("name", [*GOOD, *BAD, *NO_STRUCTURE])
def test_any_split_into_reads_gives_the_same(name: str) -> None:
    whole, events = replay(name)
    pieces, pieced = replay(name, chunk=17)
    assert events == pieced
    assert (whole.results, whole.denials, whole.session_id) == (
        pieces.results,
        pieces.denials,
        pieces.session_id,
    )
    assert whole.session_id
    assert all(event.raw is None or json.loads(event.raw) for event in events)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_run_reads_as_a_conversation(name: str) -> None:
    _, events = replay(name)
    kinds = [event.kind for event in events]
    assert of_kind(events, EventKind.NOTICE)[0].title == "init"
    assert kinds[-1] is EventKind.RESULT
    assert EventKind.TEXT in kinds


@pytest.mark.parametrize("name", ["tool_read", "v330_tool_read"])
def test_a_tool_call_and_its_result_belong_together(name: str) -> None:
    _, events = replay(name)
    [call], [result] = of_kind(events, EventKind.TOOL_CALL), of_kind(events, EventKind.TOOL_RESULT)
    assert (call.title, json.loads(call.body)) == ("Read", {"file_path": "/home/user/a.txt"})
    assert (result.title, result.ref, result.is_error) == ("Read", call.ref, False)
    assert result.body == "1\tfile content ABC\n2\t"


def test_a_new_file_is_told_as_a_diff() -> None:
    _, events = replay("v330_tool_write_accept")
    [diff] = of_kind(events, EventKind.DIFF)
    assert (diff.title, diff.body) == ("/home/user/d2.txt", "@@ -0,0 +1,1 @@\n+hello")


def test_an_edit_is_told_as_a_diff() -> None:
    hunk = {"oldStart": 3, "oldLines": 1, "newStart": 3, "newLines": 2, "lines": ["-a", "+b", "+c"]}
    message = {"type": "user", "tool_use_result": {"filePath": "x.py", "structuredPatch": [hunk]}}
    [diff] = feed(message)[1]
    assert diff.body == "@@ -3,1 +3,2 @@\n-a\n+b\n+c"


def test_denied_calls_are_events_and_facts() -> None:
    _, events = replay("v330_tool_write_default")
    [denied] = of_kind(events, EventKind.DENIED)
    assert (denied.title, "haven't granted" in denied.body) == ("Write", True)
    assert [event.is_error for event in of_kind(events, EventKind.TOOL_RESULT)] == [True]


def test_retries_are_told() -> None:
    _, events = replay("err401")
    retries = of_kind(events, EventKind.RETRY)
    assert len(retries) == 10
    assert retries[0].body == "try 1 of 10 failed (authentication_failed, 401), next in 0.5 s"


def test_limits_are_told() -> None:
    [warning] = of_kind(replay("v330_oauth_warning")[1], EventKind.LIMIT)
    assert (warning.title, warning.body) == (
        "allowed_warning",
        f"five hour window, 93% used, resets {RESETS:%Y-%m-%d %H:%M} UTC",
    )
    [rejected] = of_kind(replay("v330_oauth_429")[1], EventKind.LIMIT)
    assert rejected.title == "rejected"


def test_api_errors_are_marked_in_the_conversation() -> None:
    _, events = replay("v330_err529")
    assert [event.is_error for event in of_kind(events, EventKind.TEXT)] == [True]
    assert end("v330_err529", 1).output == "", "an API error is no answer of the agent"


def test_pieces_of_messages_are_not_told_twice() -> None:
    _, events = replay("text_partial")
    assert [event.body for event in of_kind(events, EventKind.TEXT)] == ["Hi there friend"]


def test_the_cost_of_a_resumed_session_is_its_increment() -> None:
    last = (TRANSCRIPTS / "v330_stream_input.jsonl").read_bytes().splitlines(keepends=True)[-1]
    stream = ClaudeStream()
    stream.feed(last)
    assert json.loads(last)["total_cost_usd"] == pytest.approx(0.0989)
    assert stream.usage.cost_usd == pytest.approx(0.049504)


@pytest.mark.parametrize("name", RESUMED)
def test_a_resumed_run_costs_what_it_added_or_is_unknown(name: str) -> None:
    usage = end(name).usage
    assert usage.cost_usd == (None if RESUMED[name] is None else pytest.approx(RESUMED[name]))
    assert (usage.input_tokens, usage.output_tokens) == (1000, 50)


def test_no_result_means_unknown_cost() -> None:
    stream, _ = feed({"type": "assistant", "message": {"content": [{"type": "text", "text": "hm"}]}})
    outcome = outcome_of(stream, ProcessEnd(exit_code=0), "ours")
    assert (outcome.ok, outcome.failure) == (False, F.AGENT_ERROR)
    assert outcome.error == "ended without a result, exit code 0"
    assert (outcome.usage.cost_usd, outcome.output, outcome.session_id) == (None, "hm", "ours")


def test_our_own_kill_after_a_good_result_is_not_held_against_it() -> None:
    assert end("v330_text", None, signal=9, killed_after_result=True).ok
    assert end("v330_text", None, signal=15, killed_after_result=True, cancelled="stopped").ok
    assert not end("v330_text", None, signal=9).ok
    assert not end("v330_maxturns", None, signal=9, killed_after_result=True).ok


def test_a_good_result_with_a_failing_exit_is_no_success() -> None:
    outcome = end("v330_text", 1, stderr="could not save\n")
    assert (outcome.failure, outcome.error) == (F.AGENT_ERROR, "exit code 1: could not save")


def test_what_the_agent_answered_never_decides_the_kind_of_failure() -> None:
    result = {"type": "result", "subtype": "success", "is_error": False, "result": "usage limit reached"}
    stream, _ = feed(result)
    assert outcome_of(stream, ProcessEnd(exit_code=1), "s").failure is F.AGENT_ERROR


@pytest.mark.parametrize("name", ["v330_sigint_stream", "v330_sigint_bash", "sigint_stream"])
def test_an_interrupted_run_is_interrupted_and_keeps_its_cost(name: str) -> None:
    outcome = end(name, 0, cancelled="stopped", killed_after_result=True)
    assert (outcome.ok, outcome.failure, outcome.error) == (False, F.INTERRUPTED, "stopped")
    assert outcome.usage.cost_usd == pytest.approx(BAD[name][2])


def test_a_timeout_is_told_with_what_was_said_so_far() -> None:
    stream, _ = feed({"type": "assistant", "message": {"content": "so far"}})
    outcome = outcome_of(stream, ProcessEnd(signal=9, timeout=F.TIMEOUT_IDLE, timeout_s=600), "s")
    assert (outcome.failure, outcome.error, outcome.output) == (F.TIMEOUT_IDLE, "silent for 600 s", "so far")


def test_a_result_counts_only_while_nothing_is_said_after_it() -> None:
    result = {"type": "result", "subtype": "success", "is_error": False, "result": "done"}
    stream, _ = feed(result)
    assert stream.done
    stream.feed(b'{"type": "rate_limit_event", "rate_limit_info": {"status": "allowed"}}\n')
    assert stream.done
    stream.feed(b'{"type": "assistant", "message": {"content": "wait"}}\n')
    assert not stream.done
    assert not outcome_of(stream, ProcessEnd(exit_code=0), "s").ok


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": None},
        {"type": {"a": 1}},
        {"type": "brand_new", "x": 1},
        {"type": "system"},
        {"type": "system", "subtype": {"a": 1}},
        {"type": "system", "subtype": "init", "tools": 5, "mcp_servers": [None, "x", {"name": 3}]},
        {"type": "system", "subtype": "api_retry", "error_status": "x", "retry_delay_ms": None},
        {"type": "assistant"},
        {"type": "assistant", "message": None},
        {
            "type": "assistant",
            "message": {"content": [None, 3, {}, {"type": ["tool_use"]}, {"type": "tool_use"}]},
        },
        {
            "type": "user",
            "message": {"content": [{"type": "tool_result", "content": [{"type": "image"}, 7]}]},
        },
        {"type": "user", "tool_use_result": {"filePath": "x", "structuredPatch": [{"lines": 5}, 3]}},
        {"type": "rate_limit_event"},
        {"type": "rate_limit_event", "rate_limit_info": {"resetsAt": 1e300, "utilization": "x"}},
        {"type": "result"},
        {"type": "result", "permission_denials": [3, {}], "errors": 5, "usage": 3, "total_cost_usd": "x"},
        {"type": "result", "model_usage_since_last_result": {"m": 3, "n": {"costUSD": None}}},
        {"type": "result", "num_turns": True, "total_cost_usd": float("nan"), "session_id": 5},
    ],
)
def test_messages_of_any_shape_are_borne(message: dict[str, Any]) -> None:
    stream, _ = feed(message, {"type": "result", "subtype": "success", "result": "ok"})
    outcome_of(stream, ProcessEnd(exit_code=1), "s")
    assert outcome_of(stream, ProcessEnd(exit_code=0), "s").output == "ok"


def test_other_output_on_stdout_is_noticed() -> None:
    stream = ClaudeStream()
    [event] = stream.feed(b"Warning: something\n")
    assert (event.kind, event.title, event.body) == (EventKind.NOTICE, "output", "Warning: something")


def test_a_limit_event_written_into_the_result_costs_neither() -> None:
    result = (TRANSCRIPTS / "v330_text.jsonl").read_bytes().splitlines()[-1]
    limit = (TRANSCRIPTS / "v330_oauth_warning.jsonl").read_bytes().splitlines()[2]
    assert b"rate_limit_event" in limit
    stream = ClaudeStream()
    events = stream.feed(result[:400] + limit + b"\n" + result[400:] + b"\n")
    assert {event.kind for event in events} == {EventKind.LIMIT, EventKind.RESULT}
    assert outcome_of(stream, ProcessEnd(exit_code=0), "s").output == "Hi"
