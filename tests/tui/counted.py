"""A source that counts how often it was asked, and waits where a test wants it to."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from abp_tui.enumerators.base import Enumerator, EnumeratorConfig, Item


class CountedConfig(EnumeratorConfig):
    text: str = "word"
    fails: str = ""


class CountedEnumerator(Enumerator[CountedConfig]):
    name = "counted"
    title = "Counted"
    Config = CountedConfig
    asked = 0
    gate = threading.Event()

    def validate(self) -> None:
        pass

    def items(self) -> Iterator[Item]:
        type(self).asked += 1
        yield Item("first", {"text": self.config.text})
        assert self.gate.wait(60)
        if self.config.fails:
            raise KeyError(self.config.fails)
        yield Item("second", {"text": self.config.text})


class AskedForEnumerator(CountedEnumerator):
    name = "asked-for"
    live_preview = False
