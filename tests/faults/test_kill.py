"""Kill -9 at any instant: of the executor, its agents, or both, again and again until the job has ended."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from abp_tui.domain.status import JobStatus
from tests.faults.conftest import MakeBatch
from tests.faults.report import DEFAULT_ROUNDS, ROUNDS_VARIABLE, SEED_VARIABLE, Tell
from tests.faults.rig import PATIENCE_S, Batch, Row, payloads
from tests.processes import kill
from tests.waiting import wait_until

SEED = os.environ.get(SEED_VARIABLE, "0")
ROUNDS = int(os.environ.get(ROUNDS_VARIABLE, DEFAULT_ROUNDS))
LANES = 4
WORKERS = ("command", "claude")
UNITS = 40
LONGEST_UNIT_S = 0.4
KILLED_TESTS = 10
START_S = 0.5  # about what an executor needs until its first unit runs
KINDS = ("plain", "plain", "plain", "flaky", "family")
FAULTS = ("executor", "executor", "agents", "both")


class Chaos:
    """Runs one batch to its end through faults at random instants, and remembers what was recorded."""

    def __init__(self, batch: Batch, rng: random.Random) -> None:
        self.batch = batch
        self.rng = rng
        self.rounds = 0
        self.faults: Counter[str] = Counter()
        self.recorded: dict[int, Row] = {}
        self.hit: set[int] = set()

    def run(self, rounds: int) -> None:
        """Up to so many rounds, then undisturbed to the end; the job may end before that."""
        while self.rounds < rounds and not self.batch.job.status.ended:
            self._one_executor(rounds)
        self.batch.run_to_end()
        self._remember()
        lost = {seq for seq, (status, *_) in self.recorded.items() if status == "FAILED"} - self.hit
        assert not lost, f"units {lost} have failed though nobody touched their agents"

    def _one_executor(self, rounds: int) -> None:
        executor = self.batch.start()
        if self.rng.random() < 0.8:
            wait_until(lambda: self.batch.owned_by(executor) or executor.poll() is not None, PATIENCE_S)
            longest_s = self.rng.choice((0.02, 0.3, 0.6))
        else:
            longest_s = START_S
        while self.rounds < rounds:
            time.sleep(self.rng.uniform(0, longest_s))
            if executor.poll() is not None:
                return
            if self._strike(executor):
                return
        executor.wait(PATIENCE_S)

    def _strike(self, executor: subprocess.Popen[bytes]) -> bool:
        """One round; says whether the executor was killed."""
        fault = self.rng.choice(FAULTS)
        self._remember()
        if fault == "agents":
            self._kill_agents()
        else:
            executor.kill()
            if fault == "both":
                kill(self.batch.leaders())  # what they have started is left for the next executor to find
            executor.wait(PATIENCE_S)
            self.faults["orphaned_processes"] += len(self.batch.marked())
        self._remember()
        self.rounds += 1
        self.faults[f"kills_of_{fault}"] += 1
        return fault != "agents"

    def _kill_agents(self) -> None:
        """Kill some of the attempts that run, each with everything that it has started."""
        running = sorted(set(self.batch.marked().values()))
        chosen = set(self.rng.sample(running, self.rng.randint(0, len(running))))
        attempts = self.batch.attempts()
        self.hit |= {attempts[attempt][0] for attempt in chosen}
        while left := [pid for pid, attempt in self.batch.marked().items() if attempt in chosen]:
            kill(left)

    def _remember(self) -> None:
        """What was once recorded as finished is so for good: not run again, not changed."""
        now = self.batch.ended_units()
        for seq, row in self.recorded.items():
            assert now.get(seq) == row, f"unit {seq} was recorded as {row} and is now {now.get(seq)}"
        self.recorded = now


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lane", range(LANES))
def test_whatever_is_killed_nothing_is_lost(lane: int, make_batch: MakeBatch, tell: Tell) -> None:
    """Two jobs of one store side by side: what is killed of one must not disturb the other."""
    share = -(-ROUNDS // (LANES * len(WORKERS)))
    with ThreadPoolExecutor(len(WORKERS)) as pool:
        runs = [pool.submit(rounds_of, lane, worker, share, make_batch, tell) for worker in WORKERS]
    for run in runs:
        run.result()


def rounds_of(lane: int, worker: str, share: int, make_batch: MakeBatch, tell: Tell) -> None:
    """Jobs of one worker, one after the other, until so many rounds are done."""
    rng = random.Random(f"{SEED}/{lane}/{worker}")
    done = 0
    while done < share:
        batch = make_batch(payloads(UNITS, KINDS, rng, LONGEST_UNIT_S), worker=worker, workers=4)
        chaos = Chaos(batch, rng)
        chaos.run(share - done)
        batch.assert_nothing_lost()
        done += chaos.rounds
        tell(rounds=chaos.rounds, units=batch.size, **chaos.faults)


def test_a_test_that_is_killed_again_and_again_is_made_in_the_end(make_batch: MakeBatch, tell: Tell) -> None:
    rng = random.Random(f"{SEED}/test")
    batch = make_batch(payloads(3, ("family",), rng, LONGEST_UNIT_S), status=JobStatus.CREATED)
    for _ in range(KILLED_TESTS):
        executor = batch.start("--test", "1")
        time.sleep(rng.uniform(0, START_S))
        executor.kill()
        executor.wait(PATIENCE_S)
        if batch.job.status is JobStatus.TESTING and batch.job.lease is None:
            break  # it was that quick
    else:
        assert batch.start("--test", "1").wait(PATIENCE_S) == 0
    assert (batch.job.status, batch.job.lease) == (JobStatus.TESTING, None)
    assert batch.ended_units().keys() == {1}
    batch.repository.jobs.move(batch.id, JobStatus.RUNNING)
    batch.run_to_end()
    batch.assert_nothing_lost()
    tell(kills_of_a_test=KILLED_TESTS, units=batch.size)
