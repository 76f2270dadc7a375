"""Glob patterns over relative paths with `/`, compiled so that a walk can leave out whole folders early."""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(r"\*+|\?|\[[!^]?\]?[^\]]*\]|.", re.S)
_FOLDERS = "(?:[^/]+/)*"


def files(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches the path of each file that one of the patterns names; `**` is any number of folders."""
    return _any_of(_path(_steps(pattern)) for pattern in patterns)


def folders(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches the path, with a `/` at its end, of each folder below which such a file can be."""
    return _any_of(way for pattern in patterns for way in _ways(_steps(pattern)))


def excluded(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches the path of each file, and with a `/` at its end of each folder, that a pattern names.

    A pattern without a slash names things at any depth, one that ends with a slash only folders.
    """
    return _any_of(_exclusion(pattern) for pattern in patterns)


def _any_of(expressions: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(expressions) or "(?!)", re.S)


def _steps(pattern: str) -> list[str]:
    steps = [step for step in pattern.split("/") if step not in ("", ".")]
    return [*steps, "**"] if pattern.endswith("/") else steps


def _path(steps: list[str]) -> str:
    *parents, last = steps
    return "".join(map(_parent, parents)) + (_FOLDERS + "[^/]+" if last == "**" else _name(last))


def _parent(step: str) -> str:
    return _FOLDERS if step == "**" else _name(step) + "/"


def _ways(steps: list[str]) -> list[str]:
    """One expression for each depth down to the first `**`, and from there one for everything below."""
    ways: list[str] = []
    path = ""
    for step in steps:
        if step == "**":
            return [*ways, path + _FOLDERS]
        path += _name(step) + "/"
        ways.append(path)
    return ways[:-1]


def _exclusion(pattern: str) -> str:
    bare = pattern.rstrip("/")
    anywhere = "" if "/" in bare else _FOLDERS
    return anywhere + _path(_steps(bare)) + ("/" if pattern.endswith("/") else "/?")


def _name(step: str) -> str:
    return "".join(_symbol(token) for token in _TOKEN.findall(step))


def _symbol(token: str) -> str:
    if token.startswith("*"):
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if len(token) == 1:
        return re.escape(token)
    negated, members = token[1] in "!^", token[1:-1].removeprefix("!").removeprefix("^")
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", members)
    return f"[^/{escaped}]" if negated else f"[{escaped}]"
