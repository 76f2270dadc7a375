"""An attempt under four tabs: output, conversation, prompt, cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from abp_tui.domain.model import Attempt, Event, WorkUnit
from abp_tui.domain.status import AttemptStatus
from abp_tui.tui.widgets.conversation import Conversation
from abp_tui.tui.widgets.figures import money, span
from abp_tui.tui.widgets.glyphs import BAD, DIM
from abp_tui.tui.widgets.tab_line import TabLine
from abp_tui.tui.widgets.wrapped import TextView, WrappedView

TABS = {"output": "1 Output", "conversation": "2 Conversation", "prompt": "3 Prompt", "cost": "4 Cost"}


class AttemptView(Vertical):
    """Shows one attempt, live or ended. What a tab shows stays when another attempt is shown."""

    DEFAULT_CSS = """
    AttemptView {
        & > TabLine { margin: 0 1 1 1; }
        & ContentSwitcher { height: 1fr; padding: 0 0 0 2; }
    }
    """

    def __init__(self, tab: str = "conversation") -> None:
        super().__init__()
        self._tab = tab
        self._attempt_id: int | None = None
        self.seq: int | None = None
        self._chosen = False

    def compose(self) -> ComposeResult:
        """The tabs and what is behind them."""
        yield TabLine(tuple(TABS.items()), self._tab)
        with ContentSwitcher(initial=self._tab):
            yield TextView(id="output")
            yield Conversation(id="conversation")
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
        assert isinstance(view, TextView)
        return view.text

    def open(self, tab: str, *, by_person: bool = True) -> None:
        """Show a tab; once a person has chosen one, only a person changes it."""
        if self._chosen and not by_person:
            return
        self._chosen = self._chosen or by_person
        self.query_one(TabLine).taken = tab
        self.query_one(ContentSwitcher).current = tab
        self.query_one(f"#{tab}").focus()

    def follow(self, attempt_id: int) -> bool:
        """Make room for the events of an attempt; False if it is the one shown already."""
        if attempt_id == self._attempt_id:
            return False
        self._attempt_id = attempt_id
        self.conversation.clear()
        for name in ("output", "prompt", "cost"):
            self.query_one(f"#{name}", TextView).show()
        return True

    def add(self, attempt_id: int | None, events: Sequence[Event]) -> None:
        """Take events in, if they are of the attempt shown."""
        if attempt_id is not None and attempt_id == self._attempt_id:
            self.conversation.add(events)

    def show(self, attempt: Attempt, unit: WorkUnit) -> None:
        """Show all that is known of an attempt besides its events."""
        self.seq = unit.seq
        self.query_one("#output", TextView).show(*output_of(attempt))
        self.query_one("#prompt", TextView).show((attempt.prompt, ""))
        self.query_one("#cost", TextView).show((cost_of(attempt), ""), ("\nitem", DIM), (item_of(unit), ""))

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        """A tab was clicked."""
        message.stop()
        self.open(message.choice)

    def on_wrapped_view_behind(self, message: WrappedView.Behind) -> None:
        """Say on the tab how many lines came since a person scrolled up."""
        message.stop()
        more = f" +{message.lines:,}" if message.lines else ""
        labels = {**TABS, "conversation": TABS["conversation"] + more}
        self.query_one(TabLine).choices = tuple(labels.items())


def output_of(attempt: Attempt) -> list[tuple[str, str]]:
    """The answer, or why there is none, as styled texts."""
    outcome = attempt.outcome
    if outcome is None:
        ended = attempt.status is not AttemptStatus.RUNNING
        return [("it was broken off" if ended else "it still runs: 2 shows its conversation", DIM)]
    texts = []
    if outcome.error:
        kind = f"{outcome.failure}: " if outcome.failure else ""
        texts.append((kind + outcome.error + "\n", BAD))
    texts += [
        (f"not allowed: {denial.tool} {denial.detail}".rstrip() + "\n", BAD) for denial in outcome.denials
    ]
    if outcome.output:
        texts.append((outcome.output, ""))
    if outcome.result is not None:
        texts.append(("\nstructured result", DIM))
        texts.append((json.dumps(outcome.result, indent=2, ensure_ascii=False), ""))
    return texts or [("it said nothing", DIM)]


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
        "recipe": f"version {attempt.recipe_version}, {attempt.purpose}",
    }
    return "\n".join(f"{label:<12}{value}" for label, value in rows.items() if value not in (None, ""))


def item_of(unit: WorkUnit) -> str:
    """The item's fields, a line each."""
    return "\n".join(f"{name:<16}{value}" for name, value in unit.payload.items())
