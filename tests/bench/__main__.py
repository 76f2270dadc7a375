"""`python -m tests.bench [--only ROW] [--quick]`: measure, and print one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import (
    creating,
    dask_nodes,
    events,
    idle,
    look,
    many_workers,
    million,
    short,
    tui_commit,
    tui_million,
    tui_start,
    tui_stream,
    twenty_ms,
)
from tests.bench.machine import facts
from tests.bench.result import Result, table
from tests.bench.setting import Setting

ROWS: dict[str, Callable[[Setting], Iterator[Result]]] = {
    "short": short.measure,
    "20 ms": twenty_ms.measure,
    "events": events.measure,
    "200 workers": many_workers.measure,
    "million": million.measure,
    "idle": idle.measure,
    "dask": dask_nodes.measure,
    "ls": look.ls,
    "show": look.show,
    "creating": creating.measure,
    "creating random": creating.random_ids,
    "creating 10M": creating.ten_millions,
    "tui start": tui_start.measure,
    "tui million": tui_million.measure,
    "tui stream": tui_stream.measure,
    "tui commit": tui_commit.measure,
}

LEGEND = "pairs: the least and the greatest ratio of those measured in turn, the noise of this machine."


def main() -> None:
    """Measure the rows that are asked for and print their table."""
    arguments = _parse()
    with TemporaryDirectory(prefix="abp-bench-") as folder:
        setting = Setting(Path(folder), quick=arguments.quick)
        results = [result for row in arguments.only or ROWS for result in _measure(row, setting)]
    print(facts(), *table(results), LEGEND, sep="\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="small sizes: to try it, not to measure")
    return parser.parse_args()


def _measure(row: str, setting: Setting) -> Iterator[Result]:
    for result in ROWS[row](setting):
        print(*result.cells(), sep="  ", file=sys.stderr, flush=True)
        yield result


main()
