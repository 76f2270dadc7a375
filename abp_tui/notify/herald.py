"""The herald: a process beside an executor that tells a person what becomes of the job.

It only reads the store, so that nothing it does can hold the job up, and it hears of the executor's end
by a pipe that closes with it, whatever ended it.
"""

from __future__ import annotations

import logging
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from abp_tui import paths
from abp_tui.errors import AbpError

log = logging.getLogger(__name__)

LOOK_S = 1.0
NOT_OURS = b"-"
VARIABLE = "ABP_NOTIFY"

Play = Callable[[Callable[[], bytes | None]], None]


class Herald:
    """The executor's end of the pipe to its herald, if it has one."""

    def __init__(self, pipe: int | None = None) -> None:
        self._pipe = pipe

    def dismiss(self) -> None:
        """Have nothing told: another executor has the job."""
        if self._pipe is not None:
            with suppress(OSError):
                os.write(self._pipe, NOT_OURS)


def start_herald(store: str, job_id: int) -> Herald:
    """Start the herald of the job that this process is about to run, if the settings want one.

    For before any thread runs and the store is opened.
    """
    if not (os.environ.get(VARIABLE) or paths.config_path().exists()):
        return Herald()  # and the settings are not even loaded
    from abp_tui.notify.watch import play_herald
    from abp_tui.settings import load_settings

    try:
        settings = load_settings().notify
    except AbpError as error:
        log.warning("nobody is notified: %s", error)
        return Herald()
    if not settings.goes_out:
        return Herald()
    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.close(theirs)
        _be_herald(lambda hear: play_herald(store, job_id, settings, hear), ours)
    os.close(ours)
    return Herald(theirs)


def _be_herald(play: Play, pipe: int) -> None:
    """Runs in the child, and never returns."""
    try:
        os.setsid()  # a signal to the executor's group is not for it
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _go_on)
        play(lambda: _hear(pipe))
    except AbpError as error:
        log.warning("nobody is notified: %s", error)
    except BaseException:
        log.exception("the herald failed")
    finally:
        logging.shutdown()
        os._exit(0)


def _go_on(_signal: int, _frame: FrameType | None) -> None:
    """Nothing. The command of a notice would inherit it if the signal were ignored."""


def _hear(pipe: int) -> bytes | None:
    """What the executor says within a second: nothing (None), that it has ended (empty), or more."""
    ready, _, _ = select.select([pipe], [], [], LOOK_S)
    return os.read(pipe, 1) if ready else None
