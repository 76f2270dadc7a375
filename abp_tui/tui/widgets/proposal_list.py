"""Rules that a person may allow, a row each."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.glyphs import BOLD, DIM, GOOD
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.text import fit, one_line
from abp_tui.verbs.permits import Proposal

DIGITS = 9  # rules that have a key of their own
HEAD = len("1 allow ")


class ProposalList(LineList):
    """All proposals, none of them allowed at first."""

    def __init__(self, proposals: Sequence[Proposal]) -> None:
        super().__init__()
        self.proposals = proposals
        self._allowed: set[int] = set()
        self.styles.height = len(proposals)

    @property
    def line_count(self) -> int:
        """How many rules there are."""
        return len(self.proposals)

    @property
    def proposal(self) -> Proposal:
        """The one under the cursor."""
        return self.proposals[self.cursor]

    @property
    def allowed(self) -> tuple[str, ...]:
        """The rules that are allowed so far."""
        return tuple(p.rule for n, p in enumerate(self.proposals) if n in self._allowed)

    def on_mount(self) -> None:
        """Now it has a place to be drawn."""
        self.measure()

    def turn(self, index: int) -> None:
        """Allow a rule, or not after all."""
        if index < len(self.proposals):
            self._allowed ^= {index}
            self.cursor = index
            self.redraw(index)

    def line(self, index: int, width: int) -> Content:
        """A rule."""
        proposal, allowed = self.proposals[index], index in self._allowed
        units = count(proposal.units, "unit")
        rule = fit(one_line(proposal.rule), width - HEAD - len(units) - 1)
        return Content.assemble(
            (f"{index + 1 if index < DIGITS else ' '} ", BOLD),
            ("allow " if allowed else "deny  ", GOOD if allowed else DIM),
            (rule, BOLD if allowed else ""),
            (f" {units}", DIM),
        )
