"""What an enumerator is, and the registry that finds enumerators by name."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from abp_tui.errors import InvalidInput
from abp_tui.plugins import Registry, explain

ENTRY_POINTS = "abp_tui.enumerators"
ITEM_LIMIT = 64 * 1024 * 1024  # bytes; a source refuses a larger item before it is in memory


@dataclass(frozen=True, slots=True)
class Item:
    """One item: `key` is unique within its job and stable between enumerations."""

    key: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person is asked to approve: `sha256` changes with every byte of it."""

    kind: str
    sha256: str
    text: str
    context: str


class EnumeratorConfig(BaseModel):
    """Base of each enumerator's configuration; its JSON schema makes forms, flags and documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ConfigT = TypeVar("ConfigT", bound=EnumeratorConfig)


class Enumerator(ABC, Generic[ConfigT]):
    """A source of items, built from its configuration.

    Subclasses name themselves, their configuration model, the fields of their payload where these are known
    beforehand, and what they add to an item's own fields (`metadata`, with names that begin with `_`).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    Config: ClassVar[type[EnumeratorConfig]]
    fields: ClassVar[tuple[str, ...]] = ()
    metadata: ClassVar[tuple[str, ...]] = ()
    # whether its first items may be shown while a person still types; not where looking has effects elsewhere
    live_preview: ClassVar[bool] = True

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The JSON schema of the configuration."""
        return cls.Config.model_json_schema()

    @abstractmethod
    def validate(self) -> None:
        """Raise `InvalidInput` where the source can't be read at all: no such folder, no such table."""

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """All items as a stream, in a stable order, `limit` applied last."""

    def sample(self, n: int) -> list[Item]:
        """The first `n` items."""
        return list(islice(self.items(), n))

    def place(self, seq: int) -> str:
        """Where in the source the item with this position is, for a person who looks for it."""
        return f"item {seq + 1}"

    def record(self) -> dict[str, Any]:
        """The configuration as it is stored and shown: without passwords."""
        return self.config.model_dump(mode="json", exclude_unset=True)

    def approval(self) -> Approval | None:
        """What a person must have approved before this source may be asked for items; None for nothing."""
        return None

    def reserved(self) -> str | None:
        """What a person must allow where a program asks for this source; None where it only reads files."""
        return f"finds the items with the source {self.name}: {json.dumps(self.record(), ensure_ascii=False)}"

    def approve(self, sha256: str) -> None:
        """Tell the source that a person has approved what `approval` shows, by its hash."""

    def abandon(self) -> None:
        """From another thread: nobody wants the items any more. A source that may wait for long ends that."""

    def warnings(self) -> list[str]:
        """What a person should know about this source before anything runs."""
        return []

    def why_empty(self) -> str:
        """One line, asked for where there are no items: what was looked for, and what would find some."""
        return "the source has no items"


def _builtin() -> dict[str, str]:
    return {
        "file": "abp_tui.enumerators.file:FileEnumerator",
        "paths": "abp_tui.enumerators.listed:ListedEnumerator",
        "csv": "abp_tui.enumerators.csv:CsvEnumerator",
        "json": "abp_tui.enumerators.json:JsonEnumerator",
        "sql": "abp_tui.enumerators.sql:SqlEnumerator",
        "dynamic": "abp_tui.enumerators.dynamic:DynamicEnumerator",
    }


registry: Registry[type[Enumerator[Any]]] = Registry("enumerator", ENTRY_POINTS, _builtin())


def make_enumerator(name: str, config: Mapping[str, Any]) -> Enumerator[Any]:
    """Build the enumerator called `name`; raises `NotFound` or `InvalidInput`."""
    kind = registry.get(name)
    try:
        return kind(kind.Config.model_validate(dict(config)))
    except ValidationError as error:
        raise InvalidInput(
            f"{name} source: {explain(error)}", f"its settings: {', '.join(kind.Config.model_fields)}"
        ) from None
