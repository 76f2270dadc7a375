"""Python's collector of garbage, which stops everything, kept from whoever is pressing keys.

A full collection looks at all that the screens hold: 30 to 90 ms. Left to itself it comes with the
allocation that is one too many, in the midst of a paint.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import monotonic

from textual._styles_cache import StylesCache

REST_S = 0.2
"""A full collection waits for as long as this without a key: it is over when the next one comes."""

LOOK_S = 0.1
"""How often is looked for such a rest."""

ENOUGH = 20
"""It is worth its while after so many of the collections in between."""


class Collecting:
    """When the full collections of this process are made."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._typed_at = clock()

    def take_over(self) -> None:
        """Leave out what is loaded already, and end the full collections that Python makes by itself."""
        gc.freeze()
        first, second, _ = gc.get_threshold()
        gc.set_threshold(first, second, 2**31 - 1)
        gc.enable()

    def typed(self) -> None:
        """A key has come."""
        self._typed_at = self._clock()

    def rest(self) -> None:
        """Make one now, if there is enough for it and nobody waits for the screen."""
        if gc.get_count()[2] >= ENOUGH and self._clock() - self._typed_at >= REST_S:
            StylesCache.get_inner_outer.cache_clear()  # it keeps what the last thousand widgets have drawn
            gc.collect()
