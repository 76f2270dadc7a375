"""Whether a JSON schema has the strict form that some model APIs insist on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abp_tui.workers.loose import mapping

_INSIDE = ("$defs", "definitions", "properties")
_BELOW = ("items", "anyOf")


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Whether it is an object whose every object allows its own properties only, and needs all of them."""
    return schema.get("type") == "object" and _strict(schema)


def _strict(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(_strict(each) for each in schema)
    if not isinstance(schema, dict):
        return True
    named = mapping(schema, "properties")
    if named or schema.get("type") == "object":
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or not isinstance(required, list):
            return False
        if any(name not in required for name in named):
            return False
    inner = [value for key in _INSIDE for value in mapping(schema, key).values()]
    return _strict([*inner, *(schema[key] for key in _BELOW if key in schema)])
