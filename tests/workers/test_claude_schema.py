from __future__ import annotations

import json
from typing import Any

import pytest

from abp_tui.workers.claude_schema import MOST, native

N = {"type": "integer", "minimum": 1}
OBJECT: dict[str, Any] = {"type": "object", "properties": {"n": N}, "required": ["n"]}


def with_n(**words: Any) -> dict[str, Any]:
    return {**OBJECT, "properties": {"n": {**N, **words}}}


@pytest.mark.parametrize(
    "schema",
    [
        {**OBJECT, "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:x"},
        {**OBJECT, "discriminator": {"propertyName": "n"}, "x-mine": {"pattern": "x"}},
        with_n(examples=[1], default=1, format="int32", deprecated=True),
    ],
)
def test_annotations_are_left_out(schema: dict[str, Any]) -> None:
    assert json.loads(native(schema) or "") == OBJECT


def test_names_of_properties_are_no_keywords() -> None:
    schema = {"type": "object", "properties": {"format": N, "$id": N} | {"pattern": N}}
    assert native(schema) is None, "the API takes no $ in a name"
    del schema["properties"]["$id"]
    assert json.loads(native(schema) or "") == schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array", "items": N},
        {"type": ["object", "null"]},
        {**OBJECT, "anyOf": [{}]},
        {**OBJECT, "description": "x" * MOST},
        {**OBJECT, "$schema": "http://json-schema.org/draft-04/schema#"},
        with_n(pattern="(?P<n>x)"),
        with_n(dependentRequired={"a": ["b"]}),
        with_n(items=[N]),
        with_n(enum=[1, 1]),
        with_n(enum=[]),
        with_n(**{"$id": "urn:y"}),
        with_n(**{"$ref": "#/components/n"}),
        {"type": "object", "properties": {"größe": N}},
    ],
)
def test_what_it_does_not_take_is_told_in_words(schema: dict[str, Any]) -> None:
    assert native(schema) is None
