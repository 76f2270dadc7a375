"""Finding workers and enumerators by name: ours by import path, other packages' by entry point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from abp_tui.errors import AbpError, NotFound

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to classes; a class is imported only when it is asked for."""

    def __init__(self, what: str, group: str, builtin: Mapping[str, str]) -> None:
        self.what = what
        self.group = group
        self._builtin = dict(builtin)

    def names(self) -> list[str]:
        """All names that can be asked for, ours first."""
        others = {point.name for point in entry_points(group=self.group)} - self._builtin.keys()
        return [*self._builtin, *sorted(others)]

    def is_ours(self, name: str) -> bool:
        """Whether what is registered as `name` comes with this program."""
        return name in self._builtin

    def get(self, name: str) -> T:
        """The class registered as `name`; raises `NotFound` with the nearest names."""
        if path := self._builtin.get(name):
            module, _, attribute = path.partition(":")
            return cast(T, getattr(import_module(module), attribute))
        for point in entry_points(group=self.group, name=name):
            try:
                return cast(T, point.load())
            except Exception as error:
                raise AbpError(
                    f"the {self.what} {name!r} can't be loaded: {error}", f"mend or remove {point.value}"
                ) from error
        raise NotFound(f"there is no {self.what} called {name!r}", suggest(name, self.names()))


def suggest(name: str, known: list[str], lead: str = "known are") -> str:
    """A hint with the nearest of the known names, or with all of them."""
    return nearest(name, known, f"{lead} {', '.join(known)}" if known else "none are known")


def nearest(name: str, known: Sequence[str], otherwise: str) -> str:
    """A hint with the nearest of the known names, else what is said otherwise."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise


def explain(error: ValidationError) -> str:
    """A pydantic error as one line: which setting, what is wrong with it."""
    parts = []
    for problem in error.errors(include_url=False, include_context=False):
        place = ".".join(str(step) for step in problem["loc"])
        parts.append(f"{place}: {_plain(problem)}" if place else _plain(problem))
    return "; ".join(parts)


def _plain(problem: Any) -> str:
    if words := _WORDS.get(problem["type"]):
        return words
    words = str(problem["msg"]).removeprefix("Value error, ")
    return words.replace("Input should be", "it must be").replace("valid ", "")


_LIST = 'it must be a list: ["a", "b"]'
_WORDS = {
    "extra_forbidden": "there is no such setting",
    "missing": "it must be given",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "dict_type": 'it must be an object: {"a": "b"}',
    "mapping_type": 'it must be an object: {"a": "b"}',
    "string_type": 'it must be a text: "a"',
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
}
