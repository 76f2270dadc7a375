"""Waiting for what happens in the store: a test to follow, a job to end."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from abp_tui.cli.common import LEFT, say
from abp_tui.cli.conversation import events_of
from abp_tui.cli.progress import Line
from abp_tui.cli.summary import REASON_CELLS, exit_code, gate_words, next_step, summary, warn
from abp_tui.cli.text import one_line
from abp_tui.domain.model import Event, Job
from abp_tui.domain.status import Phase
from abp_tui.liveness import Witness
from abp_tui.settling import Settling, is_run
from abp_tui.store.repository import Repository
from abp_tui.terminal import attention
from abp_tui.views import JobView, view_job
from abp_tui.words import counted

if TYPE_CHECKING:
    from abp_tui.orchestrator import Orchestrator

LOOK_S = 0.05
LOOK_ANYWAY_S = 1.0
TIMED_OUT = 124


def after_launch(orchestrator: Orchestrator, job: Job, wait: bool) -> int:
    """Say that a job runs, or wait for it; returns the exit code."""
    view = view_job(job)
    warn(view)
    if wait:
        return wait_for(orchestrator.repository, job.id)
    left = job.counters.pending + job.counters.processing
    what = f"runs, with {counted(left, 'unit')} to go" if left or not job.synthesis else "runs its synthesis"
    waits = gate_words(view)
    what += f", and waits: {one_line(waits, REASON_CELLS)}" if waits else ""
    say(f"{job.name} {what}. Watch it: abp, or abp wait {job.name}")
    return 0


def changes(repository: Repository, seconds: float | None = None) -> Iterator[None]:
    """Now, after changes of the store, and at least every second; ends after `seconds`."""
    end = math.inf if seconds is None else time.monotonic() + seconds
    with repository.database.connected():  # kept open: data_version compares within a connection
        while True:
            version = repository.database.data_version()
            again_at = time.monotonic() + LOOK_ANYWAY_S
            yield
            while True:
                if (now := time.monotonic()) >= end:
                    return
                time.sleep(min(LOOK_S, end - now))
                if now >= again_at or repository.database.data_version() != version:
                    break


def follow_test(
    repository: Repository,
    job_id: int,
    show: Callable[[Event], None],
    asks: Callable[[JobView], None],
    after_attempt: int,
) -> JobView:
    """Show the events of the test that is newer than `after_attempt` until nobody runs it any more.

    `asks` is called once for each question to a person.
    """
    last, asked, witness = 0, 0, Witness()
    for _ in changes(repository):
        view = view_job(
            repository.jobs.get(job_id), witness.judge
        )  # first, so that its last events are read below
        attempt = repository.attempts.latest_test(job_id)
        if attempt is not None and attempt.id > after_attempt:
            for event in events_of(repository, attempt.id, last):
                show(event)
                last = event.id or last
        if view.question is not None and view.question.id != asked:
            asked = view.question.id
            asks(view)
        if not is_run(view):
            return view
    raise AssertionError("it is followed without a limit of time")


def wait_for(repository: Repository, ref: str | int, seconds: float | None = None) -> int:
    """Wait until a job has ended or needs a person, say how it is, and return the exit code for that.

    Ctrl-C leaves the job alone and returns 130.
    """
    progress = Line()
    before = view_job(repository.jobs.find(ref))
    job_id = int(before.id[1:])
    try:
        view = _settled(repository, job_id, seconds, progress)
    except KeyboardInterrupt:
        progress.clear()
        say("abp: left; the job goes on. `abp wait` waits again, `abp pause` and `abp stop` end it")
        return LEFT
    progress.clear()
    if view is None:
        say(f"abp: not ended within {seconds:g} s; the job goes on")
        return TIMED_OUT
    ring(before, view)
    say(summary(view))
    if step := next_step(view):
        say(step)
    return exit_code(view)


def ring(before: JobView, after: JobView) -> None:
    """Ring the terminal where something has come about that a person wants to be told."""
    if not (sys.stderr and sys.stderr.isatty()):
        return
    from abp_tui.notify import notice_of, occasion_of
    from abp_tui.settings import load_settings

    occasion, wanted = occasion_of(after), load_settings().notify
    if wanted.bell and occasion in wanted.on and occasion is not occasion_of(before):
        say(attention(notice_of(after, occasion).text), nl=False)


def _settled(repository: Repository, job_id: int, seconds: float | None, progress: Line) -> JobView | None:
    """The job once it goes no further without a person; None after `seconds`."""
    settling = Settling()
    for _ in changes(repository, seconds):
        view, settled = settling.look(repository.jobs.get(job_id))
        if settled:
            return view
        if view.phase is not Phase.INTERRUPTED:
            progress.write(summary(view))
    return None
