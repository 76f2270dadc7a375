"""Prompt templates: how an item's fields get into a prompt, and the standard prompt for an intent."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from abp_tui.errors import InvalidInput
from abp_tui.plugins import suggest


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{name}` in a template, as long as `name` is an identifier or a field that the item has."""

    name: str

    def taken(self, known: Collection[str]) -> bool:
        """Whether this stands for a field, rather than for its own text."""
        return self.name.isidentifier() or self.name in known


_TOKEN = re.compile(r"\{\{|\{([^{}\n]+)\}|[{}]")


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt with places for an item's fields.

    `{name}` takes the field `name` where that is an identifier, or exactly a field of the item (a column
    called `First Name`). `{{` and `}}` are literal braces. Every other brace stays as it is: `{"a": {}}`,
    `{a.b}` and `{a[0]}` are plain text, and `}}` that closes two single braces stays two.
    """

    text: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The identifiers that the template names, in order, without repeats."""
        return self.names(())

    def names(self, known: Collection[str]) -> tuple[str, ...]:
        """Like `fields`, with those of the `known` fields that are no identifiers."""
        places = [piece for piece in _parse(self.text) if isinstance(piece, Placeholder)]
        return tuple(dict.fromkeys(place.name for place in places if place.taken(known)))

    def check(self, fields: Collection[str]) -> None:
        """Raise `InvalidInput` where the template names something that is not among `fields`."""
        for name in self.fields:
            if name not in fields:
                raise InvalidInput(
                    f"the prompt names {{{name}}}, a field that the items don't have",
                    f"{_near(name, fields)} For literal braces write {{{{{name}}}}}",
                )

    def render(self, payload: Mapping[str, Any]) -> str:
        """The prompt for one item. What is put in is never looked at again for placeholders.

        Strings go in as they are, everything else as compact JSON. None goes in as nothing, and so does a
        field that this item lacks: items may differ in their fields, and `check` has judged the names.
        """
        return "".join(
            piece if isinstance(piece, str) else _fill(piece, payload) for piece in _parse(self.text)
        )


FILE_SOURCES = ("file", "paths")  # whose items are files, so that the path says it all
RESULTS_FIELD = "results_file"
_RESULTS = (
    "\n\nThe results are in the file {results_file}: one JSON object per line and item, with the fields "
    "key, status, verdict, payload, output, result and error."
)


def synthesis_prompt(text: str) -> str:
    """The prompt of the synthesis step: a person's text, and where the results are if it does not say.

    Raises `InvalidInput` where it names another field.
    """
    template = PromptTemplate(text)
    template.check((RESULTS_FIELD,))
    return text if RESULTS_FIELD in template.fields else text.rstrip() + _RESULTS


def _near(name: str, fields: Collection[str]) -> str:
    near = suggest(name, list(fields))
    return near if near.endswith("?") else suggest("", list(fields)[:20], lead="fields are") + "."


def _fill(place: Placeholder, payload: Mapping[str, Any]) -> str:
    return _as_text(payload.get(place.name)) if place.taken(payload) else f"{{{place.name}}}"


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


@lru_cache(maxsize=16)
def _parse(text: str) -> tuple[str | Placeholder, ...]:
    """Cut the template in one pass; `single` holds, for each open brace, whether it was a single one."""
    pieces: list[str | Placeholder] = []
    single: list[bool] = []
    position = 0
    while token := _TOKEN.search(text, position):
        pieces.append(text[position : token.start()])
        position = token.end()
        if token[1]:
            pieces.append(Placeholder(token[1]))
        elif token[0] == "}":
            position += _closes_double(text, position, single)
            pieces.append("}")
        else:
            single.append(token[0] == "{")
            pieces.append("{")
    return (*pieces, text[position:])


def _closes_double(text: str, position: int, single: list[bool]) -> bool:
    """Whether the brace before `position` and the next make one literal brace; closes what is open."""
    if single and single[-1]:
        single.pop()
        return False
    if not text.startswith("}", position):
        return False
    if single:
        single.pop()
    return True


_RULES = """\
This is one item of a batch that runs unattended, so please:
- Work on this item only. The others are taken care of separately.
- Do all of it now, to the end, in the foreground: the run is over with your last message.
- Ask nothing, nobody is there to answer: take the most sensible reading and mention it at the end.
- Where it can't be done, say plainly what is in the way rather than making something up.
- Finish with what was asked for or, where the work is in files, a short report."""


class PromptSynthesizer:
    """Makes the prompt of a job from what its person wants done with each item."""

    def synthesize(
        self,
        user_intent: str,
        enumerator_type: str,
        fields: Sequence[str],
        sample: Mapping[str, Any] | None = None,
    ) -> PromptTemplate:
        """A template for items with these `fields`, with the intent in it word for word.

        `sample` is one item's payload; it stands in where the enumerator does not know its fields beforehand.
        Raises `InvalidInput` where the intent is empty; `PromptTemplate.check` judges the names in it.
        """
        if not user_intent.strip():
            raise InvalidInput("the intent is empty", "say what is to be done with each item")
        known = list(fields) or list(sample or ())
        item = _item(PromptTemplate(user_intent).names(known), enumerator_type, known)
        return PromptTemplate("\n\n".join(part for part in (user_intent, item, _RULES) if part))


def _item(named: Collection[str], enumerator_type: str, fields: Sequence[str]) -> str:
    """The part of the prompt that says which item it is, unless the intent has said so itself."""
    if enumerator_type in FILE_SOURCES and "file_path" in fields:
        return "" if "file_path" in named else "The file: {file_path}"
    if named:
        return ""
    shown = [name for name in fields if not name.startswith("_")] or list(fields)
    lines = [f"{name}: {{{name}}}" for name in shown if not re.search(r"[{}\n]", name)]
    return "\n".join(["The item:", "", *lines]) if lines else ""
