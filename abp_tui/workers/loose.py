"""Reading JSON whose shape nobody promises: what is missing or of another type reads as empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def text(message: Json, key: str) -> str:
    """A string, or ""."""
    value = message.get(key)
    return value if isinstance(value, str) else ""


def number(message: Json, key: str) -> float | None:
    """A finite number, or None."""
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e300 else None


def whole(message: Json, key: str) -> int | None:
    """A number without its fraction, or None."""
    value = number(message, key)
    return None if value is None else int(value)


def mapping(message: Json, key: str) -> Json:
    """An object, or an empty one."""
    value = message.get(key)
    return value if isinstance(value, dict) else {}


def objects(message: Json, key: str) -> list[Json]:
    """The objects in a list; a lone string counts as a block of text."""
    value = message.get(key)
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """Content of any shape for people: text as it is, blocks one below the other, the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(as_text(item) for item in value)
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return str(value["text"])
    return "" if value is None else json.dumps(value, ensure_ascii=False)
