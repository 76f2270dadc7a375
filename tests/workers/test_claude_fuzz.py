"""Whatever an agent prints, in whatever pieces: no exception, and a result that was told is never lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abp_tui.domain.model import EventKind
from abp_tui.workers.claude_stream import TYPES, ClaudeStream
from abp_tui.workers.process_end import ProcessEnd
from abp_tui.workers.stream_json import outcome_of

RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "the answer", "num_turns": 1}
MEGABYTE = 1024 * 1024

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
known = st.sampled_from(
    "type subtype message content text id name input session_id is_error error tool_use_id result errors "
    "usage total_cost_usd modelUsage model_usage_since_last_result num_turns permission_denials tool_input "
    "rate_limit_info resetsAt utilization status structuredPatch tool_use_result filePath lines "
    "structured_output api_error_status mcp_servers tools attempt retry_delay_ms error_status".split()
)
words = st.sampled_from(
    [*TYPES, "init", "api_retry", "permission_denied", "text", "tool_use", "tool_result", "thinking", "error"]
)
shapes = st.recursive(
    values | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known, inner, max_size=6),
    max_leaves=15,
)
messages = st.dictionaries(known, shapes, max_size=8).map(lambda message: json.dumps(message).encode())


def wholes_of(types: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda kind, more: json.dumps({**more, "type": kind}).encode(),
        types,
        st.dictionaries(known, shapes, max_size=6),
    )


wholes = wholes_of(words)
lines = st.one_of(
    messages,
    wholes,
    st.binary(max_size=60),
    st.builds(lambda line, at: line[: at % (len(line) + 1)], wholes, st.integers(0, 500)),
)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def read(*pieces: bytes) -> tuple[ClaudeStream, list[Any]]:
    stream = ClaudeStream()
    events = [event for piece in pieces for event in stream.feed(piece)]
    return stream, events + stream.close()


@settings(deadline=None)
@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=8))
def test_any_bytes_in_any_pieces(data: bytes, cuts: list[int]) -> None:
    stream, events = read(*pieces_of(data, cuts))
    assert events == read(data)[1]
    outcome_of(stream, ProcessEnd(exit_code=1), "s")


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(lines, max_size=8), st.lists(st.integers(0, 5000), max_size=8))
def test_messages_of_any_shape_lose_no_result(said: list[bytes], cuts: list[int]) -> None:
    data = b"".join(line.replace(b"\n", b" ") + b"\n" for line in said) + json.dumps(RESULT).encode() + b"\n"
    stream, events = read(*pieces_of(data, cuts))
    assert events[-1].kind is EventKind.RESULT
    outcome = outcome_of(stream, ProcessEnd(exit_code=0), "s")
    assert (outcome.ok, outcome.output) == (True, "the answer")


@settings(deadline=None)
@given(wholes_of(st.sampled_from(sorted(TYPES))), st.integers(0, 5000), st.integers(0, 5000))
def test_a_message_written_into_the_result_loses_neither(other: bytes, place: int, cut: int) -> None:
    result = json.dumps(RESULT).encode()
    at = place % len(result)
    data = result[:at] + other + b"\n" + result[at:] + b"\n"
    stream, _ = read(*pieces_of(data, [cut]))
    assert any(found.get("result") == "the answer" for found in stream.results)


@settings(deadline=None)
@given(st.lists(lines, max_size=3), st.integers(0, 5000))
def test_a_result_without_newline_counts(said: list[bytes], cut: int) -> None:
    data = b"".join(line.replace(b"\n", b" ") + b"\n" for line in said) + json.dumps(RESULT).encode()
    stream, _ = read(*pieces_of(data, [cut]))
    assert outcome_of(stream, ProcessEnd(exit_code=0), "s").output == "the answer"


def test_a_result_after_a_line_of_fifty_megabytes() -> None:
    block = (
        b'{"type":"assistant","message":{"content":[{"type":"text","text":"'
        + b"x" * 50 * MEGABYTE
        + b'"}]}}\n'
    )
    stream, events = read(*pieces_of(block, [n * 65536 for n in range(800)]), json.dumps(RESULT).encode())
    assert [len(event.body) for event in events] == [50 * MEGABYTE, len("the answer")]
    assert outcome_of(stream, ProcessEnd(exit_code=0), "s").ok


def test_a_result_of_fifty_megabytes() -> None:
    answer = "y" * 50 * MEGABYTE
    data = json.dumps({**RESULT, "result": answer}).encode()
    stream, _ = read(*pieces_of(data, [n * 65536 for n in range(800)]))
    assert outcome_of(stream, ProcessEnd(exit_code=0), "s").output == answer


def test_a_result_after_fifty_megabytes_that_are_no_json() -> None:
    for junk in (b'{"' * 25 * MEGABYTE, b"[" * 50 * MEGABYTE, b'{"type":"result","a":' * 2 * MEGABYTE):
        stream, events = read(junk, b"\n", json.dumps(RESULT).encode(), b"\n")
        assert events[-1].kind is EventKind.RESULT
        assert outcome_of(stream, ProcessEnd(exit_code=0), "s").ok
