"""What `abp new` says of settings, in the words of its flags."""

from __future__ import annotations

import re

from abp_tui.errors import AbpError

# Each pattern stands for what the rooms behind say, whoever asks them; only here they have flags.
_ALONE = r"(?<![\w{\"'/-])%s(?![\w}\"'=]|\.\w)"
_SAID = {
    r"^timeouts: total_s\b": "--timeout (--timer total)",
    r"^timeouts: (\w+?)_s\b": r"--timer \1",
    r"^the budget is\b": "--budget is",
    r"\bset has_header to false\b": "say --no-header",
    r"`columns`": "--columns",
    r"\bname its encoding:": "name its --encoding:",
    r"\braise (max_items|timeout_s|idle_s)\b": r"raise --source-option \1=N",
    _ALONE % "(max_workers|max_retries|max_failures_in_row|items_path|id_column)": r"--\1",
    _ALONE % "base_directory": "--files",
    _ALONE % "exclude_patterns": "--exclude",
    _ALONE % "connection_string": "--sql",
}


def in_flags(error: AbpError) -> AbpError:
    """The error, told anew with the names of flags in the place of those of settings."""
    error.message, error.hint = _translated(error.message), _translated(error.hint)
    return error


def _translated(text: str) -> str:
    for pattern, flag in _SAID.items():
        text = re.sub(pattern, lambda found, flag=flag: _hyphened(found.expand(flag)), text)  # type: ignore[misc]
    return text


def _hyphened(flag: str) -> str:
    return flag if "=" in flag else flag.replace("_", "-")
