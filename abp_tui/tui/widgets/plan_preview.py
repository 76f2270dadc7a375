"""What a new job would be: how many items, the first of them, their prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from textual.content import Content

from abp_tui.creation import Found
from abp_tui.domain.prompt import FILE_SOURCES, PromptTemplate
from abp_tui.enumerators.base import Item
from abp_tui.errors import AbpError
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.glyphs import BAD, BOLD, DIM, PRIMARY, WARN
from abp_tui.tui.widgets.text import one_line
from abp_tui.tui.widgets.wrapped import Text, TextView

SHOWN, SHOWN_IF_SHORT, SHORT = 5, 3, 14
FIELDS = 20
VALUE = 60  # characters of a field that are shown beside the others


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the form makes of the items that were found: the prompt, and what keeps it from being a job."""

    source: str
    found: Found
    template: PromptTemplate | None = None
    problem: AbpError | None = None


class PlanPreview(TextView):
    """Changes while typing; prompts are stepped through one item after the other."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._outlook: Outlook | None = None
        self._at = 0

    def step(self) -> None:
        """The next item's prompt, after the last the first again."""
        if self._outlook is not None:
            self._at = (self._at + 1) % len(self._outlook.found.items)
            self._draw(self._outlook)

    def show_outlook(self, outlook: Outlook) -> None:
        """Show what would be made."""
        self._outlook = outlook
        self._at = min(self._at, len(outlook.found.items) - 1)
        self._draw(outlook)

    def show_problem(self, error: AbpError) -> None:
        """Show why there are no items, and what to do."""
        self._outlook = None
        self.show((error.message, WARN), (error.hint, DIM))

    def show_state(self, what: str, hint: str = "") -> None:
        """Show why there are no items yet, and what a key would do."""
        self._outlook = None
        self.show((what, ""), (hint, DIM))

    def _draw(self, outlook: Outlook) -> None:
        texts: list[Text] = []
        if outlook.problem is not None:
            texts += [(outlook.problem.message, WARN), (outlook.problem.hint, DIM), ("", "")]
        texts += self._items(outlook)
        texts += [(one_line(warning), BAD) for warning in outlook.found.warnings]
        if outlook.template is not None:
            item = outlook.found.items[self._at]
            prompt = outlook.template.render(item.payload)
            texts += [("", ""), (f"Prompt for {one_line(item.key)}", BOLD), (prompt, "")]
        self.show(*texts)

    def _items(self, outlook: Outlook) -> Iterator[Text]:
        found = outlook.found
        first = found.items[: SHOWN_IF_SHORT if self.size.height < SHORT else SHOWN]
        yield count(found.count, "item"), f"bold {PRIMARY}"
        yield _fields(found.fields), DIM
        for item in first:
            beside = "" if outlook.source in FILE_SOURCES else _values(item)
            yield Content.assemble(f"  {one_line(item.key)}", (f"  {beside}", DIM))
        if (more := found.count - len(first)) > 0:
            yield f"  and {more:,} more", DIM


def _fields(names: tuple[str, ...]) -> str:
    """The fields as they are written in a prompt."""
    more = f" and {len(names) - FIELDS} more" if len(names) > FIELDS else ""
    return "with " + " ".join(f"{{{one_line(name)}}}" for name in names[:FIELDS]) + more


def _values(item: Item) -> str:
    """What an item has, but for what abp has added."""
    own = {name: value for name, value in item.payload.items() if not name.startswith("_")}
    return "  ".join(f"{one_line(name)}: {_value(value)}" for name, value in own.items())


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return one_line(text, VALUE)
