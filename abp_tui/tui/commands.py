"""Every command once. Bindings, footer, palette and help screen are made from this table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abp_tui.domain.status import GateState, JobStatus, Phase
from abp_tui.errors import InvalidInput
from abp_tui.plugins import nearest
from abp_tui.views import AT_WORK, JobView

if TYPE_CHECKING:  # the names of the commands are read where Textual is not loaded
    from textual.binding import Binding, BindingType

Condition = Callable[[JobView], bool]


@dataclass(frozen=True, slots=True)
class Command:
    """Something a person can do. Its id `scope.name` stays, so that its keys can be rebound.

    `when` says for which jobs it is offered. Commands stand in the footer in the table's order, if `footer`.
    Those that differ by a number alone have the same `together`, which the help says once for all of them.
    """

    id: str
    keys: str
    label: str
    help: str
    action: str
    footer: bool = True
    priority: bool = False
    when: Condition | None = None
    together: str = ""

    @property
    def scope(self) -> str:
        """Where the command is at home: a screen, `lists` or `app`."""
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """What it does, without with what."""
        return self.action.partition("(")[0]

    def is_offered(self, job: JobView | None) -> bool:
        """Whether it can be done with a job as it is, or with none."""
        return self.when is None or (job is not None and self.when(job))

    @property
    def binding(self) -> Binding:
        """What Textual needs of it."""
        from textual.binding import Binding

        return Binding(
            self.keys,
            self.action,
            self.label,
            show=self.footer,
            priority=self.priority,
            tooltip=self.help,
            id=self.id,
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """A command, the keys in force for it separated by commas, and what it does."""

    id: str
    keys: str
    help: str


def _runs(job: JobView) -> bool:
    return job.status is JobStatus.RUNNING and job.phase is not Phase.INTERRUPTED


def _goes_on(job: JobView) -> bool:
    return _runs(job) and job.ending is None


def _rests(job: JobView) -> bool:
    return job.status is JobStatus.PAUSED or (job.status is JobStatus.RUNNING and not _goes_on(job))


def _gated(job: JobView) -> bool:
    return job.phase is Phase.GATED and job.gate is not None and job.gate.state is GateState.CLOSED


def _in_review(job: JobView) -> bool:
    return job.phase is Phase.REVIEW


def _being_tested(job: JobView) -> bool:
    return job.phase in (Phase.TESTING, Phase.PILOT)


def _piloted(job: JobView) -> bool:
    return job.phase is Phase.REVIEW or job.pilot_id is not None


def _at_pilot(job: JobView) -> bool:
    return job.phase is Phase.PILOT


def _asks(job: JobView) -> bool:
    return job.question is not None


def _asks_nothing(job: JobView) -> bool:
    return job.question is None


def _testable(job: JobView) -> bool:
    return job.status is JobStatus.CREATED or _in_review(job)


def _followable(job: JobView) -> bool:
    return job.phase in AT_WORK


def _tested(job: JobView) -> bool:
    return job.status in (JobStatus.CREATED, JobStatus.TESTING)


def _approved(job: JobView) -> bool:
    return not _tested(job)


def _retryable(job: JobView) -> bool:
    return job.retryable and _approved(job)


def _doubted(job: JobView) -> bool:
    return job.suspect_units > 0


def _waivable(job: JobView) -> bool:
    return job.synthesis is not None and job.status is JobStatus.FAILED and job.failed_units > 0


def _open_ended(job: JobView) -> bool:
    return not job.status.ended


def _removable(job: JobView) -> bool:
    return job.executor is None or not job.executor.alive


def _marks(scope: str) -> tuple[Command, ...]:
    """What a person can think of a unit of a pilot."""
    return (
        Command(f"{scope}.pass", "p", "Pass", "Mark the unit: it is good", "mark('pass')", when=_tested),
        Command(
            f"{scope}.doubtful",
            "d",
            "Doubtful",
            "Mark the unit: keep it as suspect",
            "mark('doubtful')",
            when=_tested,
        ),
        Command(f"{scope}.fail", "f", "Fail", "Mark the unit: run it again", "mark('fail')", when=_tested),
    )


COMMANDS: tuple[Command, ...] = (
    Command("jobs.new", "n", "New", "Make a job: what is to be done, with which items", "new"),
    Command("jobs.open", "enter", "Open", "Open the job: its test review, or its progress", "open"),
    Command("jobs.test", "t", "Test", "Test one unit and open its review", "test", when=_tested),
    Command(
        "jobs.pause", "space", "Pause", "Let running units finish, start no more", "pause", when=_goes_on
    ),
    Command("jobs.resume", "space", "Resume", "Go on with the job", "resume", when=_rests),
    Command(
        "jobs.try", "u", "Try now", "See with one unit whether the usage limit is over", "try", when=_gated
    ),
    Command("jobs.retry", "R", "Retry", "Run failed and suspect units again", "retry", when=_retryable),
    Command("jobs.filter", "slash", "Filter", "Show only the jobs whose name holds a text", "filter"),
    Command(
        "jobs.remove", "D", "Remove", "Remove the job and all its results", "remove", False, when=_removable
    ),
    Command(
        "new.test", "ctrl+t", "Create and test", "Write the job and test its first unit", "create_and_test"
    ),
    Command("new.stop", "escape", "Stop preview", "End the preview that runs", "stop_preview"),
    Command("new.create", "ctrl+s", "Create", "Write the job and start nothing", "create"),
    Command(
        "new.preview",
        "ctrl+r",
        "Run preview",
        "Look at the items now: run the query, or the code once you have read it",
        "run_preview",
    ),
    Command("new.next_prompt", "ctrl+n", "Next prompt", "Show the prompt of the next item", "next_prompt"),
    Command(
        "new.swap", "ctrl+l", "Empty", "From what was typed before to an empty form, and back", "swap", False
    ),
    Command("review.approve", "a", "Approve", "Let the whole batch run", "approve", when=_in_review),
    Command("review.reject", "r", "Reject", "Put the unit back and run nothing", "reject", when=_in_review),
    Command(
        "review.edit", "e", "Edit", "Edit the prompt and test the same unit again", "edit", when=_testable
    ),
    Command(
        "review.permit",
        "i",
        "Permit",
        "Allow what the agent was denied, and test the same unit again",
        "permit",
        when=_in_review,
    ),
    Command("review.other", "t", "Other unit", "Test the next unit that waits", "other", when=_testable),
    Command("review.units", "u", "Units", "Choose among all units the one to test", "units", when=_testable),
    Command(
        "review.pilot",
        "p",
        "Pilot",
        "Run a sample before the rest, or look at the one that was run",
        "pilot",
        when=_piloted,
    ),
    Command("review.versions", "v", "Versions", "Compare versions of the prompt", "versions", False),
    Command("review.cancel", "c", "Cancel", "End the running test", "cancel", when=_being_tested),
    *(
        Command(
            f"review.answer_{n}",
            str(n),
            f"Option {n}",
            f"Answer what the agent asks with option {n}",
            f"answer({n})",
            False,
            when=_asks,
            together="Answer what the agent asks with that option",
        )
        for n in range(1, 10)
    ),
    Command(
        "review.output", "1", "Output", "What the agent answered", "tab('output')", False, when=_asks_nothing
    ),
    Command(
        "review.talk",
        "2",
        "Conversation",
        "All that was said and done",
        "tab('conversation')",
        False,
        when=_asks_nothing,
    ),
    Command(
        "review.files",
        "3",
        "Files",
        "The files that the test changed",
        "tab('files')",
        False,
        when=_asks_nothing,
    ),
    Command(
        "review.prompt",
        "4",
        "Prompt",
        "The prompt as it was sent",
        "tab('prompt')",
        False,
        when=_asks_nothing,
    ),
    Command(
        "review.cost", "5", "Cost", "Cost, tokens, turns, times", "tab('cost')", False, when=_asks_nothing
    ),
    Command(
        "review.unfold",
        "o,enter",
        "Unfold",
        "Show the call, message or file under the cursor whole, or fold it",
        "unfold",
    ),
    Command(
        "review.unfold_all", "O", "Unfold all", "Show all of them whole, or fold them", "unfold_all", False
    ),
    Command("review.raw", "m", "Raw", "Show the output as it came, or as Markdown or JSON", "raw", False),
    Command("review.copy", "y", "Copy", "Copy what the tab shows to the clipboard", "copy", False),
    Command("review.save", "s", "Save", "Save what the tab shows to a file", "save", False),
    Command("pilot.open", "enter", "Open", "Open the unit under the cursor", "open"),
    *_marks("pilot"),
    Command("pilot.approve", "a", "Approve", "Let the rest run", "approve", when=_in_review),
    Command(
        "pilot.budget",
        "b",
        "With budget",
        "Let the rest run, up to the quote's cost",
        "budget",
        when=_in_review,
    ),
    Command("pilot.reject", "r", "Reject", "Put all units back and run nothing", "reject", when=_in_review),
    Command("pilot.more", "n", "More", "Run another sample", "more", when=_in_review),
    Command("pilot.copy", "y", "Copy", "Copy the unit's key and first line to the clipboard", "copy", False),
    Command("pilot.versions", "v", "Versions", "Compare versions of the prompt", "versions", False),
    Command("pilot.older", "left_square_bracket", "Before", "Look at the pilot before", "pick(-1)"),
    Command("pilot.newer", "right_square_bracket", "Next", "Look at the pilot after", "pick(1)"),
    Command("pilot.cancel", "c", "Cancel", "End the running pilot", "cancel", when=_at_pilot),
    Command("versions.open", "enter", "Open", "Open the unit under the cursor", "open"),
    Command("versions.older", "left_square_bracket", "Older", "Compare the version before", "pick(-1)"),
    Command("versions.newer", "right_square_bracket", "Newer", "Compare the version after", "pick(1)"),
    Command("versions.recipe", "d", "Recipes", "What differs in the versions, or in their answers", "recipe"),
    Command(
        "versions.use", "u", "Use it", "Make the older version the current one again", "use", when=_open_ended
    ),
    Command(
        "versions.other_older",
        "left_curly_bracket",
        "Older, below",
        "Compare with the version before, in place of the current one",
        "pick(-1, True)",
        False,
    ),
    Command(
        "versions.other_newer",
        "right_curly_bracket",
        "Newer, below",
        "Compare with the version after, up to the current one",
        "pick(1, True)",
        False,
    ),
    Command("versions.copy", "y", "Copy", "Copy the difference to the clipboard", "copy", False),
    Command("budget.quote", "b", "With this budget", "Approve, with the quote as budget", "answer('quote')"),
    Command("budget.none", "a", "Without", "Approve without a budget", "answer('')"),
    Command("budget.no", "n,escape,q", "Not yet", "Approve nothing", "dismiss", priority=True),
    Command("sample.run", "enter", "Run", "Run the sample", "run"),
    Command("sample.no", "escape", "Cancel", "Run nothing", "dismiss", priority=True),
    Command(
        "progress.end_export", "c", "Cancel export", "End the export; no file is left of it", "end_export"
    ),
    Command(
        "progress.pause", "space", "Pause", "Let running units finish, start no more", "pause", when=_goes_on
    ),
    Command("progress.resume", "space", "Resume", "Go on with the job", "resume", when=_rests),
    Command(
        "progress.stop", "S", "Stop", "End the running agents now; their units wait again", "stop", when=_runs
    ),
    Command(
        "progress.try",
        "u",
        "Try now",
        "See with one unit whether the usage limit is over",
        "try",
        when=_gated,
    ),
    Command("progress.test", "t", "Test", "Test the unit under the cursor", "test", when=_testable),
    Command(
        "progress.tail",
        "t",
        "Tail",
        "Follow a running unit live: that under the cursor, else the next",
        "tail",
        when=_followable,
    ),
    Command(
        "progress.end_unit",
        "K",
        "End",
        "End the agent of the unit under the cursor; the others go on",
        "end_unit",
        when=_runs,
    ),
    Command("progress.review", "v", "Review", "Open the test review", "review", when=_tested),
    Command("progress.retry", "R", "Retry", "Run failed and suspect units again", "retry", when=_retryable),
    Command("progress.failures", "F", "Causes", "Failed and doubtful units by cause", "failures"),
    Command(
        "progress.waive",
        "W",
        "Waive",
        "Run the synthesis without the items that failed",
        "waive",
        when=_waivable,
    ),
    Command("progress.search", "slash", "Find", "Show only units that hold a text", "search"),
    Command("progress.filter", "f", "Filter", "Show only units in one state, one after the other", "cycle"),
    Command("progress.export", "x", "Export", "Write the results to a JSON-lines file", "export"),
    Command("progress.open", "enter", "Open", "Open the unit", "open"),
    Command("progress.more", "plus,equals_sign", "Worker", "One worker more", "workers(1)", when=_open_ended),
    Command(
        "progress.fewer",
        "minus",
        "Worker",
        "One worker less; its unit finishes",
        "workers(-1)",
        when=_open_ended,
    ),
    Command("progress.log", "l", "Log", "What happened to this job", "log"),
    Command(
        "progress.edit",
        "e",
        "Edit",
        "Edit the prompt: a new version for what has not run yet",
        "edit",
        False,
        when=_approved,
    ),
    Command(
        "progress.set",
        "s",
        "Set",
        "Change timers or options of the worker, as its model: a new version",
        "set",
        False,
        when=_approved,
    ),
    Command(
        "progress.versions",
        "v",
        "Versions",
        "Compare versions of the prompt",
        "versions",
        False,
        when=_approved,
    ),
    Command(
        "progress.retry_unit", "r", "Retry unit", "Run the unit under the cursor again", "retry_unit", False
    ),
    Command("progress.cell_right", "right", "Next cell", "To the next cell of the map", "cell(1)", False),
    Command("progress.cell_left", "left", "Cell before", "To the cell before on the map", "cell(-1)", False),
    Command(
        "progress.row_down",
        "right_square_bracket",
        "Row below",
        "To the row of the map below",
        "map_row(1)",
        False,
    ),
    Command(
        "progress.row_up",
        "left_square_bracket",
        "Row above",
        "To the row of the map above",
        "map_row(-1)",
        False,
    ),
    Command("failures.open", "enter", "Open", "Open the first unit of this cause", "open"),
    Command(
        "failures.retry_cause",
        "r",
        "Retry",
        "Run the units of this cause again",
        "retry_cause",
        when=_retryable,
    ),
    Command(
        "failures.try",
        "t",
        "Try one",
        "Run one unit of this cause again, and look at it",
        "try_first",
        when=_retryable,
    ),
    Command(
        "failures.nudge",
        "n",
        "Nudge",
        "Go on with the sessions of this cause, with words of yours",
        "nudge",
        when=_retryable,
    ),
    Command("failures.edit", "e", "Edit", "Edit the prompt: a new version", "edit", when=_retryable),
    Command(
        "failures.permit",
        "i",
        "Allow",
        "Allow what the agents were denied, rule by rule",
        "permit",
        when=_retryable,
    ),
    Command(
        "failures.set",
        "s",
        "Set",
        "Change timers or options of the worker, as its model: a new version",
        "set",
        when=_retryable,
    ),
    Command(
        "failures.retry", "R", "Retry all", "Run all failed and suspect units again", "retry", when=_retryable
    ),
    Command(
        "failures.accept",
        "a",
        "Accept",
        "Count the units of this cause as good, although in doubt",
        "accept",
        False,
        when=_doubted,
    ),
    Command("failures.copy", "y", "Copy", "Copy what this cause is to the clipboard", "copy", False),
    Command("log.copy", "y", "Copy", "Copy the log to the clipboard", "copy", False),
    Command("log.save", "s", "Save", "Save the whole log to a file", "save", False),
    Command(
        "unit.accept",
        "a",
        "Accept",
        "Count the unit as good, although in doubt",
        "accept",
        when=_doubted,
    ),
    *_marks("unit"),
    Command(
        "unit.unfold",
        "o,enter",
        "Unfold",
        "Show the call, message or file under the cursor whole, or fold it",
        "unfold",
    ),
    Command("unit.copy", "y", "Copy", "Copy what the tab shows to the clipboard", "copy"),
    Command("unit.save", "s", "Save", "Save what the tab shows to a file", "save"),
    Command("unit.older", "left_square_bracket", "Try before", "Show the attempt before", "attempt(-1)"),
    Command("unit.newer", "right_square_bracket", "Next try", "Show the attempt after", "attempt(1)"),
    Command("unit.output", "1", "Output", "What the agent answered", "tab('output')", False),
    Command("unit.talk", "2", "Talk", "All that was said and done", "tab('conversation')", False),
    Command("unit.files", "3", "Files", "The files that the test changed", "tab('files')", False),
    Command("unit.prompt", "4", "Prompt", "The prompt as it was sent", "tab('prompt')", False),
    Command("unit.cost", "5", "Cost", "Cost, tokens, turns, times", "tab('cost')", False),
    Command(
        "unit.unfold_all", "O", "Unfold all", "Show all of them whole, or fold them", "unfold_all", False
    ),
    Command("unit.raw", "m", "Raw", "Show the output as it came, or as Markdown or JSON", "raw", False),
    Command("unit.leave", "t", "Leave", "Back to the units, as t there follows one", "back", False),
    Command(
        "edit.save", "ctrl+s", "Save and test", "Save a new version and test with it", "save", priority=True
    ),
    Command("edit.cancel", "escape", "Cancel", "Leave the prompt as it is", "leave", priority=True),
    Command(
        "edit.swap",
        "ctrl+l",
        "Swap",
        "From what was typed before to what is saved, and back",
        "swap",
        False,
        priority=True,
    ),
    Command("version.save", "ctrl+s", "Save", "Save a new version of the prompt", "save", priority=True),
    Command("version.cancel", "escape", "Cancel", "Leave the prompt as it is", "leave", priority=True),
    Command(
        "version.swap",
        "ctrl+l",
        "Swap",
        "From what was typed before to what is saved, and back",
        "swap",
        False,
        priority=True,
    ),
    Command("ask.give", "enter", "Do it", "Take what is written", "give"),
    Command("ask.cancel", "escape", "Leave it", "Change nothing", "dismiss", priority=True),
    Command("nudge.all", "enter", "All of them", "Go on with all units of the cause", "give(False)"),
    Command(
        "nudge.one", "ctrl+t", "One first", "Go on with one unit, and look at it", "give(True)", priority=True
    ),
    Command("nudge.cancel", "escape", "Leave it", "Say nothing", "dismiss", priority=True),
    *(
        Command(f"permit.rule_{n}", str(n), f"Rule {n}", f"Allow rule {n}, or not", f"allow({n})")
        for n in range(1, 10)
    ),
    Command("permit.rule", "space", "Allow or not", "Allow the rule under the cursor, or not", "allow"),
    Command("permit.save", "enter", "Allow these", "Save the rules that are allowed", "save"),
    Command("permit.cancel", "escape,q", "Nothing", "Allow nothing", "dismiss"),
    Command("confirm.yes", "y", "Yes", "Do it", "answer(True)"),
    Command("confirm.no", "n,escape,q", "No", "Leave it", "answer(False)"),
    Command("approval.yes", "y", "Run it", "Let exactly this code run", "answer(True)"),
    Command("approval.no", "n,escape,q", "Don't run it", "Run nothing of it", "answer(False)"),
    Command("help.close", "escape,q,question_mark,f1", "Close", "Close this help", "dismiss"),
    Command("errors.copy", "y", "Copy", "Copy the errors to the clipboard", "copy"),
    Command("errors.close", "escape,q,ctrl+o", "Close", "Close the errors", "dismiss"),
    Command("lists.down", "j,down", "Down", "One line down", "cursor_down", False),
    Command("lists.up", "k,up", "Up", "One line up", "cursor_up", False),
    Command("lists.top", "g,home", "First", "To the first line", "to_top", False),
    Command("lists.bottom", "G,end", "Last", "To the last line, and follow it", "to_bottom", False),
    Command("lists.page_down", "ctrl+d,pagedown", "Page down", "A page down", "page_down", False),
    Command("lists.page_up", "ctrl+u,pageup", "Page up", "A page up", "page_up", False),
    Command("app.help", "question_mark,f1", "Help", "All keys and signs", "help"),
    Command("app.errors", "ctrl+o", "Errors", "What went wrong since abp was opened, whole", "errors", False),
    Command("screen.back", "escape", "Back", "Back to where you came from", "back"),
    Command("app.leave", "q", "Leave", "Leave; the jobs run on", "leave"),
    Command(  # without priority: a dialog is answered before anything else is done
        "app.palette",
        "ctrl+p",
        "Palette",
        "Find what can be done here by its words",
        "command_palette",
        False,
    ),
    Command(
        "app.leave_at_once",
        "ctrl+q",
        "Leave at once",
        "Leave, from a form or dialog, too",
        "leave_at_once",
        False,
        priority=True,
    ),
)

ORDER = {command.id: n for n, command in enumerate(COMMANDS)}
SCOPES = {
    "jobs": "Jobs",
    "new": "New job",
    "review": "Test review",
    "pilot": "Pilot",
    "versions": "Versions",
    "progress": "Progress",
    "failures": "Failures",
    "log": "Log",
    "unit": "Unit",
    "edit": "Edit the prompt",
    "ask": "A line to fill in",
    "nudge": "Nudge agents",
    "sample": "Ask for a pilot",
    "lists": "Lists and texts",
    "screen": "Everywhere",
    "app": "Everywhere",
}
DIALOGS = frozenset(
    {"edit", "version", "ask", "budget", "nudge", "sample", "permit", "confirm", "approval", "errors", "help"}
)
SHARED = frozenset({"lists", "screen", "app"})
"""Scopes whose commands are at hand on every screen, beside the screen's own."""


def commands(*scopes: str) -> list[Command]:
    """The commands of these scopes, in the table's order."""
    return [command for command in COMMANDS if command.scope in scopes]


def command(command_id: str) -> Command:
    """The command with this id."""
    return COMMANDS[ORDER[command_id]]


def check_names(names: Iterable[str], place: Callable[[str], str] = lambda _: "[keys]") -> None:
    """Raise `InvalidInput` for the first name that is no command's id; `place` says where it stands."""
    for name in names:
        if name not in ORDER:
            hint = nearest(name, list(ORDER), "`abp config --keys` lists them")
            raise InvalidInput(f"{place(name)}: there is no command {name!r}", hint)


def bindings(*scopes: str) -> list[BindingType]:
    """The key bindings of these scopes."""
    return [command.binding for command in commands(*scopes)]


def offered(scopes: tuple[str, ...], action: str, job: JobView | None) -> bool:
    """Whether an action of these scopes is offered for a job as it is."""
    for command in commands(*scopes):
        if command.name == action and command.when is not None:
            return command.is_offered(job)
    return True
