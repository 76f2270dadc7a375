"""Why a run of Codex failed, read from what it says through one table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from abp_tui.domain.failure import FailureKind


@dataclass(frozen=True, slots=True)
class Sign:
    """A row of the table: where its pattern is found or its HTTP status is named, this is the kind."""

    kind: FailureKind
    says: str
    statuses: tuple[int, ...] = ()


SIGNS = (
    Sign(FailureKind.USAGE_LIMIT, r"hit your usage limit|usage limit (?:has been )?reached"),
    Sign(
        FailureKind.LOGIN,
        r"quota exceeded|to use codex with your .* plan|missing environment variable|not logged in"
        r"|(?:log|sign) (?:out and (?:log|sign) )?in again|token (?:has )?(?:expired|been (?:invalid|revok))"
        r"|incorrect api key",
        statuses=(401, 402),
    ),
    Sign(FailureKind.BAD_INPUT, r"input exceeds the maximum length|no prompt provided"),
    Sign(
        FailureKind.REFUSED_TO_START,
        r"not inside a trusted directory|model provider .* not found|error loading config|\bconfig\.toml\b"
        r"|unexpected argument|invalid value .* for|required arguments",
    ),
    Sign(
        FailureKind.PERMANENT,
        r'^\{"(?:error|detail)"|context window|model .* (?:does not exist|is not supported|not found)',
        statuses=(400, 403, 404, 405, 413, 422),
    ),
    Sign(
        FailureKind.TRANSIENT,
        r"high demand|at capacity|overloaded|stream disconnected|connection|timed? ?out|retry limit|network",
        statuses=(408, 409, 425, 429, *range(500, 600)),
    ),
)
_STATUS = re.compile(r"\bstatus:? (\d{3})\b")


def classify(complaint: str) -> FailureKind:
    """The kind of failure behind what a run without success said in the end."""
    found = _STATUS.search(complaint)
    status = int(found[1]) if found else None
    for sign in SIGNS:
        if status in sign.statuses or re.search(sign.says, complaint, re.I | re.M):
            return sign.kind
    return FailureKind.AGENT_ERROR


_AGAIN_AT = re.compile(
    r"try again at (?:(\w{3})\w* (\d{1,2})(?:st|nd|rd|th)?, (\d{4}) )?(\d{1,2}):(\d\d) ?([AP])M", re.I
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def limit_resets_at(complaint: str, now: datetime) -> datetime | None:
    """When the usage limit ends, if the text tells. `now` is aware.

    The program gives the machine's own time, with the date where it is another day, and drops the seconds:
    the limit has ended for certain only when that minute is over.
    """
    found = _AGAIN_AT.search(complaint)
    if not found:
        return None
    month, day, year, hour, minute, half = found.groups()
    local = now.astimezone().replace(tzinfo=None, second=0, microsecond=0)
    try:
        moment = local.replace(hour=int(hour) % 12 + (12 if half.lower() == "p" else 0), minute=int(minute))
        if month:
            moment = moment.replace(year=int(year), month=_MONTHS.index(month.lower()) + 1, day=int(day))
    except ValueError:
        return None
    if moment < local and not month:
        moment += timedelta(days=1)
    return (moment + timedelta(minutes=1)).astimezone(UTC)
