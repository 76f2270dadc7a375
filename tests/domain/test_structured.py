from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from abp_tui.domain import pattern
from abp_tui.domain.structured import NoJson, Schema, find_json
from abp_tui.errors import InvalidInput


class Part(BaseModel):
    name: str
    price: float
    parts: list[Part] = []
    note: str | None = None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"n": {"type": "integer"}}},
        Part.model_json_schema(),
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"q": {}}, "$ref": "#/definitions/q"},  # noqa: E501
        {"$anchor": "me", "$ref": "#me"},
        {"const": {"$ref": "#/nowhere, but this is no reference"}},
    ],
)  # fmt: skip
def test_schemas(schema: dict[str, Any]) -> None:
    Schema(schema).check()


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"properties": {"n": {"type": "integre"}}}, "wrong at $.properties.n.type: 'integre'"),
        ({"properties": {"n": {"pattern": "("}}}, "wrong at $.properties.n.pattern: '('"),
        ({"required": "name"}, "wrong at $.required"),
        ({"items": {"$ref": "#/$defs/none"}}, "'#/$defs/none' leads nowhere"),
        ({"items": {"$ref": "http://127.0.0.1:9/x.json"}}, "'http://127.0.0.1:9/x.json' leads nowhere"),
        ({"$schema": "http://127.0.0.1:9/draft"}, "names a draft that is not known here"),
        ({"$schema": 7}, "names a draft that is not known here"),
        ({"const": float("nan")}, "no JSON schema"),
        ({"const": {1}}, "no JSON schema"),
    ],
)
def test_what_is_no_schema_is_refused_with_the_place(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Schema(schema).check()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_that_fits() -> None:
    part = Part(name="axle", price=1, parts=[Part(name="pin", price=0.1)])
    assert Schema(Part.model_json_schema()).differences(part.model_dump()) == ""


def test_differences_are_told_with_their_places() -> None:
    said = Schema(Part.model_json_schema()).differences({"name": 5, "parts": [{"price": "much"}]})
    assert "$.name: 5 is not of type 'string'" in said
    assert "$: 'price' is a required property" in said
    assert "$.parts[0].price: 'much' is not of type 'number'" in said


def test_of_many_differences_the_first_are_told_and_of_a_long_one_its_ends() -> None:
    schema = Schema({"items": {"type": "string"}})
    assert schema.differences([*range(7)]).endswith("$[4]: 4 is not of type 'string'; and more")
    said = schema.differences([{"text": "x" * 10_000}])
    assert len(said) < 300
    assert said.startswith("$[0]: {'text': 'xxx") and said.endswith("is not of type 'string'")


def test_a_value_nested_deeper_than_can_be_followed_does_not_fit() -> None:
    schema = Schema({"$ref": "#"})
    schema.check()
    assert "nested too deeply" in schema.differences(1)


@pytest.mark.parametrize(("levels", "fits"), [(100, True), (101, False), (400, False)])
def test_what_is_nested_beyond_use_does_not_fit(levels: int, fits: bool) -> None:
    value: Any = {}
    for level in range(levels - 1):
        value = [value, 1] if level % 2 else {"in": value}
    assert (Schema({}).differences(value) == "") is fits


def test_a_number_that_can_not_be_compared_does_not_fit() -> None:
    assert "can't be compared" in Schema({"multipleOf": 0.1}).differences(10**400)


@given(JSON, st.sampled_from(["{}", "\n {} \n", "Here it is:\n```json\n{}\n```\nBye.", "~~~~\n{}\n~~~~"]))
def test_a_value_is_found_bare_and_in_a_fence(value: Any, around: str) -> None:
    text = around.replace("{}", json.dumps(value, ensure_ascii=False, indent=1))
    assert find_json(text) == value


def test_a_fenced_block_that_is_no_json_is_no_rival() -> None:
    assert find_json('```sh\nls\n```\n```json\n{"a": "```"}\n```') == {"a": "```"}
    assert find_json("````md\n```\n1\n```\n````\n```\n2\n```") == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON"),
        ("There are 3.", "no JSON"),
        ("```json\n1\n```\n```json\n2\n```", "more than one block"),
        ('{"a": NaN}', "NaN"),
        ("[" * 100_000, "nested too deeply"),
        ("```json\n[1", "no JSON"),
        ("1" * 10_000, "no JSON"),
    ],
)
def test_what_is_no_json_is_told_apart(text: str, says: str) -> None:
    with pytest.raises(NoJson, match=says):
        find_json(text)


@given(st.text(alphabet='`~ {}[]1"\n:,a', max_size=80))
def test_whatever_an_agent_says_it_is_a_value_or_none(text: str) -> None:
    with suppress(NoJson):
        json.dumps(find_json(text))


SLOW = "^(a|aa|a?b?)+$"
NEVER = "a" * 60 + "!"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": SLOW}, NEVER),
        ({"items": {"pattern": SLOW}}, [NEVER]),
        ({"propertyNames": {"pattern": SLOW}}, {NEVER: 1}),
        ({"patternProperties": {SLOW: {}}}, {NEVER: 1}),
        ({"additionalProperties": False, "patternProperties": {SLOW: {}}}, {NEVER: 1}),
        ({"unevaluatedProperties": False, "patternProperties": {SLOW: {}}}, {NEVER: 1}),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "additionalProperties": {"$ref": "#"},
                "pattern": SLOW,
            },
            {"n": NEVER},
        ),
    ],
)
def test_a_pattern_that_takes_for_ever_ends_by_itself_and_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, schema: dict[str, Any], value: Any
) -> None:
    monkeypatch.setattr(pattern, "REGEX_S", 0.05)
    assert Schema(schema).differences(value) == f"$: it can't be judged: /{SLOW}/ takes longer than 0.05 s"


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07", "2019-09", "2020-12"])
def test_patterns_judge_as_they_do_without_a_limit(draft: str) -> None:
    from jsonschema.validators import validator_for

    name = f"http://json-schema.org/{draft}/schema#"
    schema = {
        "$schema": name if "draft" in draft else f"https://json-schema.org/draft/{draft}/schema",
        "properties": {"n": {"pattern": "^x"}},
        "patternProperties": {"^s_": {"type": "string"}, "_i$": {"type": "integer"}},
        "additionalProperties": False,
    }
    loose = {**schema, "additionalProperties": {"type": "null"}}
    unevaluated = {word: schema[word] for word in schema if word != "additionalProperties"}
    unevaluated["unevaluatedProperties"] = False
    for value in (
        {"n": "xy"},
        {"n": "yx"},
        {"s_a": 1},
        {"s_i": "1"},
        {"k_i": 1},
        {"z": 1},
        {"z": None},
        [],
        "z",
    ):
        for each in (schema, loose, unevaluated):
            plain = validator_for(each)(each)
            assert (Schema(each).differences(value) == "") == plain.is_valid(value), (each, value)
