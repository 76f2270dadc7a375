"""What differs between two versions of a recipe, in the lines of a unified diff."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from itertools import islice
from typing import Any

from abp_tui.domain.check import check_words
from abp_tui.domain.model import Recipe
from abp_tui.domain.visible import visible


def recipe_diff(old: Recipe, new: Recipe) -> list[str]:
    """The versions with their times, the lines of the prompt that were changed, then each other setting.

    Empty where nothing differs.
    """
    changed = [*_prompt(old, new), *_settings(old, new), *_checks(old, new)]
    return [f"--- {_title(old)}", f"+++ {_title(new)}", *changed] if changed else []


def _title(recipe: Recipe) -> str:
    saved = f"{recipe.created_at.astimezone():%Y-%m-%d %H:%M:%S %z}"
    return f"version {recipe.version}\t{saved}" + (f" by {visible(recipe.author)}" if recipe.author else "")


def _prompt(old: Recipe, new: Recipe) -> Iterator[str]:
    yield from _lines(old.prompt_template.split("\n"), new.prompt_template.split("\n"), around=1)


def _settings(old: Recipe, new: Recipe) -> Iterator[str]:
    before, after = _named(old), _named(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield from (
                f"{sign}{name}: {_json(values[name])}"
                for sign, values in (("-", before), ("+", after))
                if name in values
            )


def _named(recipe: Recipe) -> Mapping[str, Any]:
    options = {f"option.{name}": value for name, value in recipe.worker_options.items()}
    schema = {} if recipe.output_schema is None else {"schema": dict(recipe.output_schema)}
    return {**options, **recipe.timers.model_dump(), **schema}


def _checks(old: Recipe, new: Recipe) -> Iterator[str]:
    lines = _lines([*_told(old, new)], [*_told(new, old)], around=0)
    yield from (line for line in lines if not line.startswith("@@"))


def _told(recipe: Recipe, other: Recipe) -> Iterator[str]:
    """A line for each check: its words, or all of it where the other version has another one of the same."""
    others = dict(zip(check_words(other.checks), other.checks, strict=True))
    for words, check in zip(check_words(recipe.checks), recipe.checks, strict=True):
        yield f"check: {words if others.get(words, check) == check else _json(check)}"


def _lines(old: Sequence[str], new: Sequence[str], *, around: int) -> Iterator[str]:
    return islice(unified_diff(old, new, n=around, lineterm=""), 2, None)  # behind its own titles


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
