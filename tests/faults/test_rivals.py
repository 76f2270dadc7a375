"""Several executors of one job at the worst moment: one runs it, the others say who does."""

from __future__ import annotations

import os
import random
import time

import pytest

from abp_tui.execution.launch import ALREADY_RUN
from abp_tui.liveness import hostname
from tests.faults.conftest import MakeBatch
from tests.faults.report import SEED_VARIABLE, Tell
from tests.faults.rig import PATIENCE_S, gated
from tests.faults.test_kill import START_S
from tests.processes import kill
from tests.waiting import wait_until

SEED = os.environ.get(SEED_VARIABLE, "0")
RIVALS = 8
HANDOVERS = 12


@pytest.mark.parametrize("state", ["free", "interrupted"])
def test_of_many_started_at_once_one_runs(state: str, make_batch: MakeBatch, tell: Tell) -> None:
    batch = make_batch(gated(8), workers=4)
    if state == "interrupted":
        dead = batch.start()
        batch.until_processing(4)
        kill([dead.pid])
    rivals = [batch.start() for _ in range(RIVALS)]
    wait_until(lambda: sum(r.poll() is None for r in rivals) == 1, PATIENCE_S, "one is left")
    batch.until_processing(4)
    (owner,) = [rival for rival in rivals if rival.poll() is None]
    assert batch.owned_by(owner)
    assert {rival.returncode for rival in rivals} == {None, ALREADY_RUN}
    assert batch.said().count(f"is run by process {owner.pid} on {hostname()}") == RIVALS - 1
    batch.open_gate()
    assert owner.wait(PATIENCE_S) == 0
    assert len(batch.effects()["done"]) == batch.size
    batch.assert_nothing_lost()
    tell(rivals=RIVALS, units=batch.size)


def test_one_started_while_the_first_is_killed(make_batch: MakeBatch, tell: Tell) -> None:
    rng = random.Random(f"{SEED}/handover")
    for _ in range(HANDOVERS):
        batch = make_batch(gated(4), workers=2)
        first = batch.start()
        batch.until_processing(2)
        second = batch.start()
        time.sleep(rng.uniform(0, START_S))
        first.kill()
        batch.open_gate()
        code = second.wait(PATIENCE_S)
        assert code in (0, ALREADY_RUN)
        if code == ALREADY_RUN:
            assert f"by process {first.pid} on {hostname()}" in batch.said()
            batch.run_to_end()
        batch.assert_nothing_lost()
        tell(handovers=1, units=batch.size, **({"handovers_refused": 1} if code else {}))
