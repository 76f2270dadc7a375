"""What a JSON schema says of the fields of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abp_tui.export.table import Kind

_KINDS = {
    "string": Kind.TEXT,
    "integer": Kind.INTEGER,
    "number": Kind.REAL,
    "boolean": Kind.BOOLEAN,
}


def properties(schema: Mapping[str, Any] | None) -> dict[str, Kind]:
    """The fields that results of a schema have, with their kinds; none where they are no objects."""
    fields = _resolved(schema, schema).get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(fields, Mapping):
        return {}
    return {str(name): _kind(_resolved(field, schema), schema) for name, field in fields.items()}


def _kind(field: Mapping[str, Any], schema: Any) -> Kind:
    options = [_resolved(option, schema) for option in field.get("anyOf") or [field]]
    types = {name for option in options for name in _types(option)} - {"null"}
    return _KINDS.get(types.pop(), Kind.MIXED) if len(types) == 1 else Kind.MIXED


def _types(field: Mapping[str, Any]) -> list[str]:
    """The JSON types that it allows; an unknown one where it does not say."""
    found = field.get("type", "any")
    return [str(name) for name in found] if isinstance(found, list) else [str(found)]


def _resolved(part: Any, schema: Any) -> Mapping[str, Any]:
    """The part itself, or what it refers to within the schema."""
    for _ in range(8):
        if not (isinstance(part, Mapping) and isinstance(part.get("$ref"), str)):
            break
        part = _at(schema, part["$ref"])
    return part if isinstance(part, Mapping) else {}


def _at(schema: Any, reference: str) -> Any:
    part = schema
    for step in reference.removeprefix("#").strip("/").split("/"):
        part = part.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(part, Mapping) else None
    return part
