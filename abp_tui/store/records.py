"""Rows to frozen models and back: the one place that knows both forms."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from abp_tui.domain.model import (
    Attempt,
    Counters,
    Event,
    Gate,
    Job,
    Lease,
    LogEntry,
    Outcome,
    Placement,
    Question,
    Recipe,
    Timers,
    Usage,
    WorkUnit,
)

Row = Mapping[str, Any]


def now() -> float:
    """Seconds since the epoch, UTC."""
    return time.time()


_AS_IT_IS = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode
_ESCAPED = json.JSONEncoder(separators=(",", ":"), default=str).encode


def dump(value: Any) -> str:
    """JSON text for a column; what UTF-8 can't hold is escaped, and comes back as it was."""
    text = _AS_IT_IS(value)
    return text if text.isascii() or storable(text) == text else _ESCAPED(value)


def storable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 can't hold, replaced: agents and items may have them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def load(text: str | None) -> Any:
    """What a JSON column holds; None for NULL."""
    return None if text is None else json.loads(text)


def recipe_from(row: Row) -> Recipe:
    """A recipe from its row."""
    return Recipe(
        job_id=row["job"],
        version=row["version"],
        prompt_template=row["prompt_template"],
        worker_options=load(row["worker_options"]),
        timers=Timers.model_validate(load(row["timers"])),
        checks=tuple(load(row["checks"])),
        output_schema=load(row["output_schema"]),
        created_at=row["created_at"],
        author=row["author"],
    )


_COUNTERS = ("total", "pending", "processing", "completed", "failed", "suspect")
_SAME = (
    "id name intent status enumerator_type worker cwd max_workers max_retries max_failures_in_row budget_usd "
    "cost_usd pilot_id change bucket_width desired desired_by desired_workers pause_reason waiting client "
    "created_at ready_at approved_at waived_at started_at finished_at worked_s running_since"
).split()


def job_from(row: Row, recipe: Recipe, question: Question | None = None) -> Job:
    """A job from its row, its current recipe and what is asked of a person."""
    return Job(
        **{name: row[name] for name in _SAME},
        enumerator_config=load(row["enumerator_config"]),
        post_processing_prompt=row["post_prompt"],
        synthesis=row["synthesis"],
        recipe=recipe,
        counters=Counters(**{name: row[name] for name in _COUNTERS}),
        cost_is_floor=row["cost_unknown"] > 0,
        lease=lease_from(row),
        question=question,
        gate=gate_from(row),
        held=tuple(load(row["held"])),
        placement=placement_from(row),
        env_names=tuple(load(row["env_names"])),
    )


def placement_from(row: Row) -> Placement:
    """Where the units of a job run."""
    kept = load(row["placement"])
    return Placement(placed=False) if kept is None else Placement.model_validate(kept)


def lease_from(row: Row) -> Lease | None:
    """The lease in a job's row, if anyone holds it."""
    if row["executor"] is None:
        return None
    return Lease(**{name: row[name] for name in Lease.model_fields})


def gate_from(row: Row) -> Gate | None:
    """The gate that stands beside a job's row, if its agents have one; never closed, it has no row."""
    if (scope := row["gate_scope"]) is None:
        return None
    if row["gate_state"] is None:
        return Gate(scope=scope)
    names = ("state", "until", "reason", "probe_attempt", "tries")
    return Gate(scope=scope, **{name: row[f"gate_{name}"] for name in names})


_UNIT_SAME = (
    "seq kind key status verdict attempts failures not_before output error failure_kind fingerprint "
    "session_id cost_usd duration_s host"
).split()


def unit_from(row: Row) -> WorkUnit:
    """A unit from its row."""
    return WorkUnit(
        **{name: row[name] for name in _UNIT_SAME},
        job_id=row["job"],
        payload=load(row["payload"]),
        result=load(row["result"]),
        changed=row["changed"] or 0,
        recipe_version=row["made_by"],
    )


_ATTEMPT_SAME = (
    "id seq number purpose recipe_version prompt executor host boot_id pid pid_started pgid status "
    "verdict session_id started_at ended_at"
).split()


def attempt_from(row: Row) -> Attempt:
    """An attempt from its row."""
    return Attempt(
        **{name: row[name] for name in _ATTEMPT_SAME},
        job_id=row["job"],
        outcome=Outcome.model_validate(load(row["outcome"])) if row["outcome"] else None,
        usage=Usage(**{name: row[name] for name in Usage.model_fields}),
    )


def event_from(row: Row) -> Event:
    """An event from its row."""
    same = {name: row[name] for name in ("id", "at", "kind", "title", "ref", "is_error", "body", "raw")}
    return Event(**same, attempt_id=row["attempt"])


def question_from(row: Row) -> Question:
    """A question from its row."""
    same = {name: row[name] for name in ("id", "text", "answer", "asked_at")}
    return Question(**same, attempt_id=row["attempt"], options=tuple(load(row["options"])))


def log_from(row: Row) -> LogEntry:
    """A log line from its row."""
    return LogEntry(**{name: row[name] for name in LogEntry.model_fields})
