"""An attempt under five tabs: output, conversation, files changed, prompt, cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from abp_tui.domain.change import FILE, FOLDER, changes_of
from abp_tui.domain.model import Attempt, Event, WorkUnit
from abp_tui.domain.status import AttemptStatus, Purpose
from abp_tui.tui.named_keys import key
from abp_tui.tui.widgets.conversation import Conversation
from abp_tui.tui.widgets.figures import money, span
from abp_tui.tui.widgets.files_view import FilesView
from abp_tui.tui.widgets.folding import FoldingView
from abp_tui.tui.widgets.glyphs import BAD, DIM, GOOD
from abp_tui.tui.widgets.output_view import OutputView, Piece
from abp_tui.tui.widgets.tab_line import TabLine
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.wrapped import TextView, WrappedView

TABS = {
    "output": "1 Output",
    "conversation": "2 Conversation",
    "files": "3 Files",
    "prompt": "4 Prompt",
    "cost": "5 Cost",
}
SHORT = {"conversation": "2 Talk"}
ROOMY = 74  # cells: with fewer, the short labels


class AttemptView(Vertical):
    """Shows one attempt, live or ended. What a tab shows stays when another attempt is shown."""

    DEFAULT_CSS = """
    AttemptView {
        & > TabLine { margin: 0 1 1 1; }
        & ContentSwitcher { height: 1fr; padding: 0 0 0 1; }
        & OutputView, & TextView { padding-left: 1; }
    }
    """

    def __init__(self, tab: str = "conversation") -> None:
        super().__init__()
        self._tab = tab
        self._attempt_id: int | None = None
        self.seq: int | None = None
        self._chosen = False
        self._recorded: list[Event] = []
        self._version = ""
        self._behind = 0
        self._ended = False

    def compose(self) -> ComposeResult:
        """The tabs and what is behind them."""
        yield TabLine(tuple(TABS.items()), self._tab)
        with ContentSwitcher(initial=self._tab):
            yield OutputView(id="output")
            yield Conversation(id="conversation")
            yield FilesView(id="files")
            yield TextView(id="prompt")
            yield TextView(id="cost")

    @property
    def conversation(self) -> Conversation:
        """The events."""
        return self.query_one(Conversation)

    @property
    def tab(self) -> str:
        """The tab that is shown."""
        return self.query_one(TabLine).taken

    @property
    def text(self) -> str:
        """All of what the tab shows, folded or not, as it came."""
        view = self.query_one(f"#{self.tab}")
        if isinstance(view, Conversation):
            return view.transcript
        if isinstance(view, FilesView):
            return view.text
        assert isinstance(view, TextView | OutputView)
        return view.text

    @property
    def folding(self) -> FoldingView[Any] | None:
        """What can be unfolded in the tab that is shown, if anything."""
        view = self.query_one(f"#{self.tab}")
        return view if isinstance(view, FoldingView) else None

    def open(self, tab: str, *, by_person: bool = True) -> None:
        """Show a tab; once a person has chosen one, only a person changes it."""
        if self._chosen and not by_person:
            return
        self._chosen = self._chosen or by_person
        self.query_one(TabLine).taken = tab
        self.query_one(ContentSwitcher).current = tab
        self.query_one(f"#{tab}").focus()

    def show_live(self) -> None:
        """Show the conversation of what a person has just set to work, whatever tab was chosen before."""
        self._chosen = False
        self.open("conversation", by_person=False)

    def wait(self, unit: WorkUnit) -> None:
        """Show the item of a unit that no agent has worked on yet, and that it waits."""
        waits = "it waits: no agent has worked on it yet"
        self.seq = unit.seq
        self.query_one(OutputView).show([Piece(waits, DIM), Piece("\nitem", DIM), Piece(item_of(unit))])
        self.conversation.if_silent(waits)
        self.query_one(FilesView).show(None, waits)
        self.query_one("#prompt", TextView).show((waits, DIM))
        self.query_one("#cost", TextView).show((waits, DIM), ("\nitem", DIM), (item_of(unit), ""))

    def follow(self, attempt_id: int) -> bool:
        """Make room for the events of an attempt; False if it is the one shown already."""
        if attempt_id == self._attempt_id:
            return False
        self._attempt_id, self._ended = attempt_id, False
        self._recorded = []
        self.conversation.clear()
        self.query_one(OutputView).show([Piece(_still_runs(), DIM)])
        self.query_one(FilesView).show(None, "the files are compared when the test has ended")
        for name in ("prompt", "cost"):
            self.query_one(f"#{name}", TextView).show((_still_runs(), DIM))
        self._label()
        return True

    def add(self, attempt_id: int | None, events: Sequence[Event]) -> None:
        """Take events in, if they are of the attempt shown."""
        if attempt_id is None or attempt_id != self._attempt_id:
            return
        recorded = [event for event in self.conversation.add(events) if event.ref in (FILE, FOLDER)]
        if recorded:
            self._recorded += recorded
            if changes := changes_of(self._recorded):
                self.query_one(FilesView).show(changes)
                self._label()
        self._say_if_nothing_was_said()

    def show(self, attempt: Attempt, unit: WorkUnit) -> None:
        """Show all that is known of an attempt besides its events."""
        self.seq = unit.seq
        self._ended = attempt.status is not AttemptStatus.RUNNING
        if self.conversation.nothing:
            self._say_if_nothing_was_said()
        self._version = f" v{attempt.recipe_version}"
        self.query_one(OutputView).show(output_of(attempt, unit))
        self.query_one("#prompt", TextView).show((attempt.prompt, ""))
        self.query_one("#cost", TextView).show((cost_of(attempt), ""), ("\nitem", DIM), (item_of(unit), ""))
        if changes_of(self._recorded) is None:
            self.query_one(FilesView).show(None, why_no_files(attempt))
        self._label()

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        """A tab was clicked."""
        message.stop()
        self.open(message.choice)

    def on_wrapped_view_behind(self, message: WrappedView.Behind) -> None:
        """Say on the tab how many lines came since a person scrolled up."""
        message.stop()
        self._behind = message.lines
        self._label()

    def on_resize(self) -> None:
        """Another width may have room for other labels."""
        self._label()

    def _say_if_nothing_was_said(self) -> None:
        """Once it is known which events there are: a program need not tell of any."""
        self.conversation.if_silent("nothing was said" if self._ended else "nothing said yet")

    def _label(self) -> None:
        labels = TABS if self.size.width >= ROOMY else {**TABS, **SHORT}
        more = {
            "conversation": f" +{self._behind:,}" if self._behind else "",
            "files": self.query_one(FilesView).badge,
            "prompt": self._version,
        }
        self.query_one(TabLine).choices = tuple((tab, f"{labels[tab]}{more.get(tab, '')}") for tab in TABS)


def output_of(attempt: Attempt, unit: WorkUnit) -> list[Piece]:
    """The answer, what speaks against it, or why there is none."""
    outcome = attempt.outcome
    if outcome is None:
        ended = attempt.status is not AttemptStatus.RUNNING
        return [Piece("it was broken off" if ended else _still_runs(), DIM)]
    pieces = []
    if unit.is_accepted and attempt.number == unit.attempts:
        pieces.append(Piece(f"{unit.error}\n", GOOD))
    elif outcome.error:
        kind = f"{outcome.failure}: " if outcome.failure else ""
        pieces.append(Piece(kind + outcome.error + "\n", BAD))
    pieces += [
        Piece(f"not allowed: {denial.tool} {denial.detail}".rstrip() + "\n", BAD)
        for denial in outcome.denials
    ]
    if outcome.output:
        pieces.append(Piece(_whole(outcome.output, attempt, unit), answer=True))
    if outcome.result is not None:
        result = json.dumps(outcome.result, indent=2, ensure_ascii=False)
        pieces += [Piece("\nstructured result", DIM), Piece(result, answer=True)]
    return pieces or [Piece("it said nothing", DIM)]


def _whole(output: str, attempt: Attempt, unit: WorkUnit) -> str:
    """The answer as the unit has it, of which an attempt keeps the beginning."""
    is_result = attempt.number == unit.attempts and len(unit.output or "") > len(output)
    return unit.output or "" if is_result else output


def why_no_files(attempt: Attempt) -> str:
    """Why it is not known which files an attempt changed."""
    if attempt.purpose is not Purpose.TEST:
        return "compared for a test only: in a batch, several agents change the folder at once"
    if attempt.status is AttemptStatus.RUNNING:
        return "the files are compared when the test has ended"
    return "not known: the test was broken off before its files were compared"


def cost_of(attempt: Attempt) -> str:
    """What an attempt cost and took, a line each."""
    usage, outcome = attempt.usage, attempt.outcome
    rows: Mapping[str, str | int | None] = {
        "cost": money(usage.cost_usd) or "not known",
        "tokens in": usage.input_tokens,
        "tokens out": usage.output_tokens,
        "turns": usage.turns,
        "took": span(attempt.duration_s) if attempt.duration_s is not None else "still runs",
        "status": attempt.status.lower(),
        "exit code": outcome.exit_code if outcome else None,
        "session": attempt.session_id,
        "process": attempt.pid,
        "machine": attempt.host,
        "version": f"{attempt.recipe_version}, {attempt.purpose}",
    }
    return "\n".join(f"{label:<12}{value}" for label, value in rows.items() if value not in (None, ""))


def item_of(unit: WorkUnit) -> str:
    """The item's fields, a line each."""
    return "\n".join(f"{one_line(name):<16}{value}" for name, value in unit.payload.items())


def _still_runs() -> str:
    return f"it still runs: {key('unit.talk')} shows its conversation"
