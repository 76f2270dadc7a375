"""A batch of programs that end at once, every line that they print recorded, every outcome on the disk.

Beside it xargs runs the bare program on as many items. Units per second; what the executor needs to
start is a figure of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench.result import Goal, Result, compared
from tests.bench.setting import MadeJob, Setting, alternate, run_to_end
from tests.bench.xargs import xargs

NOTE = "Batches and events: from the first attempt's start to the job's end, the executor's start-up apart."
WORKERS = 4
LINES = 6
LINES_SQL = (
    "SELECT count(*), coalesce(sum(length(body) - length(replace(body, char(10), '')) + 1), 0) "
    "FROM event WHERE kind = 'text'"
)


def measure(setting: Setting) -> Iterator[Result]:
    """Lines as the worker records them, then each as an event of its own."""
    yield from batch(setting, "short", setting.agent(), Goal(">=", 0.65))


def batch(setting: Setting, row: str, agent: Sequence[str], goal: Goal) -> Iterator[Result]:
    """Both ways to record the lines of this agent."""
    start_ups: list[float] = []
    for by_line in (False, True):
        pairs = alternate(
            lambda by_line=by_line: _ours(setting, agent, by_line, start_ups),
            lambda: _bare(setting, agent),
        )
        name = f"{row}, an event per line" if by_line else row
        yield compared(name, pairs, "{:.0f} units/s", f"xargs -P{WORKERS}", goal)
    yield Result(f"{row}, start-up", f"{median(start_ups):.2f} s", note=NOTE)


def _units(setting: Setting) -> int:
    return setting.size(1000, 60)


def _ours(setting: Setting, agent: Sequence[str], by_line: bool, start_ups: list[float]) -> float:
    units = _units(setting)
    made = setting.job(units, [*agent, "{n}"], workers=WORKERS, jsonl_events=by_line)
    launched = time.time()
    run_to_end(made)
    start_ups.append(made.began() - launched)
    _assert_recorded(made, units, by_line)
    return units / made.seconds()


def _assert_recorded(made: MadeJob, units: int, by_line: bool) -> None:
    events, lines = made.rows(LINES_SQL)[0]
    assert lines == units * LINES, f"{lines} of {units * LINES} lines were recorded"
    assert not by_line or events == lines, f"{lines} lines in {events} events"


def _bare(setting: Setting, agent: Sequence[str]) -> float:
    units = _units(setting)
    return units / xargs(setting.folder(), units, agent, workers=WORKERS)
