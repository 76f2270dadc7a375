"""Units on threads of the executor, their agents on its machine."""

from __future__ import annotations

from abp_tui.execution.attempt import Ended
from abp_tui.execution.engines.base import Engine, Stage
from abp_tui.execution.pool import WorkerPool
from abp_tui.store.claims import Claim


class LocalEngine(WorkerPool[Claim, Ended]):
    """The slots of this machine, which is there as long as the executor is."""

    def lacks(self) -> str | None:
        """Nothing."""
        return None

    def lost(self) -> str | None:
        """Never."""
        return None


class ThisMachine:
    """The machine of the executor."""

    away = False

    def engine(self, stage: Stage) -> Engine:
        """As many threads as units may run side by side."""
        return LocalEngine(stage.runners.run, stage.ended, stage.size)
