"""What an outcome is checked for: the checks of a recipe as values, and judging what text alone tells."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from abp_tui.domain.model import Frozen, Outcome, Seconds
from abp_tui.domain.pattern import found
from abp_tui.domain.structured import NoJson, Schema, find_json
from abp_tui.domain.tell import Tell
from abp_tui.errors import InvalidInput
from abp_tui.plugins import explain

COMMAND_S = 120.0
PASSED, FAILED, IN_DOUBT = "passed", "failed", "in doubt"  # of a check, the last one of a sign of doubt
CHECK = "check"  # the title of the events that tell of checks
FAILS = "check failed: "

_FORMS = "command, regex, schema, changed, not_empty or tells"


class CommandCheck(Frozen):
    """A program that must succeed. `{field}` in its arguments takes the item's; its stdin is the output."""

    kind: Literal["command"] = "command"
    argv: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    timeout_s: Annotated[Seconds, Field(gt=0)] = COMMAND_S

    @property
    def words(self) -> str:
        """What is checked, for people."""
        return f"`{shlex.join(self.argv)}` succeeds"


class RegexCheck(Frozen):
    """A regular expression that must be found in the output."""

    kind: Literal["regex"] = "regex"
    pattern: str = Field(min_length=1)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        import regex  # here: most jobs need none

        try:
            regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return pattern

    @property
    def words(self) -> str:
        """What is checked, for people."""
        return f"the output matches /{self.pattern}/"

    def fault(self, outcome: Outcome) -> str:
        """Why the outcome does not pass; nothing where it does. An expression that takes too long says so."""
        try:
            return (
                "" if found(self.pattern, outcome.output) else f"the output does not match /{self.pattern}/"
            )
        except TimeoutError as error:
            return f"{error} on the output"


class SchemaCheck(Frozen):
    """A JSON schema that the output must fit. It judges only: nothing is sent back to the agent."""

    kind: Literal["schema"] = "schema"
    json_schema: Mapping[str, Any]

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            Schema(schema).check()
        except InvalidInput as error:
            raise ValueError(error.message) from None
        return schema

    @property
    def words(self) -> str:
        """What is checked, for people."""
        return "the output fits the schema of the check"

    def fault(self, outcome: Outcome) -> str:
        """Why the outcome does not pass; nothing where it does."""
        try:
            value = find_json(outcome.output) if outcome.result is None else outcome.result
        except NoJson as error:
            return str(error)
        differences = Schema(self.json_schema).differences(value)
        return f"the output does not fit the schema: {differences}" if differences else ""


class ChangedCheck(Frozen):
    """The item's file must hold something else than before the unit ran."""

    kind: Literal["changed"] = "changed"

    @property
    def words(self) -> str:
        """What is checked, for people."""
        return "the item's file was changed"


class NotEmptyCheck(Frozen):
    """The output must hold more than white space."""

    kind: Literal["not_empty"] = "not_empty"

    @property
    def words(self) -> str:
        """What is checked, for people."""
        return "the output is not empty"

    def fault(self, outcome: Outcome) -> str:
        """Why the outcome does not pass; nothing where it does."""
        return "" if outcome.output.strip() or outcome.result is not None else "the output is empty"


class TellsOff(Frozen):
    """Built-in tells that do not count for this job."""

    kind: Literal["tells"] = "tells"
    off: tuple[Tell, ...] = tuple(Tell)

    @property
    def words(self) -> str:
        """What is not checked, for people."""
        return "not looked for: " + ", ".join(tell.words for tell in self.off)


Check = CommandCheck | RegexCheck | SchemaCheck | ChangedCheck | NotEmptyCheck | TellsOff
TextCheck = RegexCheck | SchemaCheck | NotEmptyCheck


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a unit that ran is suspect: in words, and as a `cause` that is the same for units that share it.

    With `is_said` what the agent says is all of it, and which tool it called before is no part of the cause.
    """

    words: str
    cause: str
    is_said: bool = False


@cache
def _adapter() -> TypeAdapter[Check]:
    return TypeAdapter(Annotated[Check, Field(discriminator="kind")])


def read_checks(values: Iterable[Mapping[str, Any]]) -> tuple[Check, ...]:
    """The checks that a recipe has as plain values; raises `InvalidInput`."""
    return tuple(map(_read, values))


def _read(value: Mapping[str, Any]) -> Check:
    try:
        return _adapter().validate_python(value)
    except ValidationError as error:
        raise InvalidInput(f"checks: {explain(error)}", f"each has a kind: {_FORMS}") from None


def plain(checks: Iterable[Check]) -> tuple[dict[str, Any], ...]:
    """The checks as a recipe keeps them."""
    return tuple(check.model_dump(mode="json") for check in checks)


def check_words(values: Iterable[Mapping[str, Any]]) -> list[str]:
    """The checks of a recipe, a line each, for people."""
    return [check.words for check in read_checks(values)]


def tells_of(checks: Sequence[Check]) -> frozenset[Tell]:
    """The built-in tells that count with these checks."""
    off = {tell for check in checks if isinstance(check, TellsOff) for tell in check.off}
    return frozenset(Tell) - off


def doubt_of(faults: Sequence[Doubt]) -> Doubt | None:
    """All that was found against one outcome as one; None for nothing."""
    if not faults:
        return None
    words = "; ".join(fault.words for fault in faults)
    causes = "; ".join(fault.cause for fault in faults)
    return Doubt(FAILS + words, FAILS + causes, all(fault.is_said for fault in faults))


def sameness(outcome: Outcome, least: int) -> str | None:
    """A short name for an output that no two items should share; None for one that is shorter than `least`.

    Short answers are the same by right: a class, a number, that there was nothing to do.
    """
    text = outcome.output.strip()
    if outcome.result is not None or len(text) < least:
        return None
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()
