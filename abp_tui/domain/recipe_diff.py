"""What differs between two versions of a recipe, in the lines of a unified diff."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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
    texts = (old.prompt_template.splitlines(), new.prompt_template.splitlines())
    yield from islice(unified_diff(*texts, n=1, lineterm=""), 2, None)  # behind its own titles


def _settings(old: Recipe, new: Recipe) -> Iterator[str]:
    before, after = _named(old), _named(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield from (
                f"{sign}{name}: {json.dumps(values[name], ensure_ascii=False, default=str)}"
                for sign, values in (("-", before), ("+", after))
                if name in values
            )


def _named(recipe: Recipe) -> Mapping[str, Any]:
    options = {f"option.{name}": value for name, value in recipe.worker_options.items()}
    schema = {} if recipe.output_schema is None else {"schema": dict(recipe.output_schema)}
    return {**options, **recipe.timers.model_dump(), **schema}


def _checks(old: Recipe, new: Recipe) -> Iterator[str]:
    before, after = check_words(old.checks), check_words(new.checks)
    yield from (f"-check: {words}" for words in before if words not in after)
    yield from (f"+check: {words}" for words in after if words not in before)
