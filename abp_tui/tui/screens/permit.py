"""The rules that would have let an agent do what it was denied, to be allowed one by one."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.facts import stack
from abp_tui.tui.widgets.glyphs import BOLD, DIM, GOOD
from abp_tui.tui.widgets.text import one_line
from abp_tui.verbs.permits import Proposal

QUESTION = "What was denied"
DETAIL = "A number allows a rule, or takes that back. All agents of the job may then do this without asking."
MOST = 9  # a key each


class PermitScreen(Dialog[tuple[str, ...]]):
    """Answers with the rules that were allowed."""

    BINDINGS = bindings("permit")
    SCOPE = "permit"

    def __init__(self, proposals: Sequence[Proposal]) -> None:
        super().__init__()
        self._proposals = tuple(proposals[:MOST])
        self._allowed: set[int] = set()

    def compose(self) -> ComposeResult:
        """What it is about, the rules, the keys."""
        with Vertical(classes="box"):
            yield Static(QUESTION, classes="question", markup=False)
            yield Static(DETAIL, classes="detail", markup=False)
            yield Static(self._rules(), id="rules")
            yield Static(self.keys(), classes="keys")

    def action_allow(self, number: int) -> None:
        """Allow a rule, or not after all."""
        if number <= len(self._proposals):
            self._allowed ^= {number}
            self.query_one("#rules", Static).update(self._rules())

    def action_save(self) -> None:
        """Answer."""
        self.dismiss(tuple(p.rule for n, p in enumerate(self._proposals, 1) if n in self._allowed))

    def _rules(self) -> Content:
        return stack([line for n, p in enumerate(self._proposals, 1) for line in self._rule(n, p)])

    def _rule(self, number: int, proposal: Proposal) -> list[Content]:
        allowed = number in self._allowed
        head = Content.assemble(
            (f"{number} ", BOLD),
            ("allow " if allowed else "deny  ", GOOD if allowed else DIM),
            (one_line(proposal.rule, 200), BOLD if allowed else ""),
        )
        return [head, Content.styled(f"  {one_line(proposal.words, 200)}", DIM)]
