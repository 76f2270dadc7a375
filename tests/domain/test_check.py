from __future__ import annotations

import time
from typing import Any

import pytest

from abp_tui.domain.check import (
    CommandCheck,
    Doubt,
    NotEmptyCheck,
    RegexCheck,
    SchemaCheck,
    check_words,
    doubt_of,
    plain,
    read_checks,
    sameness,
    tells_of,
)
from abp_tui.domain.model import Outcome
from abp_tui.domain.pattern import REGEX_S
from abp_tui.domain.tell import Tell
from abp_tui.errors import InvalidInput

GOOD: list[dict[str, Any]] = [
    {"kind": "command", "argv": ["ruff", "check", "{file_path}"]},
    {"kind": "regex", "pattern": "^ok"},
    {"kind": "schema", "json_schema": {"type": "integer"}},
    {"kind": "changed"},
    {"kind": "not_empty"},
    {"kind": "tells", "off": ["question"]},
]


def said(output: str, **more: Any) -> Outcome:
    return Outcome(ok=True, output=output, **more)


def test_checks_survive_the_way_into_a_recipe_and_back() -> None:
    checks = read_checks(GOOD)
    assert read_checks(plain(checks)) == checks
    assert checks[0] == CommandCheck(argv=("ruff", "check", "{file_path}"))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"kind": "magic"}, "magic"),
        ({}, "kind"),
        ({"kind": "command", "argv": []}, "argv"),
        ({"kind": "command", "argv": ["a"], "timeout_s": 0}, "timeout_s"),
        ({"kind": "regex", "pattern": "("}, "no regular expression"),
        ({"kind": "schema", "json_schema": {"type": "nothing"}}, "schema"),
        ({"kind": "changed", "colour": "red"}, "colour"),
        ({"kind": "tells", "off": ["smell"]}, "off"),
    ],
)
def test_what_is_no_check_is_refused_in_words(bad: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        read_checks([bad])
    assert "\n" not in str(refused.value)


def test_each_check_has_words() -> None:
    assert check_words(GOOD) == [
        "`ruff check '{file_path}'` succeeds",
        "the output matches /^ok/",
        "the output fits the schema of the check",
        "the item's file was changed",
        "the output is not empty",
        "not looked for: the output ends in a question to you",
    ]


def test_an_expression_must_be_found_in_the_output() -> None:
    check = RegexCheck(pattern=r"(?m)^Verdict: (good|bad)$")
    assert check.fault(said("text\nVerdict: good\n")) == ""
    assert "does not match /(?m)^Verdict" in check.fault(said("Verdict: ugly"))


def test_an_expression_that_never_ends_is_ended() -> None:
    began = time.monotonic()
    fault = RegexCheck(pattern=r"^(a|aa|a?b?)+$").fault(said("a" * 60 + "!"))
    assert fault == f"/^(a|aa|a?b?)+$/ takes longer than {REGEX_S:g} s on the output"
    assert time.monotonic() - began < 30


def test_a_schema_judges_the_json_in_the_output() -> None:
    check = SchemaCheck(json_schema={"type": "object", "required": ["n"]})
    assert check.fault(said('```json\n{"n": 1}\n```')) == ""
    assert "'n' is a required property" in check.fault(said("{}"))
    assert "no JSON" in check.fault(said("words"))
    assert check.fault(said("words", result={"n": 1})) == ""


def test_an_output_of_white_space_is_empty() -> None:
    assert NotEmptyCheck().fault(said(" \n\t")) == "the output is empty"
    assert NotEmptyCheck().fault(said("0")) == ""
    assert NotEmptyCheck().fault(said("", result={})) == ""


def test_tells_count_unless_they_are_switched_off() -> None:
    assert tells_of(()) == frozenset(Tell)
    assert tells_of(read_checks([{"kind": "tells"}])) == frozenset()
    assert tells_of(read_checks(GOOD)) == frozenset({Tell.REFUSAL, Tell.PERMISSION, Tell.SAME})


def test_several_faults_make_one_doubt() -> None:
    assert doubt_of([]) is None
    assert doubt_of([Doubt("a 1", "a"), Doubt("b 2", "b")]) == Doubt(
        "check failed: a 1; b 2", "check failed: a; b"
    )


def test_only_long_words_are_compared() -> None:
    long, same = said("word " * 100), said("word " * 100 + "\n")
    assert sameness(long, 200) == sameness(same, 200) is not None
    assert sameness(said("other " * 100), 200) != sameness(long, 200)
    assert sameness(said("positive"), 200) is None
    assert sameness(said("word " * 100, result={}), 200) is None
