"""What a session of Codex has consumed so far, from the file that the program keeps of it."""

from __future__ import annotations

import json
from pathlib import Path

from abp_tui.domain.model import Usage
from abp_tui.workers.loose import Json, mapping, whole


def used_before(home: Path, thread_id: str) -> Json | None:
    """The tokens of a session up to now, as the program counts them; None where they are unknown."""
    used: Json | None = None
    for file in sorted(home.glob(f"sessions/*/*/*/rollout-*{thread_id}.jsonl")):
        used = used or {}  # a session that nothing has come of has taken nothing
        try:
            with file.open("r", encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    used = _total(line) or used
        except OSError:
            return None
    return used


def usage_since(usage: Json, before: Json | None) -> Usage:
    """What one run consumed: the program counts from the start of the session. The cost it never tells."""
    if before is None or not usage:
        return Usage()
    return Usage(
        input_tokens=_difference(usage, before, "input_tokens"),
        output_tokens=_difference(usage, before, "output_tokens"),
    )


def _total(line: str) -> Json | None:
    if '"total_token_usage"' not in line:
        return None
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    return mapping(mapping(mapping(message, "payload"), "info"), "total_token_usage") or None


def _difference(usage: Json, before: Json, key: str) -> int | None:
    now = whole(usage, key)
    return None if now is None else max(0, now - (whole(before, key) or 0))
