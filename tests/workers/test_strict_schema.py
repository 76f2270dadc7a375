from __future__ import annotations

from typing import Any

import pytest

from abp_tui.workers.strict_schema import is_strict

CLOSED = {"type": "object", "additionalProperties": False, "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({**CLOSED, "properties": {"a": {"type": "integer"}}}, True),
        ({**CLOSED, "properties": {"a": {"type": "array", "items": {"type": "object"}}}}, False),
        ({**CLOSED, "properties": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/b"}]}}}, True),
        ({**CLOSED, "properties": {"a": {}}, "$defs": {"b": {"type": "object", "properties": {}}}}, False),
        ({**CLOSED, "properties": {"a": {}, "optional": {}}}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
        ({"type": "array", "items": {}}, False),
        ({}, False),
        ({**CLOSED, "properties": "?", "required": 3}, False),
    ],
)
def test_which_schemas_are_strict(schema: dict[str, Any], strict: bool) -> None:
    assert is_strict(schema) is strict
