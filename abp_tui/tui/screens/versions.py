"""Two versions of a recipe side by side: what differs in them, and in what came of the same units."""

from __future__ import annotations

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from abp_tui.domain.model import Recipe
from abp_tui.domain.version import Comparison, Sum, Version
from abp_tui.feed import Snapshot
from abp_tui.tui.commands import bindings
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.copying import copy
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.diff import STYLES
from abp_tui.tui.widgets.figures import count, money, took
from abp_tui.tui.widgets.glyphs import BOLD, DIM
from abp_tui.tui.widgets.lines import LineList
from abp_tui.tui.widgets.pair_list import PairList
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.top_bar import Parts
from abp_tui.tui.widgets.wrapped import TextView

ONE = "There is one version only, as the job was made. In the test review, e edits the prompt."
NO_PAIRS = "No unit was tested or piloted under both. What differs in the versions themselves:"
SAME = "Both answered the same."


class VersionsScreen(AbpScreen):
    """An older version, which a person picks, beside the current one, or beside another."""

    BINDINGS = bindings("versions")
    SCOPES = ("versions", "lists", "screen", "app")
    AUTO_FOCUS = "PairList"
    DEFAULT_CSS = """
    VersionsScreen {
        #compared { height: 2fr; padding-top: 1; }
        #sums { height: auto; max-height: 2; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        #compared #titles { margin-top: 1; }
        #difference { height: 3fr; padding: 1 2; background: $surface; }
        &.-short #compared { padding-top: 0; }
        &.-short #compared #titles { margin-top: 0; }
    }
    """

    def __init__(self, job_id: int) -> None:
        super().__init__(job_id)
        self._number = job_id
        self._versions: list[Version] = []
        self._picked: tuple[int | None, int | None] = (None, None)
        self._comparison: Comparison | None = None
        self._recipe_shown = False
        self._seen: tuple[int, object] | None = None

    def body(self) -> ComposeResult:
        """Which two, their units, and what differs."""
        with Vertical(id="compared"):
            yield Static(id="sums", markup=False)
            yield Static(id="titles", markup=False)
            yield PairList()
        yield TextView(id="difference")

    def where(self) -> tuple[str, ...]:
        """The crumbs."""
        return (self.job.name if self.job else "", "versions")

    def state(self) -> Parts:
        """Which two are compared."""
        if self._comparison is None:
            return ((count(len(self._versions), "version"), DIM),)
        left, right = self._comparison.left, self._comparison.right
        current = ", the current one" if right == self._versions[-1].version else ""
        return ((f"version {left} and {right}{current}", DIM),)

    def take(self, snapshot: Snapshot) -> None:
        """Read anew where a version was saved or a unit has ended."""
        focus, job = snapshot.focus, self.job
        if focus is None or job is None or focus.job.id != job.id:
            return
        now = (job.prompt_version, job.phase)
        if now != self._seen or focus.changed != ():
            self._seen = now
            self._read(*self._picked)

    def on_resize(self) -> None:
        """The columns follow the width."""
        self.call_after_refresh(self._show_titles)

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Show what differs in the unit under the cursor."""
        self._show_difference()

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """A click on the unit under the cursor opens it."""
        self.action_open()

    def action_open(self) -> None:
        """Open the unit under the cursor."""
        if pair := self.query_one(PairList).pair:
            self.app.push_screen(UnitScreen(self._number, pair.seq))

    def action_pick(self, by: int, below: bool = False) -> None:
        """Compare another version, above or below, up to the current one."""
        if self._comparison is None:
            return
        picked = [self._comparison.left, self._comparison.right]
        here, other = picked[below], picked[not below]
        numbers = [version.version for version in self._versions if version.version != other]
        at = numbers.index(here) + by
        if not 0 <= at < len(numbers):
            self.tell("there is no other version in that direction")
            return
        picked[below] = numbers[at]
        self._read(*picked)

    def action_recipe(self) -> None:
        """Show what differs in the versions themselves, or in the answers."""
        self._recipe_shown = not self._recipe_shown
        self._show_difference()

    def action_copy(self) -> None:
        """Copy the difference that is shown."""
        copy(self, self.query_one("#difference", TextView).text if self._comparison else "")

    def action_use(self) -> None:
        """Make the older version the current one again."""
        compared = self._comparison
        if compared is None:
            self.tell("there is no other version to choose")
            return
        left, current = compared.left, self._versions[-1].version
        self.act(
            lambda: self.orchestrator.use_version(self._number, left, based_on=current),
            lambda recipe: self._used(left, recipe),
        )

    # In threads

    @work(thread=True, group="versions", exclusive=True, exit_on_error=False)
    def _read(self, left: int | None, right: int | None) -> None:
        versions = self.orchestrator.versions(self._number)
        numbers = [version.version for version in versions]
        compared = None
        if len(numbers) > 1:
            below = right if right in numbers else numbers[-1]
            above = left if left in numbers and left != below else None
            above = above or self.orchestrator.comparable(self._number, below) or numbers[0]
            compared = self.orchestrator.compare(self._number, above, below)
        self.show_from_thread(self._show, versions, compared)

    @work(thread=True, group="difference", exclusive=True, exit_on_error=False)
    def _read_difference(self, compared: Comparison, attempts: tuple[int, int] | None) -> None:
        if attempts is None:
            patch = self.orchestrator.version_diff(self._number, compared.left, compared.right)
            head = "" if compared.pairs else NO_PAIRS
        else:
            patch = self.orchestrator.compare_outputs(*attempts)
            head = "" if patch else SAME
        self.show_from_thread(self._show_patch, head, patch)

    # Back on the app's own thread

    def _show(self, versions: list[Version], compared: Comparison | None) -> None:
        self._versions, self._comparison = versions, compared
        if compared is None:
            self.query_one("#difference", TextView).show((ONE, DIM))
        else:
            # What was picked stays, whatever is saved meanwhile: `u` is about it. So does that it is current.
            is_current = compared.right == versions[-1].version
            self._picked = (compared.left, None if is_current else compared.right)
            self.query_one(PairList).take((compared.left, compared.right), compared.pairs)
            self._show_sums(compared)
            self._show_difference()
        self._show_titles()
        self._show_where()

    def _show_sums(self, compared: Comparison) -> None:
        saved = {version.version: version for version in self._versions}
        before, after = compared.sums()
        of, use = len(compared.pairs), self.keys_of("versions", ("versions.use",))
        lines = [
            _sum_line(saved[compared.left], before, of, f"{use[0][0]} uses it" if use else ""),
            _sum_line(saved[compared.right], after, of),
        ]
        self.query_one("#sums", Static).update(Content("\n").join(lines))

    def _show_difference(self) -> None:
        if self._comparison is None:
            return
        pair = self.query_one(PairList).pair
        attempts = (pair.left.attempt_id, pair.right.attempt_id) if pair and not self._recipe_shown else None
        self._read_difference(self._comparison, attempts)

    def _show_patch(self, head: str, patch: str) -> None:
        texts = [(head, DIM), ("", "")] if head else []
        titles, hunks = patch.splitlines()[:2], patch.splitlines()[2:]
        texts += [(line, DIM) for line in titles]
        texts += [(line, STYLES.get(line[:1], "")) for line in hunks]
        self.query_one("#difference", TextView).show(*texts)

    def _show_titles(self) -> None:
        titles = self.query_one(PairList).titles() if self._comparison else ""
        self.query_one("#titles", Static).update(titles, layout=False)

    def _used(self, chosen: int, recipe: Recipe) -> None:
        self._picked = (None, None)
        self.tell(f"version {chosen} is current again, as version {recipe.version}: test with it")


def _sum_line(version: Version, found: Sum, of: int, use: str = "") -> Content:
    """A version with the key that makes it the current one, and what its units came to."""
    saved = f"{version.created_at.astimezone():%Y-%m-%d %H:%M}"
    cost = money(found.cost_usd, at_least=found.cost_is_floor)
    changed = f"changed {', '.join(version.changed)}" if version.changed else ""
    figures = [found.words, cost, took(found.seconds)] if of else []
    by = f"by {one_line(version.author, 40)}" if version.author else ""
    details = " · ".join(detail for detail in (use, *figures, by, changed, saved) if detail)
    name = f"version {version.version}{' (current)' if version.is_current else ''}"
    return Content.assemble((f"{name:<20} ", BOLD), (details, DIM))
