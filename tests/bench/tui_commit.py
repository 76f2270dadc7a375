"""From a commit of an executor to the changed cell on the screen, each after a quiet moment.

The commits go through the journal that executors write with, from another process than the one that paints.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from abp_tui.domain.model import Lease, Outcome
from abp_tui.domain.status import AttemptStatus, Purpose, UnitStatus
from abp_tui.liveness import identity
from abp_tui.store.claims import Claim, Finished
from abp_tui.store.journal import Journal
from tests.bench.result import Result, millis
from tests.bench.screen import Screen, abp_shown
from tests.bench.setting import MadeJob, Setting

EXECUTOR = "bench"
COMMITS = 30
QUIET_S = (1.0, 1.5)


def measure(setting: Setting) -> Iterator[Result]:
    """One unit after the other ends while its row is looked at."""
    made = setting.watched()
    with abp_shown(made) as screen, _journal(made) as journal:
        screen.react(b"\r", "item-0 ")
        seconds = [_commit(journal, screen, n) for n in range(setting.size(COMMITS, 4))]
    yield millis("a commit, painted", seconds, 80, share=0.95)


@contextmanager
def _journal(made: MadeJob) -> Iterator[Journal]:
    """The write path of an executor that this process plays."""
    me = identity()
    lease = Lease(
        executor=EXECUTOR,
        host=me.host,
        boot_id=me.boot_id,
        pid=me.pid,
        pid_started=me.started,
        beat_at=datetime.now(UTC),
        beat_clock=time.monotonic(),
    )
    assert made.repository.leases.take(made.id, lease, None)
    try:
        with made.repository.journal(made.id, EXECUTOR, me.host, me.boot_id).opened() as journal:
            yield journal
    finally:
        made.repository.leases.release(made.id, EXECUTOR)


def _commit(journal: Journal, screen: Screen, n: int) -> float:
    """Claim the unit under the cursor, wait, end it with words that its row shows; the seconds from there."""
    with journal.transaction(durable=True):
        claim = journal.claim_unit(n, Purpose.RUN, 1, lambda payload: "do it")
    assert claim is not None
    time.sleep(random.uniform(*QUIET_S))
    with journal.transaction(durable=True):
        journal.finish([_end(claim, f"said-{n}-")])
    at = time.monotonic()
    passed = screen.see(f"said-{n}-", since=at)
    screen.send(b"j")
    return passed


def _end(claim: Claim, words: str) -> Finished:
    outcome = Outcome(ok=True, output=words)
    return Finished(claim, outcome, AttemptStatus.COMPLETED, UnitStatus.COMPLETED, time.time())
