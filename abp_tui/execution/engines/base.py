"""What the executor's loop asks of an engine, and what an engine is given of the job that it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from abp_tui.domain.model import Job
from abp_tui.execution.attempt import Ended
from abp_tui.execution.mailbox import Mailbox
from abp_tui.execution.runners import Runners
from abp_tui.store.claims import Claim, Finished


class Engine(Protocol):
    """Runs claims. What an agent says goes to the mailbox, and of each end the stage is told, once.

    The store is not its business: nothing of a unit is recorded but by the executor's loop.
    """

    @property
    def running(self) -> frozenset[int]:
        """The attempts that are running or about to."""

    def demand(self) -> int:
        """How many more claims can be used now."""

    def give(self, works: Iterable[Claim]) -> None:
        """Hand over claims to be run."""

    def resize(self, size: int) -> None:
        """Change how many run side by side: more at once, fewer as their units finish."""

    def cancel(self, reason: str) -> None:
        """End all running attempts."""

    def end(self, attempt_ids: Iterable[int], reason: str) -> None:
        """End these attempts for good: their units are not to be tried again."""

    def hurry(self) -> None:
        """Have all attempts that are being ended be over now."""

    def close(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait until all that was given has ended; `meanwhile` is called several times a second."""

    def lacks(self) -> str | None:
        """What it waits for before it can run anything, in words, or None."""

    def lost(self) -> str | None:
        """Why it can run nothing any more, so that a person must look, or None."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The job that an engine runs units of. `ended` is told of each end, by whichever thread hears of it."""

    job: Job
    store_uuid: str
    database: Path
    runners: Runners
    mailbox: Mailbox[Finished]
    size: int
    ended: Callable[[Claim, Ended], None]


class Machines(Protocol):
    """What units can run on, connected to and checked before the executor takes the job."""

    @property
    def away(self) -> bool:
        """Whether they are others than this one."""

    def engine(self, stage: Stage) -> Engine:
        """The engine of one job; raises `AbpError` where it can't begin."""
