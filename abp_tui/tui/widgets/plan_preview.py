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

SHOWN = 5
SHORT = 14  # lines: with fewer, the prompt is what they are for
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
            if self._is_short:
                self.scroll_to(y=self._line_of_prompt, animate=False, immediate=True, force=True)

    def show_outlook(self, outlook: Outlook) -> None:
        """Show what would be made."""
        self._outlook = outlook
        self._at = min(self._at, len(outlook.found.items) - 1)
        self._draw(outlook)
        if outlook.problem is not None:
            self.scroll_home(animate=False, immediate=True)

    def show_problem(self, error: AbpError) -> None:
        """Show why there are no items, and what to do."""
        self._outlook = None
        self.show((error.message, WARN), (error.hint, DIM))

    def show_state(self, what: str, hint: str = "") -> None:
        """Show why there are no items yet, and what a key would do."""
        self._outlook = None
        self.show((what, ""), (hint, DIM))

    def _draw(self, outlook: Outlook) -> None:
        """All of it; where there are few lines, the items are one, so that the prompt is in sight."""
        gap: list[Text] = [] if self._is_short else [("", "")]
        texts: list[Text] = []
        if outlook.problem is not None:
            texts += [(outlook.problem.message, WARN), (outlook.problem.hint, DIM), *gap]
        texts += self._items(outlook)
        texts += [(one_line(warning), BAD) for warning in outlook.found.warnings]
        if outlook.template is not None:
            texts += [*gap, *self._prompt(outlook.template, outlook.found)]
        self.show(*texts)

    @property
    def _is_short(self) -> bool:
        return self.size.height < SHORT

    @property
    def _line_of_prompt(self) -> int:
        """The line of its heading, if there is a prompt: the last block but one."""
        has_one = self._outlook is not None and self._outlook.template is not None
        return self.lines_of_block(len(self.blocks) - 2)[0] if has_one else 0

    def _items(self, outlook: Outlook) -> Iterator[Text]:
        found = outlook.found
        yield count(found.count, "item"), f"bold {PRIMARY}"
        yield _fields(found.fields), DIM
        shown = [_item(item, outlook.source) for item in found.items[:SHOWN]]
        more = found.count - len(shown)
        if more > 0:
            shown.append(Content.styled(f"  and {more:,} more", DIM))
        yield from [Content.assemble(*shown)] if self._is_short else shown

    def _prompt(self, template: PromptTemplate, found: Found) -> Iterator[Text]:
        item = found.items[self._at]
        of = f"  {self._at + 1:,} of {count(found.count, 'item')}"
        yield Content.assemble((f"Prompt for {one_line(item.key, 40)}", BOLD), (of, DIM))
        yield template.render(item.payload), ""


def _item(item: Item, source: str) -> Content:
    """Its key, and what it has beside it where that does not stand in files."""
    beside = "" if source in FILE_SOURCES else f"  {_values(item)}"
    return Content.assemble(f"  {one_line(item.key)}", (beside, DIM))


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
