"""The rules that would have let an agent do what it was denied, to be allowed one by one."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.dialog import Dialog
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.glyphs import BOLD, DIM
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.proposal_list import ProposalList
from abp_tui.tui.widgets.wrapped import TextView
from abp_tui.verbs.permits import Proposal

DETAIL = "What is allowed here all agents of the job may do without asking."


class PermitScreen(Dialog[tuple[str, ...]]):
    """Answers with the rules that were allowed."""

    BINDINGS = bindings("permit")
    SCOPE = "permit"
    AUTO_FOCUS = "ProposalList"
    DEFAULT_CSS = """
    PermitScreen {
        .box { width: 100; }
        ProposalList { max-height: 40vh; background: $panel; }
        #proposal { height: 5; margin-top: 1; background: $panel; }
        &.-short .detail { margin: 0; }
        &.-short #proposal { height: 4; }
    }
    """

    def __init__(self, proposals: Sequence[Proposal]) -> None:
        super().__init__()
        self._proposals = proposals

    def compose(self) -> ComposeResult:
        """What it is about, the rules, the one under the cursor as a whole, the keys."""
        with Vertical(classes="box"):
            yield Static(self._question(0), classes="question")
            yield Static(DETAIL, classes="detail", markup=False)
            yield ProposalList(self._proposals)
            yield TextView(id="proposal")
            yield Static(self.keys(), classes="keys")

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Show the rule under the cursor whole: nobody allows what can't be read."""
        self._show()

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """A click on the rule under the cursor turns it."""
        self.action_allow()

    def on_mount(self) -> None:
        """Begin with the first."""
        self._show()

    def action_allow(self, number: int | None = None) -> None:
        """Allow a rule, by default the one under the cursor, or not after all."""
        rules = self.query_one(ProposalList)
        rules.turn(rules.cursor if number is None else number - 1)
        self.query_one(".question", Static).update(self._question(len(rules.allowed)))

    def action_save(self) -> None:
        """Answer."""
        self.dismiss(self.query_one(ProposalList).allowed)

    def _question(self, allowed: int) -> Content:
        found = f"   {count(len(self._proposals), 'rule')}, {allowed:,} allowed"
        return Content.assemble(("What was denied", BOLD), (found, DIM))

    def _show(self) -> None:
        proposal = self.query_one(ProposalList).proposal
        self.query_one(TextView).show((proposal.rule, BOLD), (proposal.words, DIM))
