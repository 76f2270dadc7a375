"""The rows of attempts, units and events as they are written: within bounds, and in plain types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import PydanticSerializationError

from abp_tui.domain.model import Denial, Event, Outcome
from abp_tui.store.records import dump, load, storable

if TYPE_CHECKING:
    from abp_tui.store.claims import Finished

# In characters. What an agent says has no bounds; a row does.
BODY_CAP = 256 * 1024
ANSWER_CAP = 16 * 1024 * 1024  # what a unit is run for
WORDS_CAP = 16 * 1024
NAME_CAP = 1000
MARK_ROOM = 64
MOST_DENIALS = 20
BIGGEST_INTEGER = 2**63 - 1
CUT_MARK = "\n[… cut by abp: {} more characters]"


def attempt_row(end: Finished) -> tuple[Any, ...]:
    """What `_END_ATTEMPT` of the journal takes."""
    outcome, usage = end.outcome, end.outcome.usage
    counts = map(_integer, (usage.input_tokens, usage.output_tokens, usage.turns))
    text, session, verdict = _outcome_json(outcome), name(outcome.session_id), _verdict(end)
    said = (end.claim.attempt_id, str(end.status), text, session, usage.cost_usd)
    return (*said, *counts, end.ended_at, verdict)


def unit_row(end: Finished) -> tuple[Any, ...]:
    """What `_END_UNIT` of the journal takes, but for what is the same for all units."""
    outcome, claim = end.outcome, end.claim
    return (
        claim.seq,
        claim.number,
        str(end.unit_status),
        _verdict(end),
        end.failures,
        end.not_before,
        cut(outcome.output, ANSWER_CAP) or None,
        None if outcome.result is None else _capped_json(outcome.result, ANSWER_CAP),
        cut(outcome.error, WORDS_CAP) or None,
        outcome.failure and str(outcome.failure),
        end.fingerprint,
        name(outcome.session_id),
        outcome.usage.cost_usd,
        end.ended_at - claim.started_at,
        end.sameness,
    )


def event_row(item: tuple[int, float, Event]) -> tuple[Any, ...]:
    """What `_EVENT` of the journal takes, of (attempt id, seconds since the epoch, event)."""
    attempt_id, at, event = item
    body, title, ref, raw = event.body, event.title, event.ref, event.raw
    if not (body.isascii() and len(body) <= BODY_CAP):
        body = cut(body)
    if raw is not None:
        raw = None if len(raw) > BODY_CAP else storable(raw)
    return (
        attempt_id,
        at,
        event.kind.value,
        title and name(title),
        ref and name(ref),
        1 if event.is_error else 0,
        body,
        raw,
    )


def capped(event: Event) -> Event:
    """The event without what would not be stored of it, so that nothing else waits to be written."""
    if len(event.body) + len(event.title) + len(event.ref) + (len(event.raw) if event.raw else 0) <= BODY_CAP:
        return event
    raw = event.raw if len(event.raw or "") <= BODY_CAP else None
    update = {"body": cut(event.body), "raw": raw, "title": name(event.title), "ref": name(event.ref)}
    return event.model_copy(update=update)


def _verdict(end: Finished) -> str | None:
    return end.verdict and str(end.verdict)


def _outcome_json(outcome: Outcome) -> str:
    try:
        text = outcome.model_dump_json(exclude_defaults=True)
    except PydanticSerializationError:  # text that UTF-8 can't hold
        text = dump(outcome.model_dump(exclude_defaults=True))
    return text if len(text) <= BODY_CAP else dump(_capped(outcome).model_dump(exclude_defaults=True))


def _capped(outcome: Outcome) -> Outcome:
    """The outcome as its attempt keeps it; a whole long answer is kept by the unit alone."""
    result = None if outcome.result is None else load(_capped_json(outcome.result, BODY_CAP))
    denials = outcome.denials[:MOST_DENIALS]
    update = {
        "output": cut(outcome.output),
        "result": result,
        "error": cut(outcome.error, WORDS_CAP),
        "session_id": name(outcome.session_id),
        "last_tool": name(outcome.last_tool),
        "denials": tuple(Denial(tool=name(d.tool), detail=cut(d.detail, NAME_CAP)) for d in denials),
    }
    return outcome.model_copy(update=update)


def _capped_json(value: Any, cap: int) -> str:
    """The value as JSON; where that is over the cap, a string that says so: half of a structure is none."""
    text = dump(value)
    return text if len(text) <= cap else dump(CUT_MARK.format(len(text)).strip())


def _integer(value: int | None) -> int | None:
    return value if value is None else max(-BIGGEST_INTEGER, min(value, BIGGEST_INTEGER))


def cut(text: str, cap: int = BODY_CAP) -> str:
    """The text as it can be stored, cut with a mark where it is over the cap."""
    if len(text) <= cap:
        return storable(text)
    kept = cap - MARK_ROOM  # so that what was cut is not cut again
    return storable(text[:kept]) + CUT_MARK.format(len(text) - kept)


_Name = TypeVar("_Name", str, str | None)


def name(text: _Name) -> _Name:
    """A name or an id as it can be stored, cut with `…` where it is far too long for one."""
    if text is None or len(text) <= NAME_CAP:
        return text if text is None else storable(text)
    return f"{storable(text[:NAME_CAP])}…"
