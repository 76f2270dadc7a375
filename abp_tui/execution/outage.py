"""While the database can't be written: say so, keep what there is, try again until it can."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from abp_tui.errors import StoreUnavailable
from abp_tui.store.claims import Finished
from abp_tui.store.spill import Spill

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 1.0
LEAST_FREE_BYTES = 64 * 1024 * 1024


class Outage:
    """One executor's account of the time in which its writes fail."""

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self._since: float | None = None
        self._why = ""
        self._wait_s = FIRST_WAIT_S

    @property
    def seconds(self) -> float:
        """How long nothing could be written; 0 while all is well."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def met(self, error: StoreUnavailable, unrecorded: Sequence[Finished]) -> None:
        """A write failed: keep the outcomes on the disk, too, and wait a moment."""
        self._spill.keep(unrecorded)
        if self._since is None:
            self._since = time.monotonic()
        if error.message != self._why:
            self._why = error.message
            self._spill.tell(error.message)
            log.warning("%s; outcomes are kept until it can be written again", error)
        time.sleep(self._wait_s)
        self._wait_s = min(LONGEST_WAIT_S, 2 * self._wait_s)

    def words(self) -> str | None:
        """For the job's log, when a write works again; None if none had failed."""
        return f"nothing could be written for {self.seconds:.1f} s: {self._why}" if self._since else None

    def over(self) -> None:
        """A write has worked, and with it all that was kept is recorded."""
        if self._since is None:
            return
        log.warning("the database can be written again after %.1f s", self.seconds)
        self._spill.clear()
        self._since, self._why, self._wait_s = None, "", FIRST_WAIT_S


class Room:
    """Whether the database's disk has room for more units."""

    def __init__(self, folder: Path, least_bytes: int = LEAST_FREE_BYTES) -> None:
        self._folder = folder
        self._least = least_bytes

    def lacks(self) -> str | None:
        """What is missing, in words, or None while there is room."""
        free = shutil.disk_usage(self._folder).free
        if free >= self._least:
            return None
        mb, least = free // 2**20, self._least // 2**20
        return f"the disk of {self._folder} has only {mb} MB free, no unit is started below {least} MB"
