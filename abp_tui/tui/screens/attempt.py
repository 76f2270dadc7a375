"""What the two screens share that show an attempt: its tabs, and taking what a tab shows elsewhere."""

from __future__ import annotations

from pathlib import Path

from abp_tui.errors import InvalidInput
from abp_tui.tui.named_keys import key
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.copying import copy
from abp_tui.tui.widgets.attempt_view import AttemptView
from abp_tui.tui.widgets.output_view import OutputView


class AttemptScreen(AbpScreen):
    """A screen with an `AttemptView`."""

    def action_tab(self, tab: str) -> None:
        """Show a tab."""
        self.query_one(AttemptView).open(tab)

    def action_unfold(self) -> None:
        """Show what is under the cursor whole, or fold it."""
        if folding := self.query_one(AttemptView).folding:
            folding.toggle()
        else:
            tabs = f"{key('unit.talk')} and {key('unit.files')}"
            self.tell(f"nothing is folded here: {tabs} have what can be unfolded")

    def action_unfold_all(self) -> None:
        """Show everything in the tab whole, or fold it."""
        if folding := self.query_one(AttemptView).folding:
            folding.toggle_all()

    def action_raw(self) -> None:
        """Show the output as it came, or drawn."""
        self.query_one(AttemptView).open("output")
        self.tell(self.query_one(OutputView).toggle_raw())

    def action_copy(self) -> None:
        """Copy what the tab shows."""
        copy(self, self.query_one(AttemptView).text, f"{self.SCOPES[0]}.save")

    def action_save(self) -> None:
        """Write what the tab shows to a file in the folder abp was started in."""
        view = self.query_one(AttemptView)
        text = view.text
        if not text:
            self.tell("there is nothing to save yet")
            return
        name = "-".join((self.job.name if self.job else "job", f"unit{view.seq}", view.tab))
        self.act(
            lambda: write_new(Path.cwd(), name, ".txt", text), lambda path: self.tell(f"saved as {path}")
        )


def write_new(folder: Path, name: str, suffix: str, text: str) -> Path:
    """Write a text to a file that is not there yet, and say which; raises `InvalidInput`."""
    path = free_path(folder, name, suffix)
    try:
        with path.open("x", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as error:
        raise InvalidInput(
            f"{path} can't be written: {error.strerror}", "start abp in another folder"
        ) from None
    return path


def free_path(folder: Path, name: str, suffix: str) -> Path:
    """A file in the folder that is not there yet."""
    path, n = folder / f"{name}{suffix}", 1
    while path.exists():
        n += 1
        path = folder / f"{name}-{n}{suffix}"
    return path
