"""One agent that prints JSON lines as fast as it can, each recorded as an event of its own.

Beside it a bare loop, also in a process of its own, runs the same program, parses the lines and inserts
them into a table of a file in the same mode, with a commit at least every 100 ms. What either process
needs to start is not in it.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing

from tests.bench import bare_loop
from tests.bench.result import Goal, Result, compared
from tests.bench.setting import PATIENCE_S, Setting, alternate, run_to_end

PAIRS = 7
LINE = '{"type":"text","n":N,"text":"line N of what an agent has to say"}'
OUTPUT_LIMIT = 16 * 1024 * 1024


def measure(setting: Setting) -> Iterator[Result]:
    """Ten times as many events, then beside the bare loop."""
    few, many = setting.size(1_000, 100), setting.size(10_000, 1_000)
    growth = alternate(
        lambda: _ours(setting, _prints(setting, many), many),
        lambda: _ours(setting, _prints(setting, few), few),
        PAIRS,
    )
    yield compared(f"events, {many:,}", growth, "{:.3f} s", f"{few:,} events", Goal("<=", 11))
    for how, agent in (("", _prints(setting, many)), (" of a file", _copies(setting, many))):
        pairs = alternate(
            lambda agent=agent: _ours(setting, agent, many),
            lambda agent=agent: _bare(setting, agent, many),
            PAIRS,
        )
        yield compared(f"events, {many:,}{how}", pairs, "{:.3f} s", "bare loop", Goal("<=", 2))


def _prints(setting: Setting, count: int) -> list[str]:
    """An agent that prints one line after the other."""
    script = setting.folder() / "agent.sh"
    line = LINE.replace("N", "'$n'")
    script.write_text(f"n=0\nwhile [ $n -lt {count} ]; do echo '{line}'; n=$((n+1)); done\n")
    return ["sh", str(script)]


def _copies(setting: Setting, count: int) -> list[str]:
    """An agent that has all of its lines ready: nothing to wait for, so the worst case."""
    path = setting.folder() / "lines.jsonl"
    path.write_text("".join(f"{LINE.replace('N', str(n))}\n" for n in range(count)))
    return ["cat", str(path)]


def _ours(setting: Setting, agent: Sequence[str], count: int) -> float:
    made = setting.job(1, agent, workers=1, jsonl_events=True, output_limit=OUTPUT_LIMIT)
    run_to_end(made)
    recorded = made.rows("SELECT count(*) FROM event WHERE kind = 'text' AND title = 'text'")[0][0]
    assert recorded == count, f"{recorded} of {count} events were recorded"
    return made.seconds()


def _bare(setting: Setting, agent: Sequence[str], count: int) -> float:
    store = setting.folder() / "bare.db"
    command = [sys.executable, bare_loop.__file__, str(store), *agent]
    seconds = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE_S).stdout
    with closing(sqlite3.connect(store)) as connection:
        recorded = connection.execute("SELECT count(*) FROM event").fetchone()[0]
    assert recorded == count, f"{recorded} of {count} events were recorded"
    return float(seconds)
