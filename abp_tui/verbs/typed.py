"""What people type, on the command line or in a field of the screens, as what the verbs take."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from abp_tui.errors import InvalidInput
from abp_tui.plugins import suggest

WHOLE = ("max_retries", "max_failures_in_row", "max_workers")
LIMITS = ("budget_usd", *WHOLE)
TIMERS = ("first_event_s", "idle_s", "total_s", "grace_s", "backoff_s")
OPTION = "option."
SETTINGS = (*LIMITS, *TIMERS, "checks", "schema")


def read_text(path: Path) -> str:
    """What a file that a person named holds; raises `InvalidInput`."""
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput(f"can't read {path}: {why}", "name a text file") from None


def number(text: str, what: str) -> float:
    """The number in a text that a person gave; raises `InvalidInput`."""
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"{what} is {text!r}", "write a number") from None


def json_object(text: str, what: str) -> dict[str, Any]:
    """The JSON object in a text that a person gave; raises `InvalidInput`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{what} is no JSON: {error}", 'it must be an object: {"name": …}') from None
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is no JSON object", 'it must look like {"name": …}')
    return value


def schema_in(file: str) -> dict[str, Any]:
    """The JSON schema in this file; raises `InvalidInput`."""
    return json_object(read_text(Path(file)), f"the schema {file}")


def split_words(line: str, what: str) -> list[str]:
    """The words of a line, as a shell would split it; raises `InvalidInput`."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidInput(f"{what} {line!r} can't be read: {error}", "close the quotation") from None


def key_value(text: str, what: str) -> tuple[str, Any]:
    """`K=V` with V as JSON where it is JSON, else as text; raises `InvalidInput`."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InvalidInput(f"{what} {text!r} has no value", "write it as KEY=VALUE")
    return key, _json_or_text(value)


def typed_options(line: str) -> dict[str, Any]:
    """A worker's options for a line of them, `model=haiku max_turns=5`."""
    return dict(key_value(text, "the option") for text in split_words(line, "the options"))


def setting(text: str) -> tuple[str, Any]:
    """A setting of a job, `K=V`; raises `InvalidInput`."""
    name, equals, value = text.partition("=")
    name = f"{name}_s" if f"{name}_s" in TIMERS else name
    if name.startswith(OPTION) and equals:
        return name, _json_or_text(value) if value else None
    if name == "schema" and equals:
        return name, schema_in(value) if value else None
    if name == "checks" and equals:
        return name, _plain_checks(value)
    if name not in (*LIMITS, *TIMERS):
        raise InvalidInput(f"a job has no setting {name!r}", suggest(name, list(SETTINGS)))
    try:
        return name, int(value) if name in WHOLE else float(value)
    except ValueError:
        raise InvalidInput(f"{name} is {value!r}", f"write a number: {name}=4") from None


def edits_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `edit_recipe` for some settings; limits are none of a recipe, and left out."""
    edits: dict[str, Any] = {}
    if timers := {name: settings[name] for name in TIMERS if name in settings}:
        edits["timers"] = timers
    if options := {name.removeprefix(OPTION): v for name, v in settings.items() if name.startswith(OPTION)}:
        edits["worker_options"] = options
    if "schema" in settings:
        edits["output_schema"] = settings["schema"]
    if "checks" in settings:
        edits["checks"] = settings["checks"]
    return edits


def settings_line(timers: Mapping[str, float], worker_options: Mapping[str, Any]) -> str:
    """Settings as they are, in the words that `typed_edits` reads."""
    words = [f"{name.removesuffix('_s')}={seconds:g}" for name, seconds in timers.items()]
    words += [f"{OPTION}{name}={_text(value)}" for name, value in worker_options.items()]
    return " ".join(map(shlex.quote, words))


def typed_edits(line: str) -> dict[str, Any]:
    """The arguments of `edit_recipe` for a line of settings, `idle=300 option.model=haiku`."""
    settings = dict(setting(text) for text in split_words(line, "the settings"))
    if limits := [name for name in settings if name in LIMITS]:
        hint = f"change it with `abp set JOB {limits[0]}=N`"
        raise InvalidInput(f"{limits[0]} belongs to the job, not to a version of it", hint)
    return edits_of(settings)


def _text(value: Any) -> str:
    """The value as `_json_or_text` reads it."""
    if isinstance(value, str) and _json_or_text(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _plain_checks(value: str) -> list[Any]:
    checks = _json_or_text(value or "[]")
    if not isinstance(checks, list) or not all(isinstance(check, dict) for check in checks):
        raise InvalidInput(f"checks is {value[:80]!r}", 'write a list: [{"kind": "not_empty"}]')
    return checks
