"""Claude Code's messages in plain words, one line each, and its file changes as diffs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from abp_tui.domain.model import Event, EventKind
from abp_tui.words import counted
from abp_tui.workers.loose import Json, as_text, number, objects, text, whole

_TELLING_INPUTS = ("command", "file_path", "path", "url", "pattern", "query", "description")


def init(message: Json) -> str:
    """Which program, model and mode a run has, and what of its tools is missing."""
    tools = message.get("tools")
    version = text(message, "claude_code_version")
    parts = [
        f"version {version}" if version else "",
        f"model {text(message, 'model') or 'unknown'}",
        f"permission mode {text(message, 'permissionMode') or 'unknown'}",
        counted(len(tools), "tool") if isinstance(tools, list) else "",
    ]
    missing = [
        f"MCP server {text(server, 'name')} {text(server, 'status') or 'not connected'}"
        for server in objects(message, "mcp_servers")
        if text(server, "status") != "connected"
    ]
    return ", ".join(part for part in (*parts, *missing) if part)


def retry(message: Json) -> str:
    """Which try failed why, and when the next one comes."""
    status = whole(message, "error_status")
    why = text(message, "error") or "unknown error"
    wait = (number(message, "retry_delay_ms") or 0.0) / 1000
    tries = f"{whole(message, 'attempt') or '?'} of {whole(message, 'max_retries') or '?'}"
    return f"try {tries} failed ({why}{f', {status}' if status else ''}), next in {wait:.1f} s"


def limit(info: Json) -> str:
    """How far a usage window is used up, and when it starts anew."""
    parts = [f"{(text(info, 'rateLimitType') or 'usage').replace('_', ' ')} window"]
    if (used := number(info, "utilization")) is not None:
        parts.append(f"{used:.0%} used")
    if (moment := resets_at(info)) is not None:
        parts.append(f"resets {moment:%Y-%m-%d %H:%M} UTC")
    return ", ".join(parts)


def resets_at(info: Json) -> datetime | None:
    """When a usage window starts anew."""
    seconds = number(info, "resetsAt")
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def tool_input(value: Any) -> str:
    """The part of a tool's input that says most: its command, its file."""
    if isinstance(value, dict):
        for key in _TELLING_INPUTS:
            if text(value, key):
                return text(value, key)
    return as_text(value)


def diff(result: Any) -> Event | None:
    """The change that a tool made to a file, as a unified diff; None where it made none."""
    if not isinstance(result, dict) or not (path := text(result, "filePath")):
        return None
    lines = [line for hunk in objects(result, "structuredPatch") for line in _hunk(hunk)]
    if not lines and text(result, "type") == "create":
        added = text(result, "content").splitlines()
        lines = [f"@@ -0,0 +1,{len(added)} @@", *(f"+{line}" for line in added)]
    return Event(kind=EventKind.DIFF, title=path, body="\n".join(lines)) if lines else None


def _hunk(hunk: Json) -> list[str]:
    old, new = (
        f"{whole(hunk, f'{side}Start') or 0},{whole(hunk, f'{side}Lines') or 0}" for side in ("old", "new")
    )
    return [f"@@ -{old} +{new} @@", as_text(hunk.get("lines"))]


def errors(result: Json) -> str:
    """What a result says went wrong."""
    return text(result, "result") or as_text(result.get("errors"))
