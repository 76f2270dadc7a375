"""The arguments of a program that is run for an item: places for its fields, none of them in code."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from abp_tui.domain.prompt import PromptTemplate
from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.plugins import suggest
from abp_tui.workers.code_arguments import code_arguments


class Arguments:
    """A command line with `{field}`s."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = tuple(argv)
        self._templates = tuple(PromptTemplate(argument) for argument in argv)
        self._code = code_arguments(argv) | {0}

    def check(self, fields: Sequence[str]) -> None:
        """Raise `InvalidInput` for an unknown field, or one in code."""
        for at, template in enumerate(self._templates):
            for name in template.names(fields):
                self._check_field(at, name, fields)

    def render(self, payload: Mapping[str, Any]) -> list[str]:
        """The arguments for an item; code gets nothing of it, whatever fields it turns out to have."""
        nothing: Mapping[str, Any] = {}
        return [
            template.render(nothing if at in self._code else payload)
            for at, template in enumerate(self._templates)
        ]

    def _check_field(self, at: int, name: str, fields: Sequence[str]) -> None:
        argument = self._argv[at]
        if at == 0:
            raise InvalidInput(f"the program can't come from an item: {argument}", "write its name")
        if at in self._code:
            raise InvalidInput(
                f"{{{name}}} stands in code that {self._argv[0]} would run: {argument[:80]!r}",
                f"""pass it beside the code: sh -c 'wc -w "$1"' sh {{{name}}}; a literal brace is {{{{""",
            )
        if name not in fields:
            raise InvalidInput(
                f"argument {argument!r} names {{{name}}}, a field that the items don't have",
                suggest(name, list(fields), lead="their fields are"),
            )


def find_command(program: str, path: str | None = None) -> str:
    """The path of a program; one that is named from the folder it runs in comes back as it is.

    Raises `WorkerUnavailable` where there is none.
    """
    if "/" in program and not Path(program).is_absolute():
        return program  # found from the folder it runs in, once that is known
    found = shutil.which(program, path=path)
    if found is None:
        raise WorkerUnavailable(
            f"there is no program {program!r} to run", "is it installed, on PATH and executable?"
        )
    return found
