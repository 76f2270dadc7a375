"""What the fault suite did, said once at the end of the run: a plugin, because xdist's controller collects
nothing and so never loads the `conftest` of a folder.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

SEED_VARIABLE, ROUNDS_VARIABLE = "ABP_FAULT_SEED", "ABP_FAULT_ROUNDS"
DEFAULT_ROUNDS = 200

Tell = Callable[..., None]


def pytest_configure(config: pytest.Config) -> None:
    """Give this run and all its worker processes one seed, unless a person has."""
    os.environ.setdefault(SEED_VARIABLE, str(random.SystemRandom().randrange(10**6)))


def pytest_report_header() -> str:
    return f"faults: {SEED_VARIABLE}={os.environ[SEED_VARIABLE]}"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Adds to the summary: so many of each of these."""

    def tell(**counts: int) -> None:
        for name, count in counts.items():
            record_property(f"fault:{name}", count)

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    everything = [report for reports in terminalreporter.stats.values() for report in reports]
    ours = [r for r in everything if isinstance(r, pytest.TestReport) and "/faults/" in r.nodeid]
    counts: Counter[str] = Counter()
    for report in ours:
        for name, count in getattr(report, "user_properties", ()):
            if report.when == "call" and name.startswith("fault:"):
                counts[name.removeprefix("fault:")] += count
    if not ours:
        return
    terminalreporter.section("faults")
    rounds, units = counts.pop("rounds", 0), counts.pop("units", 0)
    kinds = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))
    terminalreporter.write_line(f"{rounds} rounds of kill -9; {kinds}; {units} units in all")
    bad = [r.nodeid for r in ours if r.failed]
    verdict = f"LOST SOMETHING: {', '.join(bad)}" if bad else "nothing lost, nothing run twice"
    terminalreporter.write_line(f"{verdict}; {SEED_VARIABLE}={os.environ[SEED_VARIABLE]}")
