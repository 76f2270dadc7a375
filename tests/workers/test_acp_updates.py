"""The updates of real agents, as they were recorded, and of none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abp_tui.domain.model import Event, EventKind
from abp_tui.workers.acp_rules import Wish
from abp_tui.workers.acp_tools import LONGEST_DIFFED, ToolCall
from abp_tui.workers.acp_updates import PIECE, Updates

RECORDED = Path(__file__).parent.parent / "transcripts" / "acp"


def play(name: str) -> tuple[Updates, list[Event]]:
    updates, told = Updates(), []
    for line in (RECORDED / f"{name}.jsonl").read_text().splitlines():
        message = json.loads(line)
        if message["kind"] == "update":
            told += updates.feed(message["data"])
        elif message["kind"] == "permission":
            told += updates.call(message["data"]["tool_call"]).announce()
    return updates, [*told, *updates.close()]


def kinds(events: list[Event]) -> list[EventKind]:
    return [event.kind for event in events]


def test_a_change_by_claude() -> None:
    updates, told = play("claude-agent-acp-0.101.0-write")
    assert updates.last_text.startswith("The tool said: File created successfully at:")
    assert updates.last_tool == "Write"
    assert updates.cost_usd == 0.101416
    [call] = [event for event in told if event.kind is EventKind.TOOL_CALL]
    assert (call.title, json.loads(call.body)["content"]) == ("Write", "hello")
    [diff] = [event for event in told if event.kind is EventKind.DIFF]
    assert (diff.title.rpartition("/")[2], diff.body) == ("acp2.txt", "@@ -0,0 +1 @@\n+hello")
    [result] = [event for event in told if event.kind is EventKind.TOOL_RESULT]
    assert not result.is_error and result.ref == call.ref == diff.ref
    [warning] = [event for event in told if event.kind is EventKind.NOTICE]
    assert warning.body.startswith("**Warning:**"), "what its program says is no message of the model"


def test_a_change_by_claude_that_was_denied() -> None:
    updates, told = play("claude-agent-acp-0.101.0-deny")
    assert EventKind.DIFF not in kinds(told)
    [result] = [event for event in told if event.kind is EventKind.TOOL_RESULT]
    assert result.is_error
    assert updates.last_text == "The tool said: Tool permission request failed: Error: Tool use aborted"


def test_other_agents() -> None:
    for name, output, cost in (
        ("gemini-0.61.0-write", "done: tool", None),
        ("opencode-1.18.33-text", "done: tool", 0.00024),
        ("codex-acp-0.16.0", "done: tool", None),
    ):
        updates, told = play(name)
        assert updates.last_text.endswith(output), name
        assert updates.cost_usd == cost
        assert EventKind.TEXT in kinds(told)


def test_an_older_claude() -> None:
    updates, told = play("claude-agent-acp-0.23.1-write")
    assert updates.last_text
    assert kinds(told).count(EventKind.TOOL_CALL) == 1


def chunk(words: str, kind: str = "agent_message_chunk", **more: Any) -> dict[str, Any]:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": words}, **more}


def test_chunks_are_one_message_until_another_begins() -> None:
    updates = Updates()
    told = [
        event
        for update in (
            chunk("a", messageId="1"),
            chunk("b", messageId="1"),
            chunk("c", messageId="2"),
            chunk("hm", "agent_thought_chunk"),
            chunk("d", messageId="3"),
        )
        for event in updates.feed(update)
    ]
    told += updates.close()
    assert [(e.kind, e.body) for e in told] == [
        (EventKind.TEXT, "ab"),
        (EventKind.TEXT, "c"),
        (EventKind.THINKING, "hm"),
        (EventKind.TEXT, "d"),
    ]
    assert updates.last_text == "d"


def test_a_long_message_is_told_in_pieces_and_kept_whole() -> None:
    updates = Updates()
    lines = [f"line {n}\n" for n in range(PIECE)]
    told = [event for line in lines for event in updates.feed(chunk(line))]
    assert len(told) > 3
    told += updates.close()
    assert "\n".join(event.body for event in told) == "".join(lines)
    assert updates.last_text == "".join(lines)


def test_a_plan_a_mode_and_what_nobody_knows() -> None:
    updates = Updates()
    plan = {
        "sessionUpdate": "plan",
        "entries": [{"content": "a", "status": "completed"}, {"content": "b", "status": "in_progress"}, 7],
    }
    mode = {"sessionUpdate": "current_mode_update", "currentModeId": "plan"}
    told = [
        event
        for update in (plan, mode, {"sessionUpdate": "new", "x": 1}, {})
        for event in updates.feed(update)
    ]
    assert [(e.title, e.body) for e in told] == [
        ("plan", "[x] a\n[>] b"),
        ("mode", "plan"),
        ("new", '{"sessionUpdate": "new", "x": 1}'),
        ("update", "{}"),
    ]


def test_what_leave_is_asked_for() -> None:
    for facts, wish in (
        ({"kind": "execute", "title": "`git log`"}, Wish("execute", "git log")),
        ({"kind": "execute", "title": "List", "rawInput": {"command": "ls -a"}}, Wish("execute", "ls -a")),
        ({"rawInput": {"command": ["sh", "-c", "a b"]}}, Wish("other", "sh -c 'a b'")),
        ({"kind": "edit", "title": "Write\n  a.md"}, Wish("edit", "Write a.md")),
    ):
        call = ToolCall("t")
        call.learn(facts)
        assert call.wish() == wish


def test_a_person_sees_the_command_and_the_change() -> None:
    call = ToolCall("t")
    call.learn({"kind": "execute", "title": "Tidy up", "rawInput": {"command": "rm -rf build"}})
    assert call.words() == "execute: Tidy up\nrm -rf build"
    call = ToolCall("t")
    change = {"type": "diff", "path": "/a.md", "oldText": "x", "newText": "y"}
    call.learn({"kind": "edit", "title": "Write a.md", "content": [change]})
    assert call.words() == "edit: Write a.md\n/a.md\n@@ -1 +1 @@\n-x\n+y"


def test_a_huge_change_is_not_compared() -> None:
    call = ToolCall("t")
    change = {"type": "diff", "path": "/a", "oldText": None, "newText": "y\n" * LONGEST_DIFFED}
    call.learn({"status": "completed", "content": [change]})
    [diff] = [event for event in call.tell({}) if event.kind is EventKind.DIFF]
    assert diff.body == f"@@ 0 characters become {2 * LONGEST_DIFFED:,} @@"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        "content",
        "toolCallId",
        "title",
        "kind",
        "status",
        "rawInput",
        "rawOutput",
        "entries",
        "cost",
        "_meta",
        "messageId",
    ]
)
known = st.sampled_from(
    [
        "agent_message_chunk",
        "agent_thought_chunk",
        "tool_call",
        "tool_call_update",
        "plan",
        "usage_update",
        "x",
    ]
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.tuples(known, st.dictionaries(keys, json_values)), max_size=6))
def test_no_update_of_whatever_shape_breaks_it(shapes: list[tuple[str, dict[str, Any]]]) -> None:
    updates = Updates()
    for kind, rest in shapes:
        list(updates.feed({**rest, "sessionUpdate": kind}))
        updates.call(rest).words()
    list(updates.close())
