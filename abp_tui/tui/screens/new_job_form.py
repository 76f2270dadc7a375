"""The texts of the new-job form as what the orchestrator takes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from abp_tui.errors import InvalidInput
from abp_tui.tui.widgets.source_form import config_from


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

    def arguments(self) -> dict[str, Any]:
        """The arguments of `create_job`; raises `InvalidInput` for what can't be read."""
        return {
            "name": self.name,
            "user_intent": self.intent,
            "enumerator_type": self.source,
            "enumerator_config": config_from(self.source, self.settings),
            "worker": self.worker,
            "worker_options": {"argv": _words(self.command)} if self.worker == "command" else {},
            "max_workers": _number(self.workers),
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
