"""The prompt in an editor."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.text import clean, one_line


class EditPromptScreen(Dialog[str]):
    """Answers with the new template, or None where it was left as it is."""

    BINDINGS = bindings("edit")
    SCOPE = "edit"

    def __init__(self, template: str, version: int, fields: tuple[str, ...]) -> None:
        super().__init__()
        self._template = template
        self._version = version
        self._fields = fields

    def compose(self) -> ComposeResult:
        """The template, its fields, the keys."""
        named = ", ".join(f"{{{one_line(name, 40)}}}" for name in self._fields)
        with Vertical(classes="box wide"):
            yield Static(f"Prompt, version {self._version}", classes="question", markup=False)
            yield Static(f"fields: {named}", classes="detail", markup=False)
            yield TextArea(clean(self._template), soft_wrap=True, show_line_numbers=False, compact=True)
            yield Static(self.keys(), classes="keys")

    def action_save(self) -> None:
        """Answer with what is in the editor; an empty prompt is none."""
        text = self.query_one(TextArea).text
        if not text.strip():
            self.notify("an empty prompt asks for nothing: write one, or esc", severity="warning")
            return
        self.dismiss(text)


class EditVersionScreen(EditPromptScreen):
    """The same where nothing is tested with the new version at once."""

    BINDINGS = bindings("version")
    SCOPE = "version"
