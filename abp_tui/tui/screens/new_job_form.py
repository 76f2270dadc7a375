"""The texts of the new-job form as what the orchestrator takes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from abp_tui.errors import InvalidInput
from abp_tui.tui.widgets.source_form import config_from, missing

ItemsFrom = tuple[str, frozenset[tuple[str, str | bool]]]
STAND_IN_NAME = "(no name yet)"
STAND_IN_INTENT = "(what is to be done)"


@dataclass(frozen=True, slots=True)
class NewJobForm:
    """What is in the fields."""

    name: str
    intent: str
    source: str
    settings: Mapping[str, str | bool]
    worker: str
    command: str
    workers: str

    @property
    def items_from(self) -> ItemsFrom:
        """All that decides which items there are: while this stays, they need not be looked for again."""
        return self.source, frozenset(self.settings.items())

    def arguments(self) -> dict[str, Any]:
        """The arguments of `create_job`; raises `InvalidInput` for what can't be read."""
        return {
            **self.source_arguments(),
            "name": self.name,
            "user_intent": self.intent,
            "worker": self.worker,
            "worker_options": {"argv": _words(self.command)} if self.worker == "command" else {},
            "max_workers": _number(self.workers),
        }

    def source_arguments(self) -> dict[str, Any]:
        """Those of a plan that is only asked for its items; raises `InvalidInput`."""
        if lacking := missing(self.source, self.settings):
            raise InvalidInput(
                f"the {self.source} source still needs its {' and '.join(lacking)}", "fill that in"
            )
        return {
            "name": self.name,
            "user_intent": self.intent,
            "enumerator_type": self.source,
            "enumerator_config": config_from(self.source, self.settings),
        }

    def arguments_with_stand_ins(self) -> dict[str, Any]:
        """`arguments` of a person who has not come to the name and the intent yet."""
        return {
            **self.arguments(),
            "name": self.name or STAND_IN_NAME,
            "user_intent": self.intent or STAND_IN_INTENT,
        }


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInput(f"the command can't be read: {error}", "close the quotation") from None
    if not words:
        raise InvalidInput("the command is empty", "name a program, such as wc -w {file_path}")
    return words


def _number(text: str) -> int:
    if not text.isdecimal():
        raise InvalidInput(f"{text!r} is no number of workers", "at least one is needed")
    return int(text)
