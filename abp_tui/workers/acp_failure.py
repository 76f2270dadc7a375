"""Why a turn of an agent of the Agent Client Protocol failed: in words, because the protocol has no codes."""

from __future__ import annotations

import json
import re

from acp import RequestError

from abp_tui.domain.failure import FailureKind
from abp_tui.workers.loose import as_text, mapping, text

LOGIN_CODE = -32000  # of the protocol: authentication required
HTTP_ERRORS = range(400, 600)  # no codes of JSON-RPC, but some agents pass their API's on
PERMANENT_CODES = (-32602,)  # of JSON-RPC: invalid parameters

SIGNS = (
    (
        FailureKind.USAGE_LIMIT,
        r"hit your [\w -]*limit|usage limit reached|out of extra usage|\blimit reached\b.*\bresets?\b"
        r"|exhausted your (?:daily|capacity)|quota will reset|insufficient_quota",
    ),
    (
        FailureKind.LOGIN,
        r"\b40[12]\b|authenticat|unauthori[sz]ed|api key not valid|invalid api key"
        r"|api key .*(?:missing|required)|please run /login|not logged in|credit balance is too low"
        r"|oauth token",
    ),
    (
        FailureKind.TRANSIENT,
        r"\b(?:408|409|425|429|5\d\d)\b|overloaded|rate.?limit|resource.exhausted|too many requests"
        r"|unable to connect|connection (?:dropped|error|reset|refused)|fetch failed|socket hang up"
        r"|econn\w+|enotfound|eai_again|etimedout|timed out|unavailable",
    ),
    (
        FailureKind.PERMANENT,
        r"\b(?:400|403|404|405|413|422)\b|prompt is too long|request too large|model not found"
        r"|invalid argument|permission.denied",
    ),
)


def words_of(error: RequestError) -> str:
    """What an error says to people, its details included where they say more."""
    message, data = _plain(str(error)), error.data
    more = (text(data, "details") or text(data, "message")) if isinstance(data, dict) else as_text(data)
    return f"{message}: {more}" if more and more not in message else message


def kind_of(error: RequestError) -> FailureKind:
    """The kind of failure that an error tells of: by its code, its words, and whatever comes with them."""
    status = f"{error.code} " if error.code in HTTP_ERRORS else ""
    return classify(f"{status}{error} {as_text(error.data)}", error.code)


def classify(words: str, code: int | None = None) -> FailureKind:
    """The kind of failure that words of an agent tell of."""
    if code == LOGIN_CODE:
        return FailureKind.LOGIN
    for kind, pattern in SIGNS:
        if re.search(pattern, words, re.I):
            return kind
    return FailureKind.PERMANENT if code in PERMANENT_CODES else FailureKind.AGENT_ERROR


def _plain(message: str) -> str:
    """The message within the body of an API's error, where an agent passes that on as it came."""
    if not message.startswith("{"):
        return message
    try:
        body = json.loads(message)
    except (ValueError, RecursionError):
        return message
    error = mapping(body, "error") if isinstance(body, dict) else {}
    return text(error, "message") or message
