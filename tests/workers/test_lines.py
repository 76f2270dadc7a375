from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.workers.lines import JsonLines, LineSplitter

TYPES = frozenset({"assistant", "rate_limit_event", "result"})
OUTER = {
    "type": "assistant",
    "session_id": "s",
    "message": {"content": [{"type": "text", "text": "before { and } after"}]},
}
INNER = {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed"}}


def split(pieces: list[bytes], cap: int = 1 << 20) -> list[str]:
    splitter = LineSplitter(cap)
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.close()


def objects(data: bytes) -> list[dict[str, object]]:
    lines = JsonLines(TYPES)
    return [found for line in [*lines.feed(data), *lines.close()] for found in line.objects]


def test_lines_across_reads() -> None:
    assert split([b"a", b"b\nc\r", b"\n\n", b"d"]) == ["ab", "c", "", "d"]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert split([b"\xff\xfe ok\n", b"\xef\xbb\xbfbom\n"]) == ["\ufffd\ufffd ok", "bom"]


def test_a_character_cut_between_reads_survives() -> None:
    assert split([b"\xc3", b"\xa9\n"]) == ["é"]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=20))
def test_any_split_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    assert split(pieces) == split([data])


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\ufeff", exclude_categories=["Cs"]))))
def test_every_line_comes_out_as_it_went_in(lines: list[str]) -> None:
    assert split([f"{line}\n".encode() for line in lines]) == lines


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_an_overlong_line_is_cut_and_the_next_is_whole(lines: list[bytes]) -> None:
    clean = [line.translate(None, b"\n\r\xef") for line in lines]
    got = split([line + b"\n" for line in clean], cap=10)
    assert got == [line[:10].decode("utf-8", "replace") for line in clean]


def test_a_line_of_many_megabytes_in_small_reads_loses_no_later_line() -> None:
    got = split([b"x" * 4096] * 8192 + [b"\nnext\n"], cap=16 << 20)
    assert [len(got[0]), got[1]] == [16 << 20, "next"]


def test_json_and_other_lines() -> None:
    lines = JsonLines(TYPES)
    got = lines.feed(b'{"a": 1}\n\n  \nplain text\n[1]\n"s"\n{"b": 2}')
    assert [(line.text, line.objects) for line in [*got, *lines.close()]] == [
        ('{"a": 1}', [{"a": 1}]),
        ("plain text", []),
        ("[1]", []),
        ('"s"', []),
        ('{"b": 2}', [{"b": 2}]),
    ]


@pytest.mark.parametrize("end", ["", "\n"], ids=["same line", "own line end"])
def test_an_object_written_into_another_costs_neither(end: str) -> None:
    outer, inner = json.dumps(OUTER), json.dumps(INNER)
    for cut in range(1, len(outer)):
        torn = f'{outer[:cut]}{inner}{end}{outer[cut:]}\n{{"type": "result"}}\n'
        found = sorted(objects(torn.encode()), key=lambda each: str(each["type"]))
        assert found == [OUTER, INNER, {"type": "result"}], f"cut at {cut}: {outer[:cut]}"


def test_two_objects_on_a_line_are_both_found() -> None:
    assert objects(json.dumps(INNER).encode() * 2 + b"\n") == [INNER, INNER]


def test_of_a_broken_line_inner_parts_are_not_taken_for_messages() -> None:
    assert objects(b'{"type":"assistant","message":{"content":[{"type":"text","text":"a"}]\n') == []


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    objects(data)


@given(st.text('{}[]":,\\ \ntype1', max_size=200))
def test_no_near_json_raises(data: str) -> None:
    objects(data.encode())


@pytest.mark.parametrize(
    "hostile",
    [
        '{"a":' * 1_000_000,
        "{" * 4_000_000,
        '{"' * 2_000_000,
        '{"type":[]}{' * 300_000,
        '{"a":{"type":"b"},' * 200_000,
        '{"type": "result", "n": ' + "9" * 10_000 + "}",
    ],
    ids=["deep", "braces", "quotes", "objects", "open", "number"],
)
def test_hostile_lines_lose_no_later_line(hostile: str) -> None:
    assert objects(hostile.encode() + b'\n{"type": "z"}\n')[-1] == {"type": "z"}


def test_an_object_behind_very_many_broken_pieces_is_found() -> None:
    result = '{"type":"result","result":"done"}'
    [line] = JsonLines(types=("result",)).feed(('{"a' * 1000 + result + "\n").encode())
    assert line.objects == [{"type": "result", "result": "done"}]
