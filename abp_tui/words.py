"""Numbers in sentences."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 unit`, `2,300 units`; a noun that takes more than an s says its plural."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
