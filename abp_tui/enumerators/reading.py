"""What a person reads before they approve it, the same in each face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from abp_tui.domain.visible import hides_something, visible
from abp_tui.enumerators.base import Approval
from abp_tui.errors import InvalidInput

NAMED = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is shown: in its margin the number, and `!` where something in it is an escape."""

    margin: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All there is to read: the code, what it is called with, a remark on escapes if any, the hash."""

    code: Sequence[Line]
    context: Sequence[Line]
    remark: str
    hash: str

    @classmethod
    def of(cls, wanted: Approval) -> Reading:
        """All of it, whatever is in it."""
        code, context = wanted.text.split("\n"), wanted.context.split("\n") if wanted.context else []
        size = len(str(len(code)))
        numbers = [f"{number:>{size}}" for number in range(1, len(code) + 1)]
        return cls(
            code=_lines(numbers, code),
            context=_lines([" " * size] * len(context), context),
            remark=_remark(code, context),
            hash=f"SHA-256 of the {wanted.kind}{' and the context' if context else ''}: {wanted.sha256}",
        )


def _lines(margins: Sequence[str], lines: Sequence[str]) -> tuple[Line, ...]:
    return tuple(
        Line(f"{margin}{'!' if hides_something(line) else ' '} ", visible(line))
        for margin, line in zip(margins, lines, strict=True)
    )


def _remark(code: Sequence[str], context: Sequence[str]) -> str:
    """Where escapes stand for characters; empty where nowhere."""
    numbers = [str(number) for number, line in enumerate(code, 1) if hides_something(line)]
    places = []
    if numbers:
        more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
        places.append(f"in line{'s' * (len(numbers) > 1)} {', '.join(numbers[:NAMED])}{more}")
    if any(map(hides_something, context)):
        places.append("in the context")
    where = " and ".join(places)
    return f"! {where}: characters that a terminal hides or obeys are shown as escapes" if where else ""


def read_code(path: Path) -> str:
    """The code byte for byte, line ends too: it is what a person approves. Raises `InvalidInput`."""
    try:
        return path.expanduser().read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput(f"can't read {path}: {why}", "name a file of Python code") from None
