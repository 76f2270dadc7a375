"""What went wrong since abp was opened, whole: a toast has one line of it, for some seconds."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from abp_tui.errors import AbpError, EditConflict
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.copying import copy
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.glyphs import BAD, DIM
from abp_tui.tui.widgets.wrapped import Text, TextView

NONE = "Nothing went wrong since abp was opened."


@dataclass(frozen=True, slots=True)
class Wrong:
    """An error, and when it was told of."""

    at: datetime
    error: BaseException

    @property
    def line(self) -> str:
        """What it is, for a person."""
        if isinstance(self.error, AbpError):
            return str(self.error)
        return f"unexpected {type(self.error).__name__}: {self.error}"

    @property
    def details(self) -> str:
        """What else is known: what somebody else has edited, or where in abp nobody foresaw it."""
        if isinstance(self.error, EditConflict):
            return "\n".join(self.error.difference)
        if isinstance(self.error, AbpError):
            return ""
        return "".join(traceback.format_exception(self.error)).rstrip()


class ErrorsScreen(Dialog[None]):
    """The newest first."""

    BINDINGS = bindings("errors")
    SCOPE = "errors"
    AUTO_FOCUS = "TextView"
    DEFAULT_CSS = """
    ErrorsScreen #wrong { height: 1fr; background: $panel; }
    """

    def __init__(self, wrong: Iterable[Wrong]) -> None:
        super().__init__()
        self._wrong = list(wrong)

    def compose(self) -> ComposeResult:
        """The errors, the keys."""
        with Vertical(classes="box wide"):
            yield Static("What went wrong", classes="question", markup=False)
            yield TextView(id="wrong")
            yield Static(self.keys(), classes="keys")

    def action_copy(self) -> None:
        """Copy them."""
        copy(self, self.query_one(TextView).text.strip() if self._wrong else "")

    def on_mount(self) -> None:
        """Show them."""
        texts: list[Text] = [] if self._wrong else [(NONE, "")]
        for wrong in reversed(self._wrong):
            texts += [("", ""), (f"{wrong.at:%H:%M:%S}", DIM), (wrong.line, BAD)]
            texts += [(wrong.details, "")] if wrong.details else []
        self.query_one(TextView).show(*texts)
