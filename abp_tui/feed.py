"""Database changes as immutable snapshots: what the screens, and whoever else waits, live on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from abp_tui.domain.model import Bucket, Event, Job, UnitLine
from abp_tui.domain.pace import WINDOW_S, Pace, PaceMeter
from abp_tui.domain.status import Phase
from abp_tui.errors import StoreError
from abp_tui.liveness import Witness
from abp_tui.store.repository import Repository
from abp_tui.views import JobView, view_job

log = logging.getLogger(__name__)

LOOK_S = 1.0
MIN_GAP_S = 0.25
DEBOUNCE_MS = 25
SETTLE_S = 0.3  # the first snapshot is drawn before the watching begins: to load it takes as long as to draw
MAX_CHANGED = 500
MAX_EVENTS = 2_000


@dataclass(frozen=True, slots=True)
class RunningUnit:
    """A unit that an agent works on now, with the last thing it said. `host` is its machine, if another."""

    attempt_id: int
    seq: int
    key: str
    started_at: datetime
    last: Event | None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Focus:
    """The job that is looked at. `changed` are the units that changed since the snapshot before.

    `changed` is None where there are too many to name: read the window shown anew.
    """

    job: JobView
    buckets: tuple[Bucket, ...]
    bucket_width: int
    running: tuple[RunningUnit, ...]
    changed: tuple[UnitLine, ...] | None
    pace: Pace
    attempt_id: int | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All jobs, newest first, and the one in focus; `trouble` says why there is nothing newer."""

    jobs: tuple[JobView, ...]
    focus: Focus | None = None
    trouble: str = ""


class Feed:
    """Watches a database. One thread iterates over `snapshots`; any thread may change what is in focus."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._witness = Witness()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._job_id: int | None = None
        self._attempt_id: int | None = None
        self._last_change = -1
        self._last_event = 0
        self._asked = False
        self._meter: PaceMeter | None = None
        self._buckets: tuple[Bucket, ...] = ()

    def look_at(self, job_id: int | None, attempt_id: int | None = None) -> None:
        """Put a job in focus, and follow the events of one of its attempts, from the first on."""
        with self._lock:
            if job_id != self._job_id:
                self._last_change = -1
                self._meter = None
            if attempt_id != self._attempt_id:
                self._last_event = 0
            self._job_id, self._attempt_id, self._asked = job_id, attempt_id, True
        self._wake.set()

    def snapshots(self, stop: threading.Event) -> Iterator[Snapshot]:
        """A snapshot now, and another after each change, until `stop` is set and something wakes the feed.

        The first change after a quiet moment is read at once, bursts a few times a second. Without a change
        of the database there is a look every second at whether executors still live. While the database can't
        be read that is said in a snapshot, and tried again every second.
        """
        watcher = threading.Thread(target=self._watch, args=(stop,), name="feed-watch", daemon=True)
        watcher.start()
        jobs: tuple[JobView, ...] = ()
        while not stop.is_set():
            try:
                for snapshot in self._while_it_can_be_read(stop, jobs):
                    jobs = snapshot.jobs
                    yield snapshot
            except Exception as error:
                foreseen = isinstance(error, StoreError)
                log.warning("the feed tries again: %s", error, exc_info=not foreseen)
                self._last_change, self._asked = -1, True  # what the failed look has passed over is read anew
                yield Snapshot(jobs, trouble=f"can't read the store: {self._why(error)}")
                stop.wait(LOOK_S)

    def _why(self, error: Exception) -> str:
        if isinstance(error, StoreError):
            return error.message.removeprefix(f"database {self._repository.path}: ")
        return f"{type(error).__name__}: {error}"

    def _while_it_can_be_read(self, stop: threading.Event, jobs: tuple[JobView, ...]) -> Iterator[Snapshot]:
        with self._repository.database.connected():  # kept open: data_version compares within a connection
            version = -1
            read_at = 0.0
            while not stop.is_set():
                self._wake.clear()
                with self._lock:
                    asked, self._asked = self._asked, False
                now = self._repository.database.data_version()
                version, unchanged = now, now == version and not asked
                began = time.monotonic()
                snapshot = self._look_again(jobs) if unchanged else self._read()
                if snapshot is not None:  # a look that found nothing keeps no change waiting
                    jobs, read_at = snapshot.jobs, began
                    yield snapshot
                self._wake.wait(LOOK_S)
                stop.wait(max(0.0, read_at + MIN_GAP_S - time.monotonic()))

    def now(self) -> Snapshot:
        """The jobs of this moment, for whoever has nothing to show yet; raises `StoreError`.

        Without their warnings: to know those, the workers have to be loaded. The next snapshot has them.
        """
        with self._repository.database.connected():
            jobs = self._repository.jobs.all()
        return Snapshot(tuple(view_job(job, self._witness.judge, warned=False) for job in jobs))

    def wake(self) -> None:
        """Have the feed look up now, for instance to see that it should stop."""
        self._wake.set()

    def _watch(self, stop: threading.Event) -> None:
        """Wake at every write to the database; where folders can't be watched, a look a second stays."""
        stop.wait(SETTLE_S)
        from watchfiles import watch

        name = self._repository.path.name
        changes = watch(
            self._repository.path.parent,
            watch_filter=lambda _, path: name in path,
            debounce=DEBOUNCE_MS,
            step=DEBOUNCE_MS,
            stop_event=stop,
            rust_timeout=int(LOOK_S * 1000),
            recursive=False,
            raise_interrupt=False,
        )
        self._wake.set()  # for what was written meanwhile
        try:
            for _ in changes:
                self._wake.set()
        except (OSError, RuntimeError) as error:  # no watches left, a file system that has none
            log.info("changes are looked for every second: %s", error)

    def _look_again(self, before: tuple[JobView, ...]) -> Snapshot | None:
        """A snapshot if an executor has died or stalled in silence, else None."""
        held = [job for job in before if job.executor]
        if not held:
            return None
        now = [view_job(job, self._witness.judge) for job in self._repository.jobs.held()]
        return self._read() if now != held else None

    def _read(self) -> Snapshot:
        jobs = self._repository.jobs.all()
        with self._lock:
            focused = next((job for job in jobs if job.id == self._job_id), None)
            focus = self._focus(focused) if focused else None
        return Snapshot(tuple(view_job(job, self._witness.judge) for job in jobs), focus)

    def _focus(self, job: Job) -> Focus:
        view, changed = view_job(job, self._witness.judge), self._changed(job)
        if changed is None or changed:  # events alone leave the map as it was
            self._buckets = tuple(self._repository.jobs.buckets(job.id))
        return Focus(
            job=view,
            buckets=self._buckets,
            bucket_width=job.bucket_width,
            running=self._running(job),
            changed=changed,
            pace=self._pace(view),
            attempt_id=self._attempt_id,
            events=self._new_events(),
        )

    def _running(self, job: Job) -> tuple[RunningUnit, ...]:
        attempts = self._repository.attempts.running(job.id)
        last = self._repository.attempts.last_events([a.id for a in attempts])
        keys = self._repository.units.keys(job.id, [a.seq for a in attempts])
        home = job.lease.host if job.lease else None
        return tuple(
            RunningUnit(
                *(a.id, a.seq, keys.get(a.seq, "the synthesis"), a.started_at, last.get(a.id)),
                host=None if a.host == home else a.host,
            )
            for a in attempts
        )

    def _changed(self, job: Job) -> tuple[UnitLine, ...] | None:
        if self._last_change < 0:
            self._last_change = job.change
            return None
        lines = self._repository.units.changed_since(job.id, self._last_change, limit=MAX_CHANGED)
        self._last_change = job.change
        return tuple(lines) if len(lines) < MAX_CHANGED else None

    def _new_events(self) -> tuple[Event, ...]:
        if self._attempt_id is None:
            return ()
        found = self._repository.attempts.events(self._attempt_id, after=self._last_event, limit=MAX_EVENTS)
        if len(found) == MAX_EVENTS:
            self._asked = True  # there is more: come back at once
            self._wake.set()
        if found:
            self._last_event = found[-1].id or self._last_event
        return tuple(found)

    def _pace(self, job: JobView) -> Pace:
        if job.phase is not Phase.RUNNING or job.running_since is None:
            self._meter = None
            return Pace()
        now = time.monotonic()
        if self._meter is None:
            began = now - (datetime.now(UTC) - job.running_since).total_seconds()
            self._meter = PaceMeter(began, now, job.ended_units, self._ends(job, now))
        return self._meter.pace(now, job.ended_units, job.total_units, job.time_worked())

    def _ends(self, job: JobView, now: float) -> Iterator[float]:
        """When units ended since the job was last set to work, on this process's clock."""
        clock = datetime.now(UTC)
        after = max(clock - timedelta(seconds=WINDOW_S), job.running_since or clock)
        for end in self._repository.attempts.final_ends(int(job.id[1:]), after):
            yield now - (clock - end).total_seconds()
