"""`python -m abp_tui.execution.engines.node`: runs units for an executor on another machine.

A process of its own, with the environment that the executor's agents are to see, and with what an executor
has to end them: it adopts what they orphan, and a watchdog waits for its death. Frames come on its stdin and
go to its stdout; where they end, or no beat comes any more, its agents end, and so does it.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.errors import AbpError, EngineUnavailable
from abp_tui.execution.attempt import AttemptRunner, Ended
from abp_tui.execution.engines.shipping import MB, changed_files, unpacked_in_folder
from abp_tui.execution.engines.wire import (
    Beat,
    CancelAll,
    End,
    Hurry,
    News,
    Opening,
    Over,
    Parcel,
    Ready,
    Refused,
    packed,
    read_body,
    unpacked,
    write_all,
)
from abp_tui.execution.mailbox import Mail, Mailbox
from abp_tui.execution.orphans import Orphans, orphans_of_a_process
from abp_tui.execution.pool import WorkerPool
from abp_tui.execution.watchdog import watch_over_agents
from abp_tui.liveness import boot_id, hostname, started_at
from abp_tui.store.claims import Started
from abp_tui.workers.base import Worker, make_worker
from abp_tui.workers.cancel import Cancel

TICK_S = 0.2
END_WAIT_S = 2.0  # for agents that are killed
NO_DATABASE = Path("/nonexistent")  # where a test is compared, and none runs here

log = logging.getLogger(__name__)


def main() -> int:
    """Serve one executor until it has no more to say."""
    source, drain = _own_pipes()
    logging.basicConfig(format="%(asctime)s abp node %(levelname)s %(message)s", level=logging.INFO)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _go_on)
    watch_over_agents()
    body = read_body(source)
    if body is None:
        return 0
    opening: Opening = unpacked(body)
    try:
        node = Node(opening, _worker(opening), orphans_of_a_process(opening.store_uuid), drain)
    except AbpError as error:
        write_all(drain, packed(Refused(error.message, error.hint)))
        return 1
    gc.freeze()
    write_all(drain, packed(Ready(hostname(), boot_id())))
    node.serve(source)
    return 0


def _go_on(_signal: int, _frame: FrameType | None) -> None:
    """Nothing. Its agents would inherit it if the signal were ignored."""


def _own_pipes() -> tuple[int, int]:
    """Our ends of the two pipes, kept from everything that reads stdin or prints."""
    source, drain = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, drain


def _worker(opening: Opening) -> Worker[Any]:
    """The job's worker as it is here; raises `AbpError` where it, or the job's folder, is not."""
    job = opening.job
    worker = make_worker(job.worker, job.recipe.worker_options)
    worker.require()
    if not job.placement.ship_files_mb and not Path(job.cwd).is_dir():
        hint = "share it with the nodes, or send the files along: --ship-files"
        raise EngineUnavailable(f"the folder {job.cwd} is not there", hint)
    return worker


class Node:
    """The units of one job on this machine: read, run, told of."""

    def __init__(self, opening: Opening, worker: Worker[Any], orphans: Orphans, drain: int) -> None:
        self._job = opening.job
        self._lease_s = opening.lease_s
        self._orphans = orphans
        self._drain = drain
        self._mailbox: Mailbox[Over] = Mailbox()
        self._runner = AttemptRunner(self._job, worker, opening.store_uuid, NO_DATABASE, self._mailbox)
        self._pool: WorkerPool[Parcel, Over] = WorkerPool(self._run, self._told, opening.slots)
        self._most_bytes = int(self._job.placement.ship_files_mb * MB)

    def serve(self, source: int) -> None:
        """Obey what comes from `source` until its end, or until the executor is not heard of any more."""
        threading.Thread(target=self._tell, name="news", daemon=True).start()
        self._end_agents(self._obey(source))

    def _obey(self, source: int) -> str:
        """Take messages; returns why there are no more."""
        beat = time.monotonic()
        while True:
            left = beat + self._lease_s - time.monotonic()
            if left <= 0:
                return "its executor is not heard of any more"
            if not select.select([source], [], [], left)[0]:
                continue
            body = read_body(source)
            if body is None:
                return "its executor has no more to say"
            message = unpacked(body)
            if isinstance(message, Beat):
                beat = time.monotonic()
            else:
                self._do(message)

    def _do(self, message: object) -> None:
        match message:
            case Parcel():
                self._pool.give([message])
            case CancelAll(reason):
                self._pool.cancel(reason)
            case End(attempt_id, reason):
                self._pool.end([attempt_id], reason)
            case Hurry():
                self._pool.hurry()

    def _end_agents(self, why: str) -> None:
        """End all that runs, at once; what is left then is the watchdog's."""
        if running := self._pool.running:
            log.warning("%d agents are ended: %s", len(running), why)
        self._pool.cancel(why)
        self._pool.hurry()
        deadline = time.monotonic() + END_WAIT_S
        while self._pool.running and time.monotonic() < deadline:
            time.sleep(0.01)
        self._orphans.end(running, ())
        self._orphans.close()
        os._exit(0)  # a slot that hangs holds nobody back

    def _run(self, parcel: Parcel, cancel: Cancel) -> Over:
        try:
            return self._over(parcel, cancel)
        except (OSError, AbpError) as error:
            why = f"the files of the unit: {error}"
            return Over(parcel.attempt_id, Ended(Outcome.failed(FailureKind.TRANSIENT, why)))

    def _over(self, parcel: Parcel, cancel: Cancel) -> Over:
        claim = parcel.claim
        if parcel.shared is not None and not Path(parcel.shared).exists():
            error = f"{parcel.shared} is not on {hostname()}: share its folder, or use --ship-files"
            return Over(claim.attempt_id, Ended(Outcome.failed(FailureKind.REFUSED_TO_START, error)))
        if not self._most_bytes:
            return Over(claim.attempt_id, self._runner.run(claim, cancel))
        with unpacked_in_folder(parcel.files) as folder:
            ended = self._runner.run(claim, cancel, folder)
            files, kept_back = changed_files(folder, parcel.files, self._most_bytes)
        return Over(claim.attempt_id, ended, files, kept_back)

    def _told(self, _: Parcel, over: Over) -> None:
        self._mailbox.finished(over)

    def _tell(self) -> None:
        """Send the news, for ever; of an end only once nothing that the attempt has started is left."""
        try:
            while True:
                mail = self._mailbox.collect(TICK_S)
                self._orphans.started(mail.processes)
                if mail.finished:
                    self._orphans.end([over.attempt_id for over in mail.finished], self._pool.running)
                if mail:
                    write_all(self._drain, packed(_news(mail)))
        except OSError:
            log.warning("nobody takes the news any more")  # the end of the messages says so, too


def _news(mail: Mail[Over]) -> News:
    running = ((number, pid, started_at(pid)) for number, pid in mail.processes)
    started = [
        Started(number, pid, at, hostname(), boot_id()) for number, pid, at in running if at is not None
    ]
    return News(time.time(), started + mail.started, mail.sessions, mail.events, mail.finished)


if __name__ == "__main__":
    sys.exit(main())
