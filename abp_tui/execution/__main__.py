"""`python -m abp_tui.execution JOB --store FILE`: the detached process of a job, its test or pilot."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
from types import FrameType, TracebackType

from abp_tui.domain.secrecy import Mask
from abp_tui.errors import AbpError, LeaseHeld, LeaseLost
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.launch import ALREADY_RUN
from abp_tui.execution.orphans import orphans_of_a_process
from abp_tui.execution.watchdog import watch_over_agents
from abp_tui.notify.herald import start_herald
from abp_tui.store.repository import Repository

GC_THRESHOLD = 50_000  # objects: events come by the thousand, and none of them is in a circle


def main() -> int:
    """Run what the arguments name; 0 once it has ended or is paused, 1 with one line on why it could not."""
    arguments = _parse()
    _log_without_secrets()
    herald = start_herald(arguments.store, arguments.job)
    watch_over_agents()
    try:
        repository = Repository(arguments.store)
        executor = JobExecutor(repository, arguments.job, orphans=orphans_of_a_process(repository.uuid))
        _obey_signals(executor)
        gc.freeze()  # what is loaded by now stays: no use in walking it again and again
        gc.set_threshold(GC_THRESHOLD)
        if arguments.test is not None:
            executor.run_test(arguments.test)
        elif arguments.pilot is not None:
            executor.run_pilot(arguments.pilot)
        else:
            executor.run(force=arguments.force, only=arguments.only)
    except LeaseHeld as error:
        herald.dismiss()
        _tell(error)
        return ALREADY_RUN
    except LeaseLost as error:
        herald.dismiss()
        _tell(error)
        return 1
    except AbpError as error:
        _tell(error)
        return 1
    return 0


MASK = Mask(os.environ)


def _tell(error: AbpError) -> None:
    print(MASK.text(f"abp: {error}"), file=sys.stderr)  # noqa: T201 - its log is its terminal


class _Masked(logging.Formatter):
    """Lines of the log, with no secret of the environment in them."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, its traceback included."""
        return MASK.text(super().format(record))


def _log_without_secrets() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Masked("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    sys.excepthook = _log_fault


def _log_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.critical("the executor failed", exc_info=(kind, error, trace))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m abp_tui.execution")
    parser.add_argument("job", type=int)
    parser.add_argument("--store", required=True)
    parser.add_argument("--test", type=int)
    parser.add_argument("--only", type=int)
    parser.add_argument("--pilot", type=int)
    parser.add_argument("--force", action="store_true")
    return parser.parse_args()


def _obey_signals(executor: JobExecutor) -> None:
    """A closed terminal is nothing to an executor; TERM and INT end its agents and pause the job."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        executor.stop()

    def go_on(_signal: int, _frame: FrameType | None) -> None:
        """Nothing. Its agents would inherit it if the signal were ignored."""

    signal.signal(signal.SIGHUP, go_on)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


if __name__ == "__main__":
    sys.exit(main())
