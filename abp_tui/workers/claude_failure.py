"""Why a run of Claude Code failed, read from several signs at once through one table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from abp_tui.domain.failure import FailureKind
from abp_tui.workers import claude_words as words
from abp_tui.workers.claude_stream import ClaudeStream
from abp_tui.workers.loose import Json, mapping, text, whole

LIMIT = FailureKind.USAGE_LIMIT
LOGIN = FailureKind.LOGIN
PERMANENT = FailureKind.PERMANENT
TRANSIENT = FailureKind.TRANSIENT
AGENT = FailureKind.AGENT_ERROR


@dataclass(frozen=True, slots=True)
class Sign:
    """A row of the table: where one of its conditions holds, the failure is of this kind."""

    kind: FailureKind
    codes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    says: str = ""


SIGNS = (
    Sign(
        LIMIT,
        codes=("usage_limit_reached", "limit:rejected"),
        says=r"hit your [\w -]*limit|usage limit reached|out of extra usage|\blimit reached\b.*\bresets?\b",
    ),
    Sign(
        LOGIN,
        codes=("billing_error",),
        statuses=(401, 402),
        says=r"credit balance is too low|invalid api key|please run /login|not logged in|oauth token",
    ),
    Sign(PERMANENT, codes=("model_not_found",), statuses=(400, 403, 404, 405, 413, 422)),
    Sign(LOGIN, codes=("authentication_failed", "authentication_error", "oauth_org_not_allowed")),
    Sign(PERMANENT, codes=("invalid_request",), says=r"prompt is too long|request too large"),
    Sign(AGENT, codes=("error_max_turns",)),
    Sign(PERMANENT, codes=("error_max_budget_usd",)),  # another attempt would spend as much again
    Sign(FailureKind.BAD_OUTPUT, codes=("error_max_structured_output_retries",)),
    Sign(
        TRANSIENT,
        codes=("rate_limit", "overloaded", "server_error", "connection_failed"),
        statuses=(408, 409, 425, 429, *range(500, 600)),
        says=r"\bapi error\b|unable to connect|connection (?:dropped|error|reset)"
        r"|overloaded|econnreset|timed out",
    ),
)


_SANDBOX = "run it as another user, choose another permission mode, or set IS_SANDBOX=1 inside a sandbox"
_OPTIONS = "see the worker options of the job, and whether this version of the program knows them"
_REFUSALS = {
    r"cannot be used with root": _SANDBOX,
    r"unknown option|missing required argument|argument missing|invalid (?:argument|mcp|settings)"
    r"|settings file not found|option .* is invalid|requires --|is not (?:a )?valid json": _OPTIONS,
}


def refusal(stream: ClaudeStream, stderr: str) -> str | None:
    """What to do where the program refused to begin and said why on stderr; None where it did begin."""
    if stream.session_id is not None:
        return None
    return next((hint for says, hint in _REFUSALS.items() if re.search(says, stderr, re.I)), None)


def classify(stream: ClaudeStream, complaint: str) -> FailureKind:
    """The kind of failure of a run without success; `complaint` is what it said in the end."""
    result = stream.results[-1] if stream.done else {}
    codes = set(_codes(stream, result))
    status = whole(result, "api_error_status") or whole(stream.api_error, "api_error_status")
    for sign in SIGNS:
        if codes.intersection(sign.codes) or status in sign.statuses:
            return sign.kind
        if sign.says and re.search(sign.says, complaint, re.I):
            return sign.kind
    return AGENT


def _codes(stream: ClaudeStream, result: Json) -> Iterator[str]:
    for message in (result, stream.api_error):
        for key in ("subtype", "api_error", "api_error_type", "error"):
            yield text(message, key)
    if not stream.limit.get("isUsingOverage"):
        yield f"limit:{text(stream.limit, 'status')}"


_AT_EPOCH = re.compile(r"\|(\d{10})\b")
_AT_CLOCK = re.compile(r"resets? (?:at )?(\d{1,2})(?::(\d\d))? ?([ap]m)(?: \(([\w/+-]+)\))?", re.I)


def limit_resets_at(stream: ClaudeStream, complaint: str, now: datetime) -> datetime | None:
    """When the usage limit ends: as an event told it, else as the text did, else None. `now` is aware."""
    told = mapping(mapping(stream.api_error, "api_error_params"), "rate_limit_info")
    for info in (stream.limit, told):
        if moment := words.resets_at(info):
            return moment
    return reset_told(complaint, now)


def reset_told(complaint: str, now: datetime) -> datetime | None:
    """When a usage limit ends, if the text tells. `now` is aware."""
    if found := _AT_EPOCH.search(complaint):
        return datetime.fromtimestamp(int(found[1]), UTC)
    return _next_clock_time(complaint, now)


def _next_clock_time(complaint: str, now: datetime) -> datetime | None:
    found = _AT_CLOCK.search(complaint)
    if not found:
        return None
    try:
        zone = ZoneInfo(found[4] or "UTC")
        hour = int(found[1]) % 12 + (12 if found[3].lower() == "pm" else 0)
        local = now.astimezone(zone)
        moment = local.replace(hour=hour, minute=int(found[2] or 0), second=0, microsecond=0)
    except (ZoneInfoNotFoundError, ValueError):
        return None
    return (moment if moment > local else moment + timedelta(days=1)).astimezone(UTC)
