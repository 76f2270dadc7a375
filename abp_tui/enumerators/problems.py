"""Several mistakes of one source in one error: the first with their places, the rest counted."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from abp_tui.errors import InvalidInput

SHOWN = 5


def refusal(source: str, problems: Iterable[str], hint: str) -> InvalidInput:
    """The error that names the first of the problems, and how many there are in all."""
    problems = iter(problems)
    shown = "; ".join(islice(problems, SHOWN))
    more = sum(1 for _ in problems)
    return InvalidInput(f"{source}: {shown}" + (f"; and {more:,} more like these" if more else ""), hint)
