"""The tables, as Peewee models. They are bound to no database: every query names the one it runs on.

Times are seconds since the epoch, UTC. Enumerations are stored as their words, structures as JSON text.
"""

from __future__ import annotations

from peewee import (
    SQL,
    BooleanField,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)
from playhouse.sqlite_ext import AutoIncrementField

JSON_LIST = [SQL("DEFAULT '[]'")]
JSON_OBJECT = [SQL("DEFAULT '{}'")]
ZERO = [SQL("DEFAULT 0")]

WORKED_UNTIL = "worked_s + max(0, coalesce(? - running_since, 0))"
"""A job's `worked_s` once it rests from a moment on; `running_since` is set by the same update."""


class Meta(Model):
    """Facts about the database itself."""

    key = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "meta"


class JobRow(Model):
    """A job with its counters, what the faces ask of its executor, and that executor's lease."""

    id = AutoIncrementField()
    name = TextField(unique=True)
    intent = TextField()
    status = TextField()
    enumerator_type = TextField()
    enumerator_config = TextField()
    worker = TextField()
    cwd = TextField()
    max_workers = IntegerField()
    max_retries = IntegerField()
    max_failures_in_row = IntegerField(constraints=[SQL("DEFAULT 10")])
    budget_usd = DoubleField(null=True)
    post_prompt = TextField(null=True)
    recipe_version = IntegerField(constraints=[SQL("DEFAULT 1")])
    pilot_id = IntegerField(null=True)

    total = IntegerField(constraints=ZERO)
    pending = IntegerField(constraints=ZERO)
    processing = IntegerField(constraints=ZERO)
    completed = IntegerField(constraints=ZERO)
    failed = IntegerField(constraints=ZERO)
    suspect = IntegerField(constraints=ZERO)
    cost_usd = DoubleField(null=True)
    cost_unknown = IntegerField(constraints=ZERO)
    bucket_width = IntegerField(constraints=[SQL("DEFAULT 1")])
    change = IntegerField(constraints=ZERO)

    desired = TextField(constraints=[SQL("DEFAULT 'run'")])
    desired_by = TextField(null=True)
    desired_workers = IntegerField()

    executor = TextField(null=True)
    host = TextField(null=True)
    boot_id = TextField(null=True)
    pid = IntegerField(null=True)
    pid_started = DoubleField(null=True)
    beat = IntegerField(constraints=ZERO)
    beat_at = DoubleField(null=True)
    beat_clock = DoubleField(null=True)

    pause_reason = TextField(null=True)
    waiting = TextField(null=True)
    gate_scope = TextField(null=True)
    client = TextField(null=True)
    held = TextField(constraints=JSON_LIST)
    placement = TextField(null=True)
    env_names = TextField(constraints=JSON_LIST)
    created_at = DoubleField()
    ready_at = DoubleField(null=True)
    approved_at = DoubleField(null=True)
    waived_at = DoubleField(null=True)
    started_at = DoubleField(null=True)
    finished_at = DoubleField(null=True)
    worked_s = DoubleField(constraints=ZERO)
    running_since = DoubleField(null=True)

    class Meta:
        table_name = "job"


class RecipeRow(Model):
    """A version of what the units of a job are run with."""

    job = ForeignKeyField(JobRow, on_delete="CASCADE", index=False)
    version = IntegerField()
    prompt_template = TextField()
    worker_options = TextField(constraints=JSON_OBJECT)
    timers = TextField(constraints=JSON_OBJECT)
    checks = TextField(constraints=JSON_LIST)
    output_schema = TextField(null=True)
    created_at = DoubleField()
    author = TextField(constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "recipe"
        primary_key = CompositeKey("job", "version")


class UnitRow(Model):
    """One item. The short columns stand first: lists read them without touching the long ones."""

    job = ForeignKeyField(JobRow, on_delete="CASCADE", index=False)
    seq = IntegerField()
    kind = TextField(constraints=[SQL("DEFAULT 'item'")])
    key = TextField()
    status = TextField(constraints=[SQL("DEFAULT 'PENDING'")])
    verdict = TextField(null=True)
    attempts = IntegerField(constraints=ZERO)
    failures = IntegerField(constraints=ZERO)
    not_before = DoubleField(null=True)
    failure_kind = TextField(null=True)
    fingerprint = TextField(null=True)
    session_id = TextField(null=True)
    cost_usd = DoubleField(null=True)
    duration_s = DoubleField(null=True)
    changed = IntegerField(null=True)
    sameness = TextField(null=True)
    error = TextField(null=True)
    nudge = TextField(null=True)
    payload = TextField()
    output = TextField(null=True)
    result = TextField(null=True)

    class Meta:
        table_name = "unit"
        primary_key = CompositeKey("job", "seq")
        without_rowid = True
        indexes = ((("job", "key"), True), (("job", "status", "seq"), False))


class AttemptRow(Model):
    """One execution of a unit; append-only."""

    id = AutoIncrementField()
    job = ForeignKeyField(JobRow, on_delete="CASCADE", index=False)
    seq = IntegerField()
    number = IntegerField()
    purpose = TextField()
    recipe_version = IntegerField()
    executor = TextField()
    host = TextField()
    boot_id = TextField()
    pid = IntegerField(null=True)
    pid_started = DoubleField(null=True)
    pgid = IntegerField(null=True)
    session_id = TextField(null=True)
    status = TextField()
    verdict = TextField(null=True)
    end_asked = BooleanField(constraints=ZERO)
    started_at = DoubleField()
    ended_at = DoubleField(null=True)
    cost_usd = DoubleField(null=True)
    input_tokens = IntegerField(null=True)
    output_tokens = IntegerField(null=True)
    turns = IntegerField(null=True)
    prompt = TextField()
    outcome = TextField(null=True)
    file_before = TextField(null=True)

    class Meta:
        table_name = "attempt"
        indexes = ((("job", "seq", "number"), True),)


class EventRow(Model):
    """One message of an attempt's conversation."""

    id = AutoIncrementField()
    attempt = ForeignKeyField(AttemptRow, on_delete="CASCADE", index=True)
    at = DoubleField()
    kind = TextField()
    title = TextField(constraints=[SQL("DEFAULT ''")])
    ref = TextField(constraints=[SQL("DEFAULT ''")])
    is_error = BooleanField(constraints=ZERO)
    body = TextField(constraints=[SQL("DEFAULT ''")])
    raw = TextField(null=True)

    class Meta:
        table_name = "event"


class BucketRow(Model):
    """Units per state in a fixed range of seq; the map of all units reads only this."""

    job = ForeignKeyField(JobRow, on_delete="CASCADE", index=False)
    n = IntegerField()
    pending = IntegerField(constraints=ZERO)
    processing = IntegerField(constraints=ZERO)
    completed = IntegerField(constraints=ZERO)
    failed = IntegerField(constraints=ZERO)
    suspect = IntegerField(constraints=ZERO)

    class Meta:
        table_name = "bucket"
        primary_key = CompositeKey("job", "n")
        without_rowid = True


class LogRow(Model):
    """A line of a job's log."""

    id = AutoIncrementField()
    job = ForeignKeyField(JobRow, on_delete="CASCADE")
    at = DoubleField()
    level = TextField()
    message = TextField()
    seq = IntegerField(null=True)

    class Meta:
        table_name = "log"


class GateRow(Model):
    """Whether agents of one worker and account may start."""

    scope = TextField(primary_key=True)
    state = TextField()
    until = DoubleField(null=True)
    reason = TextField(constraints=[SQL("DEFAULT ''")])
    probe_attempt = IntegerField(null=True)
    tries = IntegerField(constraints=ZERO)

    class Meta:
        table_name = "gate"


class ApprovalRow(Model):
    """What a person approved, by its SHA-256."""

    sha256 = TextField(primary_key=True)
    kind = TextField()
    what = TextField()
    approved_at = DoubleField()

    class Meta:
        table_name = "approval"


class QuestionRow(Model):
    """What a running agent asked of a person, and the answer."""

    id = AutoIncrementField()
    attempt = ForeignKeyField(AttemptRow, on_delete="CASCADE")
    text = TextField()
    options = TextField(constraints=JSON_LIST)
    answer = TextField(null=True)
    asked_at = DoubleField()
    answered_at = DoubleField(null=True)

    class Meta:
        table_name = "question"


class PilotRow(Model):
    """A sample of a job's units, drawn to be run before the rest."""

    id = AutoIncrementField()
    job = ForeignKeyField(JobRow, on_delete="CASCADE")
    recipe_version = IntegerField()
    sample = TextField()
    after_attempt = IntegerField()
    created_at = DoubleField()

    class Meta:
        table_name = "pilot"


class MarkRow(Model):
    """What a person thinks of an attempt of a pilot."""

    attempt = ForeignKeyField(AttemptRow, on_delete="CASCADE", primary_key=True)
    mark = TextField()
    at = DoubleField()

    class Meta:
        table_name = "mark"


TABLES: tuple[type[Model], ...] = (
    Meta,
    JobRow,
    RecipeRow,
    UnitRow,
    AttemptRow,
    EventRow,
    BucketRow,
    LogRow,
    GateRow,
    ApprovalRow,
    QuestionRow,
    PilotRow,
    MarkRow,
)

# Whether what came of attempt `a` is what its unit `u` still has; it was judged anew there.
STANDING = "(a.number = u.attempts AND a.status = u.status)"

# SQLite takes a partial index only for a query that has its very words, not bound values.
DOUBTFUL = "verdict IN ('suspect', 'blocked')"
ENDED_BADLY = f"status = 'FAILED' OR {DOUBTFUL}"
CAUSE_INDEX = f"CREATE INDEX unit_cause ON unit (job_id, fingerprint, status, verdict) WHERE {ENDED_BADLY}"

TO_MEND = "fingerprint IS NOT NULL AND status IN ('PENDING', 'PROCESSING')"
TO_MEND_INDEX = f"CREATE INDEX unit_to_mend ON unit (job_id, fingerprint, status) WHERE {TO_MEND}"

SAME_INDEX = "CREATE INDEX unit_same ON unit (job_id, sameness) WHERE sameness IS NOT NULL"

# What Peewee's field options can't say: partial indexes.
EXTRA_INDEXES = (
    "CREATE INDEX unit_due ON unit (job_id, not_before) WHERE not_before IS NOT NULL",
    "CREATE INDEX unit_changed ON unit (job_id, changed) WHERE changed IS NOT NULL",
    "CREATE INDEX attempt_running ON attempt (job_id) WHERE status = 'RUNNING'",
    CAUSE_INDEX,
    SAME_INDEX,
    TO_MEND_INDEX,
)
