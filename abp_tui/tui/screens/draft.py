"""What was typed and not saved: kept for as long as the app runs, and brought back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen
from textual.widgets import Input, Select, Static, TextArea

from abp_tui.tui.named_keys import key

if TYPE_CHECKING:
    from abp_tui.tui.app import AbpApp

Fields = dict[str, Any]
NEW_JOB = "new job"


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of a screen as they were left; `what` says what they are, for a person."""

    what: str
    fields: Fields


def prompt_of(job_id: str) -> str:
    """The name under which the draft of a job's prompt is kept."""
    return f"prompt of {job_id}"


def fields_of(screen: Screen[Any]) -> Fields:
    """What is in the fields of a screen, by their ids."""
    fields = [field for field in screen.query("*") if isinstance(field, Input | Select | TextArea)]
    return {
        field.id: field.text if isinstance(field, TextArea) else field.value for field in fields if field.id
    }


def fill(screen: Screen[Any], fields: Fields) -> None:
    """Put what was in the fields there again."""
    for name, value in fields.items():
        for field in screen.query(f"#{name}"):
            if isinstance(field, TextArea):
                field.text = value
            elif isinstance(field, Input | Select):
                field.value = value


class DraftLine(Static):
    """Keeps what was typed into a screen under a name, and brings it back into the next screen of that name.

    Once it has, it says so, and which key (that of `swap`) does `otherwise`: have the fields as they are
    without it, and back. Whatever is in them is put there by `fill`.
    """

    DEFAULT_CSS = """
    DraftLine { display: none; height: auto; color: $text-warning; }
    """

    def __init__(
        self, name: str, what: str, otherwise: str, swap: str, fill: Callable[[Fields], Awaitable[None]]
    ) -> None:
        super().__init__(markup=False)
        self._called = name
        self._what = what
        self._otherwise = otherwise
        self._swap = swap
        self._fill = fill
        self._without: Fields = {}
        self._aside: Fields | None = None

    @property
    def is_needed(self) -> bool:
        """Whether there is something to swap."""
        return self._aside is not None

    def on_mount(self) -> None:
        """Look for what was typed before as soon as all fields are there."""
        self.screen.call_next(self._bring_back)

    async def swap(self) -> None:
        """Have the fields without what was typed, or with it again."""
        if self._aside is not None:
            await self._put(self._aside)

    def keep(self) -> None:
        """Keep what is in the fields, unless nothing was typed."""
        typed = fields_of(self.screen)
        self._drafts.pop(self._called, None)
        if typed != self._without:
            self._drafts[self._called] = Draft(self._what, typed)

    async def _bring_back(self) -> None:
        self._without = fields_of(self.screen)
        draft = self._drafts.get(self._called)
        if draft is not None and draft.fields != self._without:
            self._what = draft.what
            await self._put(draft.fields)

    async def _put(self, fields: Fields) -> None:
        self._aside = fields_of(self.screen)
        await self._fill(fields)
        if fields == self._without:
            self.update(f"{key(self._swap)} brings back {self._what}")
        else:
            self.update(f"{self._what} is here again: {key(self._swap)} {self._otherwise}")
        self.display = True
        self.screen.refresh_bindings()

    @property
    def _drafts(self) -> dict[str, Draft]:
        return cast("AbpApp", self.app).drafts
