"""The texts of the new-job form as what the orchestrator takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from abp_tui.domain.check import read_checks
from abp_tui.errors import InvalidInput
from abp_tui.tui.widgets.source_form import config_from, missing
from abp_tui.verbs.typed import schema_in, split_words, typed_options
from abp_tui.verbs.typed_checks import typed_checks
from abp_tui.workers.base import runs_any_program

ItemsFrom = tuple[str, frozenset[tuple[str, str | bool]]]
READS, EDITS = "default", "acceptEdits"
"""What a claude may do, as its own option says it."""
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
    permission: str = READS
    budget: str = ""
    schema: str = ""
    checks: str = ""
    options: str = ""

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
            "worker_options": self._worker_options(),
            "max_workers": _number(self.workers),
            "budget_usd": _amount(self.budget),
            "output_schema": schema_in(self.schema) if self.schema else None,
            "checks": typed_checks(self.checks),
        }

    def checks_problem(self) -> str:
        """What is wrong with the lines of checks, for a person; nothing where they can be read."""
        try:
            read_checks(typed_checks(self.checks))
        except InvalidInput as error:
            return str(error)
        return ""

    def _worker_options(self) -> dict[str, Any]:
        options = typed_options(self.options)
        if runs_any_program(self.worker):
            options["argv"] = _argv(self.command)
        if self.worker == "claude" and self.permission != READS:
            options["permission_mode"] = self.permission
        return options

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
        """`arguments` of a person who has not come to the name and the intent yet.

        Checks that can't be read are left out: the form says so under them.
        """
        form = replace(self, checks="") if self.checks_problem() else self
        return {
            **form.arguments(),
            "name": self.name or STAND_IN_NAME,
            "user_intent": self.intent or STAND_IN_INTENT,
        }


def _argv(command: str) -> list[str]:
    if argv := split_words(command, "the command"):
        return argv
    raise InvalidInput("the command is empty", "name a program, such as wc -w {file_path}")


def _number(text: str) -> int:
    if not text.isdecimal():
        raise InvalidInput(f"{text!r} is no number of workers", "at least one is needed")
    return int(text)


def _amount(text: str) -> float | None:
    try:
        return float(text.removeprefix("$")) if text else None
    except ValueError:
        raise InvalidInput(f"the budget is {text!r}", "an amount in USD, or nothing for none") from None
