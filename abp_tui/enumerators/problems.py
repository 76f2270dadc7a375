"""What is wrong with a source, in words that several sources share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from abp_tui.enumerators.base import ITEM_LIMIT
from abp_tui.errors import InvalidInput

SHOWN = 5
MAX_WARNINGS = 20
VALUE_LIMIT = 1_000_000  # in one item; however short its text is, each takes a hundred bytes or more


def refusal(source: str, problems: Iterable[str], hint: str) -> InvalidInput:
    """The error that names the first of the problems, and how many there are in all."""
    problems = iter(problems)
    shown = "; ".join(islice(problems, SHOWN))
    more = sum(1 for _ in problems)
    return InvalidInput(f"{source}: {shown}" + (f"; and {more:,} more like these" if more else ""), hint)


def shortened(warnings: Sequence[str], count: int) -> list[str]:
    """The first `MAX_WARNINGS` of `count` warnings, and how many more there are."""
    more = count - MAX_WARNINGS
    return [*warnings[:MAX_WARNINGS], *([f"and {more:,} more like these"] if more > 0 else [])]


def too_large(what: str) -> str:
    """That something has more text than an item may have."""
    return f"{what} is over {ITEM_LIMIT >> 20} MB, the most that an item may have"


def too_many_values(what: str) -> str:
    """That something has more values in it than an item may have."""
    return f"{what} has over {VALUE_LIMIT:,} values, the most that an item may have"
