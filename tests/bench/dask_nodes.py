"""A Dask cluster of four nodes on this machine, with fifty slots each, beside what Dask does by itself.

Two thousand agents, real processes that sleep for a second, against as many calls of `time.sleep` by
`Client.submit` on the fifty threads of each node: that is two hundred a second at best. Then forty agents
that say five lines a second each, looked for in the store, where every reader finds them.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from abp_tui.domain.model import Placement
from tests.bench import teller
from tests.bench.machine import cpu_seconds
from tests.bench.result import Goal, Pairs, Result, compared, millis
from tests.bench.setting import PATIENCE_S, Executor, MadeJob, Setting, assert_completed, executor
from tests.execution.engines.cluster import Cluster

NODES, SLOTS = 4, 50
LOOK_S = 0.01
NOTE = "Dask: scheduler and nodes are processes of the same machine, and share its cores with the agents."


def measure(setting: Setting) -> Iterator[Result]:
    """Units per second beside bare calls, what a unit costs, how late events are."""
    with _cluster(setting) as cluster:
        yield from _throughput(setting, cluster)
        yield from _events(setting, cluster)


def _throughput(setting: Setting, cluster: Cluster) -> Iterator[Result]:
    units = setting.size(2000, 60)
    pairs, costs = Pairs([], []), []
    for _ in range(setting.size(3, 1)):
        pairs.baseline.append(units / _bare_seconds(cluster, units))
        made = _job(setting, cluster, units, ["sleep", "1"], NODES * SLOTS)
        with executor(made) as running:
            costs.append(_costs(running, cluster))
        assert_completed(made)
        pairs.ours.append(units / made.seconds())
    yield compared(
        f"dask, {NODES} x {SLOTS} slots", pairs, "{:.0f} units/s", "bare submit", Goal(">=", 0.8), NOTE
    )
    ours, schedulers = min(1000 * a / units for a, _ in costs), min(1000 * b / units for _, b in costs)
    measured = f"{ours:.2f} ms of the executor"
    yield Result("dask, processor time of a unit", measured, f"its scheduler: {schedulers:.2f} ms", ours)


def _events(setting: Setting, cluster: Cluster) -> Iterator[Result]:
    agents, seconds = setting.size(40, 8), setting.size(20, 3)
    argv = [sys.executable, "-I", "-S", teller.__file__, "5", str(seconds)]
    for row, where in ((f"dask, events of {agents}", cluster), (f"local, events of {agents}", None)):
        made = _job(setting, where, agents, argv, agents, jsonl_events=True)
        with executor(made) as running:
            heard = _listen(running)
        assert_completed(made)
        assert len(heard.delays) == agents * 5 * seconds, f"{len(heard.delays)} events came"
        yield millis(row, heard.delays, 250 if where else None, share=0.95)


def _job(
    setting: Setting, cluster: Cluster | None, units: int, argv: list[str], workers: int, **options: object
) -> MadeJob:
    made = setting.job(units, argv, workers=workers, **options)
    if cluster is not None:
        made.repository.jobs.place(made.id, Placement(engine="dask", scheduler=cluster.address))
    return made


@contextmanager
def _cluster(setting: Setting) -> Iterator[Cluster]:
    cluster = Cluster(setting.folder())
    try:
        cluster.start_scheduler()
        for n in range(NODES):
            cluster.start_node(f"node{n}", slots=SLOTS, threads=SLOTS)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.end()


def _bare_seconds(cluster: Cluster, units: int) -> float:
    """As many sleeps by Dask itself, from the first one's submission to the last one's result."""
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        began = time.monotonic()
        calls = [client.submit(time.sleep, 1, pure=False, retries=0) for _ in range(units)]
        for call in calls:
            call.result(PATIENCE_S)
        return time.monotonic() - began


def _costs(running: Executor, cluster: Cluster) -> tuple[float, float]:
    """Seconds of processor time of the executor and of the scheduler while the job runs."""
    assert cluster.scheduler is not None
    scheduler, first, last = cluster.scheduler.pid, None, 0.0
    before = cpu_seconds(scheduler)
    while running.process.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError):
            if running.made.began():
                last = cpu_seconds(running.pid)
                first = last if first is None else first
        time.sleep(0.1)
    return last - (first or 0.0), cpu_seconds(scheduler) - before


@dataclass(slots=True)
class _Heard:
    """How late each event stood in the store, in seconds; raises `AssertionError` for one out of turn."""

    delays: list[float] = field(default_factory=list)
    _next: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, attempt: int, body: str) -> None:
        """An event as it was found."""
        n, at = body.split()
        assert int(n) == self._next[attempt], f"line {n} of attempt {attempt} came out of turn"
        self._next[attempt] += 1
        self.delays.append(time.time() - float(at))


def _listen(running: Executor) -> _Heard:
    heard, last = _Heard(), 0
    ended = False
    while True:
        rows = running.made.rows(
            f"SELECT id, attempt_id, body FROM event WHERE id > {last} AND kind = 'text' ORDER BY id"
        )
        for number, attempt, body in rows:
            heard.take(attempt, json.loads(body)["text"])
            last = number
        if ended and not rows:
            return heard
        ended = running.process.poll() is not None
        time.sleep(LOOK_S)
