"""Settings given as JSON or TOML itself, not as a file; keys in them would be kept, so none are taken."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from abp_tui.workers.value import Value
from abp_tui.workers.variables import looks_like_key

_PLACES = frozenset({"env", "headers", "http_headers", "set"})  # of variables and headers, by name


def refuse_keys(settings: Any, hint: str) -> None:
    """Raise `ValueError` where variables or headers in the settings look like keys."""
    name = next(_keys(settings), None)
    if name is not None:
        raise ValueError(f"{name} looks like a key, and would be kept: {hint}")


def _keys(value: Any, place: str = "") -> Iterator[str]:
    members = value.items() if isinstance(value, Mapping) else enumerate(value)
    for name, member in members:
        if isinstance(member, Mapping | list):
            yield from _keys(member, str(name))
        elif place in _PLACES and looks_like_key(_meaning(str(name)), str(member)):
            yield str(name)


def _meaning(name: str) -> str:
    return "TOKEN" if name.casefold() == "authorization" else name


def _text(value: Any) -> Any:
    """The JSON text of an object; any other text as it is, such as the path of a file."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError("it begins as JSON, but is none: name a file, or mend it") from None
    if not isinstance(value, Mapping):
        return value
    refuse_keys(value, "put it in a file and name that, or export it")
    return json.dumps(value, ensure_ascii=False)


InlineOrFile = Annotated[Value, BeforeValidator(_text)]
"""The path of a file, or an object of JSON, as such or as text."""
