"""What can go wrong in a way that a person can mend: one message, one hint."""

from __future__ import annotations

from collections.abc import Sequence


class AbpError(Exception):
    """An error meant for a person: `message` says what and where, `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidInput(AbpError):
    """What was asked for can't be done as it was written: a path, a template, an option."""


class DuplicateKey(InvalidInput):
    """Two items of a job have the same key: the one at `seq` has that of the one at `first`."""

    def __init__(self, key: str, seq: int, first: int) -> None:
        super().__init__(f"items {first + 1} and {seq + 1} have the same key {key[:100]!r}")
        self.key = key
        self.seq = seq
        self.first = first


class ApprovalNeeded(AbpError):
    """Something runs only after a person has approved it, and nobody has yet."""


class NotFound(AbpError):
    """There is no such job, unit, worker or enumerator."""


class IllegalTransition(AbpError):
    """The job or unit is not in a state from which this is possible; nothing was changed."""


class PersonNeeded(IllegalTransition):
    """This waits for a person, who says yes with `command`; nothing was run."""

    def __init__(self, message: str, command: str) -> None:
        super().__init__(message, f"`{command}`")
        self.command = command


class EditConflict(IllegalTransition):
    """Someone else has saved an edit first: `difference` is what that changed, in lines."""

    def __init__(self, message: str, hint: str, difference: Sequence[str]) -> None:
        super().__init__(message, hint)
        self.difference = tuple(difference)


class StoreError(AbpError):
    """The database can't be opened, read or written."""


class StoreUnavailable(StoreError):
    """The database can't be read or written at this moment: locked, read-only, or its disk is full."""


class LeaseHeld(AbpError):
    """Another living executor owns the job."""


class LeaseLost(AbpError):
    """This executor no longer owns its job: it must end its agents and write nothing more."""


class EngineUnavailable(AbpError):
    """The machines that a job is to run on can't be reached, or can't run it."""


class WorkerUnavailable(AbpError):
    """The worker's program or library is not there, or can't be used as configured."""
