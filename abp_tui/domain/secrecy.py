"""Values of variables that look like keys, and texts without them: agents get them, the database never."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from abp_tui.domain.model import Denial, Event, Outcome

MASK = "***"
SHORTEST = 8  # characters: what is shorter stands in many texts by chance
_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL", re.IGNORECASE)
_ESCAPES = 2  # JSON in a string of JSON, as in an agent's own line about a tool's input


def is_secret(name: str, value: str) -> bool:
    """Whether a variable of this name and value looks like a key."""
    return len(value.strip()) >= SHORTEST and bool(_NAMES.search(name))


class Mask:
    """Puts `***` in the place of each secret among some variables, in whatever form it stands."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        secrets = (value for name, value in variables.items() if is_secret(name, value))
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def text(self, text: str) -> str:
        """The text without secrets; the text itself where there are none."""
        for form in self._forms:
            if form in text:
                return self.text(text.replace(form, MASK))  # again: it may join what was apart
        return text

    def value(self, value: Any) -> Any:
        """A value of JSON without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(key): self.value(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(element) for element in value]
        return value

    def events(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events without secrets; the same ones where there are none, which one look at all tells."""
        if not self._forms:
            return events
        whole = "\0".join([f"{event.title}\0{event.ref}\0{event.body}\0{event.raw}" for event in events])
        if not any(form in whole for form in self._forms):
            return events
        return [self._event(event) for event in events]

    def _event(self, event: Event) -> Event:
        texts = {name: getattr(event, name) for name in ("body", "raw", "title", "ref")}
        return event.model_copy(update={name: text and self.text(text) for name, text in texts.items()})

    def outcome(self, outcome: Outcome) -> Outcome:
        """The outcome without secrets."""
        if not self._forms:
            return outcome
        update = {
            "output": self.text(outcome.output),
            "result": self.value(outcome.result),
            "error": self.text(outcome.error),
            "last_tool": self.text(outcome.last_tool),
            "denials": tuple(
                Denial(tool=self.text(d.tool), detail=self.text(d.detail)) for d in outcome.denials
            ),
        }
        return outcome.model_copy(update=update)


def _forms(secret: str) -> Iterator[str]:
    """The secret as it stands in texts: whole and line by line, plain, escaped, broken by decoding."""
    lines = (line.strip() for line in (secret, *secret.splitlines()))
    for line in filter(_is_long, lines):
        whole = line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for plain in {line, whole}:
            yield plain
            yield from _escaped([plain], _ESCAPES)


def _is_long(text: str) -> bool:
    return len(text) >= SHORTEST


def _escaped(texts: Iterable[str], depth: int) -> Iterator[str]:
    """The texts as they stand within strings of JSON, and within such strings again."""
    inside = {json.dumps(text, ensure_ascii=ascii_)[1:-1] for text in texts for ascii_ in (True, False)}
    yield from inside
    if depth > 1:
        yield from _escaped(inside, depth - 1)
