"""An attempt's conversation as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from abp_tui.cli.layout import bold, dim
from abp_tui.cli.text import one_line
from abp_tui.domain.change import is_recorded_change
from abp_tui.domain.check import CHECK
from abp_tui.domain.model import Event, EventKind
from abp_tui.store.repository import Repository
from abp_tui.terminal import harmless
from abp_tui.words import counted

PROMPT_LINES = 12
RESULT_LINES = 6
LINE_CELLS = 160
PAGE = 1000


def lines_of(event: Event) -> Iterator[str]:
    """What is shown of an event; tool calls and their results are cut to what gives an idea of them."""
    if is_recorded_change(event):
        return  # the line on the folder sums them up
    match event.kind:
        case EventKind.PROMPT:
            yield from (dim(f"> {line}") for line in _first(event.body, PROMPT_LINES))
        case EventKind.TEXT:
            yield from harmless(event.body).splitlines()
        case EventKind.THINKING:
            yield from (dim(f"  {line}") for line in harmless(event.body).splitlines())
        case EventKind.TOOL_CALL:
            yield f"{bold('* ' + one_line(event.title))} {one_line(event.body, LINE_CELLS)}".rstrip()
        case EventKind.TOOL_RESULT | EventKind.DIFF:
            mark = "  ! " if event.is_error else "  | "
            yield from (dim(mark + line) for line in _first(event.body, RESULT_LINES))
        case EventKind.NOTICE if event.title == "question":
            yield from (bold(f"? {line}") for line in harmless(event.body).splitlines())
        case EventKind.NOTICE if event.title == CHECK:
            yield bold(f"{'✗' if event.is_error else '✓'} check {one_line(event.body, LINE_CELLS)}")
        case EventKind.RESULT:
            if event.is_error:
                yield f"! {one_line(event.body or event.title)}"
        case _:
            yield dim(f"~ {one_line(f'{event.title} {event.body}') or event.kind}")


def events_of(repository: Repository, attempt_id: int, after: int = 0) -> Iterator[Event]:
    """All events of an attempt with an id above `after`, read page by page."""
    while page := repository.attempts.events(attempt_id, after=after, limit=PAGE):
        yield from page
        after = page[-1].id or 0


def _first(text: str, count: int) -> list[str]:
    lines = harmless(text).splitlines()
    more = len(lines) - count
    return lines if more <= 0 else [*lines[:count], f"… {counted(more, 'more line')}"]
