"""What differs between two versions of a recipe, in lines for people."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from abp_tui.domain.check import check_words
from abp_tui.domain.model import Recipe

NONE = "none"


def recipe_diff(old: Recipe, new: Recipe) -> list[str]:
    """The lines of the prompt that were changed, as a unified diff, then each other setting that was."""
    return [*_prompt(old, new), *_settings(old, new), *_checks(old, new)]


def _prompt(old: Recipe, new: Recipe) -> Iterator[str]:
    texts = (old.prompt_template.splitlines(), new.prompt_template.splitlines())
    names = (f"prompt, version {old.version}", f"prompt, version {new.version}")
    yield from difflib.unified_diff(*texts, *names, n=1, lineterm="")


def _settings(old: Recipe, new: Recipe) -> Iterator[str]:
    before, after = _named(old), _named(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name}: {_shown(before, name)} → {_shown(after, name)}"


def _named(recipe: Recipe) -> Mapping[str, Any]:
    options = {f"option.{name}": value for name, value in recipe.worker_options.items()}
    schema = {} if recipe.output_schema is None else {"schema": dict(recipe.output_schema)}
    return {**options, **recipe.timers.model_dump(), **schema}


def _shown(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return NONE if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _checks(old: Recipe, new: Recipe) -> Iterator[str]:
    before, after = check_words(old.checks), check_words(new.checks)
    yield from (f"- check: {words}" for words in before if words not in after)
    yield from (f"+ check: {words}" for words in after if words not in before)
