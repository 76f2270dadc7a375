"""The prompt in an editor."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.screens.draft import DraftLine, Fields, fill, prompt_of
from abp_tui.tui.widgets.text import clean, one_line
from abp_tui.views import JobView


class EditPromptScreen(Dialog[str | None]):
    """Answers with the new template, or None where it was left as it is."""

    BINDINGS = bindings("edit")
    SCOPE = "edit"

    def __init__(self, job: JobView, fields: tuple[str, ...]) -> None:
        super().__init__()
        self._job = job
        self._fields = fields

    def compose(self) -> ComposeResult:
        """The template, its fields, the keys."""
        version, name = self._job.prompt_version, prompt_of(self._job.id)
        typed, saved = f"what you typed over version {version}", f"shows version {version}"
        with Vertical(classes="box wide"):
            yield Static(f"Prompt, version {version}", classes="question", markup=False)
            yield DraftLine(name, typed, saved, f"{self.SCOPE}.swap", self._fill)
            if self._fields:
                named = ", ".join(f"{{{one_line(name, 40)}}}" for name in self._fields)
                yield Static(f"fields: {named}", classes="detail", markup=False)
            yield TextArea(
                clean(self._job.prompt_template),
                id="prompt",
                soft_wrap=True,
                show_line_numbers=False,
                compact=True,
            )
            yield Static(self.keys(), classes="keys")

    async def _fill(self, fields: Fields) -> None:
        fill(self, fields)

    async def action_swap(self) -> None:
        """From what was typed before to what is saved, and back."""
        await self.query_one(DraftLine).swap()

    def action_leave(self) -> None:
        """Keep what was typed, and change nothing."""
        self.query_one(DraftLine).keep()
        self.dismiss(None)

    def action_save(self) -> None:
        """Answer with what is in the editor; an empty prompt is none."""
        text = self.query_one(TextArea).text
        if not text.strip():
            self.notify("an empty prompt asks for nothing: write one, or esc", severity="warning")
            return
        self.query_one(DraftLine).keep()  # until it is saved: it may be refused
        self.dismiss(text)


class EditVersionScreen(EditPromptScreen):
    """The same where nothing is tested with the new version at once."""

    BINDINGS = bindings("version")
    SCOPE = "version"
