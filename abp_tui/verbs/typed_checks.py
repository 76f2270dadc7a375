"""Checks in words: `regex Verdict:`, a line each in a field, a flag each on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from abp_tui.errors import InvalidInput
from abp_tui.plugins import suggest
from abp_tui.verbs.typed import schema_in, split_words

ALONE = ("changed", "not-empty", "no-tells")
WORDS = ("command", "timeout", "regex", "schema", "no-tell", *ALONE)


def typed_checks(text: str) -> list[dict[str, Any]]:
    """The checks that a text has a line each of, as a recipe keeps them; see `checks_of`."""
    return checks_of(_check_lines(text))


def checks_of(said: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """The checks in some words, each with what stands behind it, as a recipe keeps them.

    `timeout` is about all commands, and `no-tell` takes one sign of doubt away. Raises `InvalidInput`.
    """
    checks: list[dict[str, Any]] = []
    off: list[str] = []
    seconds: dict[str, float] = {}
    for word, value in said:
        if word == "timeout":
            seconds["timeout_s"] = _seconds(value)
        elif word == "no-tell":
            off.append(value)
        elif word != "no-tells":
            checks.append(_check(word, value))
        else:
            checks.append({"kind": "tells"})
    commands = [check for check in checks if check["kind"] == "command"]
    if seconds and not commands:
        raise InvalidInput("the timeout of checks is for a command", "name the command, too")
    for command in commands:
        command.update(seconds)
    return checks if not off else [*checks, {"kind": "tells", "off": off}]


def _check(word: str, value: str) -> dict[str, Any]:
    match word:
        case "command":
            if argv := split_words(value, "the command of a check,"):
                return {"kind": "command", "argv": argv}
            raise InvalidInput("a check names no command", "write a program, as in ruff check {file_path}")
        case "regex":
            return {"kind": "regex", "pattern": value}
        case "schema":
            return {"kind": "schema", "json_schema": schema_in(value)}
    return {"kind": word.replace("-", "_")}


def _check_lines(text: str) -> Iterator[tuple[str, str]]:
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, value = line.partition(" ")
        if word not in WORDS:
            raise InvalidInput(f"no check is called {word!r}", suggest(word, list(WORDS)))
        if bool(value.strip()) is (word in ALONE):
            wrong = "takes nothing more" if value.strip() else "says nothing behind it"
            raise InvalidInput(f"the check {word} {wrong}", "as in regex Verdict: or not-empty")
        yield word, value.strip()


def _seconds(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InvalidInput(f"the timeout of checks is {value!r}", "write seconds: timeout 30") from None
