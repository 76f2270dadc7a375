"""What an attempt changed in its folder, as values and as the events that record it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import ValidationError

from abp_tui.domain.model import Event, EventKind, Frozen
from abp_tui.words import counted

FILE = "file changed"
FOLDER = "folder compared"
"""The `ref` of the events: agents tell of single edits with the same kind, but never with these."""


class ChangeKind(StrEnum):
    """What became of a file."""

    NEW = "new"
    CHANGED = "changed"
    DELETED = "deleted"
    RENAMED = "renamed"


class FileChange(Frozen):
    """One file before and after. The counts of lines are None for what has no lines to compare.

    `patch` is git's own text for it, empty where there is none or too much was changed to keep it.
    """

    path: str
    kind: ChangeKind
    old_path: str = ""
    added: int | None = None
    removed: int | None = None
    patch: str = ""


class FolderChanges(Frozen):
    """All that changed in a folder; `files` are the first of `total`.

    `not_compared` says why nothing is known of it, where nothing is.
    """

    files: tuple[FileChange, ...] = ()
    total: int = 0
    added: int = 0
    removed: int = 0
    not_compared: str = ""

    @property
    def summary(self) -> str:
        """All of it in one line."""
        if self.not_compared:
            return f"changed files are not known: {self.not_compared}"
        if not self.total:
            return "no file changed"
        return f"{counted(self.total, 'file')} changed, +{self.added:,} -{self.removed:,}"


def events_of(changes: FolderChanges) -> list[Event]:
    """The events that record these changes: one for each file, then one for the folder."""
    events = [
        Event(kind=EventKind.DIFF, ref=FILE, title=file.path, body=file.patch, raw=_facts(file))
        for file in changes.files
    ]
    facts = changes.model_dump_json(exclude={"files"})
    return [*events, Event(kind=EventKind.DIFF, ref=FOLDER, title="", body=changes.summary, raw=facts)]


def changes_of(events: Iterable[Event]) -> FolderChanges | None:
    """The changes that these events record; None where the folder was not compared, or not yet."""
    recorded = [event for event in events if event.kind is EventKind.DIFF]
    folder = next((event for event in recorded if event.ref == FOLDER), None)
    if folder is None:
        return None
    try:
        files = [_file(event) for event in recorded if event.ref == FILE]
        return FolderChanges.model_validate_json(folder.raw or "{}").model_copy(
            update={"files": tuple(files)}
        )
    except ValidationError:  # an event of another program's making
        return None


def is_recorded_change(event: Event) -> bool:
    """Whether the event is of one file of such a record, and not of the agent's conversation."""
    return event.kind is EventKind.DIFF and event.ref == FILE


def _facts(file: FileChange) -> str:
    return file.model_dump_json(exclude={"patch"}, exclude_defaults=True)


def _file(event: Event) -> FileChange:
    return FileChange.model_validate_json(event.raw or "{}").model_copy(update={"patch": event.body})
