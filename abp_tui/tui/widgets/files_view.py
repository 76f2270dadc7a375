"""The files that an attempt changed, each with its diff."""

from __future__ import annotations

from textual.content import Content

from abp_tui.domain.change import ChangeKind, FileChange, FolderChanges
from abp_tui.tui.widgets.diff import diff_lines
from abp_tui.tui.widgets.facts import paragraph
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.folding import FoldingView, fold_sign
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, GOOD, PRIMARY, WARN
from abp_tui.tui.widgets.text import fit, one_line

UNFOLDED_UP_TO = 60  # lines of diff in all: a person sees them at once
STYLES = {
    ChangeKind.NEW: GOOD,
    ChangeKind.CHANGED: WARN,
    ChangeKind.DELETED: BAD,
    ChangeKind.RENAMED: PRIMARY,
}


class FilesView(FoldingView[FileChange | str]):
    """A line for the folder, then one for each file, with its diff under it where it is unfolded."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, follow=False)
        self._changes: FolderChanges | None = None

    def show(self, changes: FolderChanges | None, why_none: str = "") -> None:
        """Show these changes, or in words why there are none; does nothing if it shows them already."""
        blocks: list[FileChange | str] = [changes.summary if changes else why_none]
        if changes:
            blocks += changes.files
            left = changes.total - len(changes.files)
            blocks += [f"… and {count(left, 'file')} more"] if left else []
        if blocks == self._blocks:
            return
        self._changes = changes
        self.clear()
        lines = sum(file.patch.count("\n") for file in changes.files) if changes else 0
        self.unfolded = lines <= UNFOLDED_UP_TO
        self.append(blocks)

    @property
    def text(self) -> str:
        """The patches as git writes them, or what is said in their place."""
        patches = "".join(block.patch for block in self._blocks if isinstance(block, FileChange))
        return patches or "\n".join(str(block) for block in self._blocks if isinstance(block, str))

    @property
    def badge(self) -> str:
        """The changes in a word, for the tab."""
        changes = self._changes
        if changes is None or not changes.total:
            return ""
        if changes.added:
            return f" +{changes.added:,}"
        return f" -{changes.removed:,}" if changes.removed else f" {changes.total:,}"

    def build_as(self, block: FileChange | str, width: int, *, whole: bool) -> list[Content]:
        """The line of a file, and its diff."""
        if isinstance(block, str):
            return [*paragraph(block, width), Content()]
        lines = [_head(block, width, whole=whole)]
        if whole:
            indented = diff_lines(block.patch, max(width - 2, 10))
            lines += [Content.assemble("  ", line) for line in indented]
            lines += [Content.styled(f"  {said}", DIM) for said in _besides(block)]
            lines.append(Content())
        return lines


def _head(file: FileChange, width: int, *, whole: bool) -> Content:
    counts = [(f" +{file.added:,}", GOOD)] if file.added else []
    counts += [(f" -{file.removed:,}", BAD)] if file.removed else []
    lead = f"{fold_sign(whole=whole)} {file.kind.value:<8} "
    room = width - len(lead) - sum(len(text) for text, _ in counts)
    name = one_line(file.path) if not file.old_path else f"{one_line(file.old_path)} > {one_line(file.path)}"
    shown = fit(name, max(room, 8), keep_end=True).strip()
    return Content.assemble((lead, STYLES[file.kind]), (shown, BOLD), *counts)


def _besides(file: FileChange) -> list[str]:
    """What is said of a file in the place of a diff."""
    if file.added is None:
        return ["binary, or too large to compare by line"]
    if file.added or file.removed:
        return [] if file.patch else ["no diff is kept of it: too much was changed"]
    return ["no line of it is another one"]
