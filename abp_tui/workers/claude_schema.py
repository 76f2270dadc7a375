"""What of a JSON schema Claude Code takes: its validator knows fewer words than a schema may have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

MOST = 32 * 1024  # bytes: it is one argument on the command line, and a part of each request
DEEPEST = 100
_DRAFT = re.compile(r"https?://json-schema\.org/draft(-0[67]|/2019-09|/2020-12)/schema#?")
_REFERENCE = re.compile(r"#(/(\$defs|definitions)/[A-Za-z0-9_.-]+)?")
_PROPERTY = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # the API takes no other names

_PLAIN = frozenset(
    "$ref title description type enum const required multipleOf minimum maximum exclusiveMinimum "
    "exclusiveMaximum minLength maxLength minItems maxItems uniqueItems minProperties maxProperties".split()
)
_NAMED = frozenset({"properties", "$defs", "definitions"})
_LISTED = frozenset({"anyOf", "oneOf", "allOf"})
_INNER = frozenset({"items", "additionalProperties", "not"})
_ELSEWHERE = frozenset(
    "pattern patternProperties propertyNames contains minContains maxContains prefixItems additionalItems "
    "unevaluatedItems unevaluatedProperties dependencies dependentRequired dependentSchemas if then else "
    "$dynamicRef $dynamicAnchor $recursiveRef $recursiveAnchor $anchor".split()
)
"""Constraints that its validator does not know, or reads in another way than ours."""


class _Foreign(Exception):
    """The schema says what Claude Code does not take."""


def native(schema: Mapping[str, Any]) -> str | None:
    """The schema as Claude Code takes it, less mere annotations; None for one that must be told in words."""
    try:
        if schema.get("type") != "object" or _LISTED & schema.keys():
            raise _Foreign
        text = json.dumps(_plain({key: schema[key] for key in schema if key != "$id"}, DEEPEST))
    except _Foreign:
        return None
    return text if len(text) <= MOST else None


def _plain(schema: Any, depth: int) -> Any:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping) or not depth or "$id" in schema:
        raise _Foreign
    _look(schema)
    return {key: value for key in schema if (value := _part(key, schema[key], depth - 1)) is not None}


def _look(schema: Mapping[str, Any]) -> None:
    """Raise `_Foreign` where a word that both know is used in a way that only ours does."""
    values = schema.get("enum", [None])
    known = (
        not _ELSEWHERE & schema.keys(),
        isinstance(values, list) and values and all(v not in values[:n] for n, v in enumerate(values)),
        _DRAFT.fullmatch(str(schema.get("$schema", "http://json-schema.org/draft-07/schema#"))),
        _REFERENCE.fullmatch(str(schema.get("$ref", "#"))),
    )
    if not all(known):
        raise _Foreign


def _part(key: str, value: Any, depth: int) -> Any:
    """The value of one keyword; None leaves the keyword out."""
    if key in _PLAIN:
        return value
    if key in _INNER:
        return _plain(value, depth)
    if key in _LISTED and isinstance(value, list):
        return [_plain(each, depth) for each in value]
    if key in _NAMED and isinstance(value, Mapping):
        if key == "properties" and not all(_PROPERTY.fullmatch(name) for name in value):
            raise _Foreign
        return {name: _plain(each, depth) for name, each in value.items()}
    if key in _NAMED | _LISTED:
        raise _Foreign
    return None
