"""The letters that a terminal shows after what was written to it: as much of a terminal as Textual uses."""

from __future__ import annotations

import re

_PARTS = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[[?>=<]?[\d;$]*[a-zA-Z]|\x1b[^\[]|([^\x00-\x1f]+)|.", re.DOTALL)


class Grid:
    """Rows of letters, each a cell wide."""

    def __init__(self, width: int, height: int) -> None:
        self._rows = [[" "] * width for _ in range(height)]
        self._x = self._y = 0

    @property
    def text(self) -> str:
        """What is to be read, row by row."""
        return "\n".join("".join(row) for row in self._rows)

    def write(self, text: str) -> None:
        """Take in what was written, whole sequences only."""
        for part in _PARTS.finditer(text):
            row, column, letters = part.groups()
            if row is not None:
                self._y, self._x = int(row) - 1, int(column) - 1
            elif letters is not None and self._y < len(self._rows):
                self._rows[self._y][self._x : self._x + len(letters)] = letters
                self._x += len(letters)
