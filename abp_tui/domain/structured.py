"""Answers in a form that was asked for: a JSON schema, the JSON in what an agent said, how the two differ."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from abp_tui.domain.pattern import found
from abp_tui.errors import InvalidInput

if TYPE_CHECKING:  # loaded where there is a schema: most jobs have none, and it takes a while
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator
    from referencing import Resource, Specification
    from referencing._core import Resolver

    Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]

SHOWN = 5  # differences that are told
WORDS = 200  # characters of one
DEEPEST = 100  # what writes, masks or shows a result must be able to follow it down
_NEWEST = "https://json-schema.org/draft/2020-12/schema"
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^`]*)")


class NoJson(Exception):
    """An answer holds no JSON, or more than one; the message says which."""


class Schema:
    """A JSON schema, of whatever draft it names. Thread-safe."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def check(self) -> None:
        """Raise `InvalidInput`, naming the place, where this is no schema, or not one by itself."""
        from jsonschema.exceptions import SchemaError

        try:
            _draft(self._schema)
            json.dumps(self._schema, allow_nan=False)
            self._validator.check_schema(dict(self._schema))
            dead_end = next(_dead_ends(self._schema), None)
        except SchemaError as error:
            where, why = error.json_path, _short(error.message)
            raise InvalidInput(f"the schema is wrong at {where}: {why}", "mend it there") from None
        except InvalidInput:
            raise
        except (TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
            raise InvalidInput(f"the schema is no JSON schema: {error}", "mend it") from None
        if dead_end is not None:
            hint = "put what it refers to under $defs: nothing is fetched"
            raise InvalidInput(f"the schema's reference {dead_end!r} leads nowhere", hint)

    def differences(self, value: Any) -> str:
        """Where and how a value does not fit, in one short line; nothing where it fits."""
        if _is_deeper(value, DEEPEST):
            return f"$: it is nested more than {DEEPEST} deep"
        try:
            errors = list(islice(self._validator.iter_errors(value), SHOWN + 1))
        except RecursionError:
            return "$: it is nested too deeply"
        except ArithmeticError as error:  # of numbers beyond all measure
            return f"$: it can't be compared: {error}"
        except (TimeoutError, ValueError) as error:
            return f"$: it can't be judged: {_short(str(error))}"
        told = [f"{error.json_path}: {_short(error.message)}" for error in errors[:SHOWN]]
        return "; ".join(told + ["and more"] * (len(errors) > SHOWN))

    @cached_property
    def _validator(self) -> Validator:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for
        from referencing import Registry

        kind = validator_for(self._schema, default=Draft202012Validator)
        # Without the draft's name, by which a reference to the whole would lead back to the kind that it has.
        schema = {word: value for word, value in self._schema.items() if word != "$schema"}
        return _within_limits(kind)(schema, registry=Registry())  # one that fetches nothing


@cache
def _within_limits(kind: type[Validator]) -> type[Validator]:
    """A kind of validator that looks for the schema's patterns by `found`: its own search may never end."""
    from jsonschema.validators import extend

    by_name = ("additionalProperties", "unevaluatedProperties")
    plain = {word: _of_names(kind.VALIDATORS[word]) for word in by_name if word in kind.VALIDATORS}
    own = {"pattern": _pattern, "patternProperties": _pattern_properties}
    own = {word: keyword for word, keyword in own.items() if word in kind.VALIDATORS}
    limited: type[Validator] = extend(kind, {**plain, **own})  # type: ignore[no-untyped-call]
    return limited


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(value, "string") and not found(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], value: Any, _: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(value, "object"):
        return
    for pattern, schema in patterns.items():
        for name, member in value.items():
            if found(pattern, name):
                yield from validator.descend(member, schema, path=name, schema_path=pattern)


def _of_names(keyword: Keyword) -> Keyword:
    """A keyword about what no other one names, told by name what the patterns beside it match."""

    def judge(validator: Any, rest: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        patterns = schema.get("patternProperties")
        if patterns and validator.is_type(value, "object"):
            matched = {name: True for name in value if any(found(pattern, name) for pattern in patterns)}
            named = {**schema.get("properties", {}), **matched}
            schema = {**schema, "properties": named, "patternProperties": {}}
        yield from keyword(validator, rest, value, schema) or ()

    return judge


def find_json(text: str) -> Any:
    """The one JSON value in a text: all of it, or the one fenced block that is JSON. Raises `NoJson`."""
    try:
        return _parse(text)
    except ValueError as error:
        why = f"the answer is no JSON: {error}"
    values = list(islice(_fenced(text), 2))
    if len(values) == 1:
        return values[0]
    raise NoJson("the answer holds more than one block of JSON" if values else why)


def _parse(text: str) -> Any:
    try:
        return json.loads(text.strip().removeprefix("\ufeff"), parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no value of JSON")


def _fenced(text: str) -> Iterator[Any]:
    """The values of those fenced blocks that are JSON."""
    fence, body = "", list[str]()
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line.rstrip())
        if not fence:
            fence, body = (mark[1], []) if mark else ("", body)
        elif mark and mark[1].startswith(fence) and not mark[2]:
            fence = ""
            try:
                yield _parse("\n".join(body))
            except ValueError:
                continue
        else:
            body.append(line)


def _draft(schema: Mapping[str, Any]) -> Specification[Any]:
    """The draft that the schema names, the newest if it names none. Raises `InvalidInput`."""
    from referencing.jsonschema import UnknownDialect, specification_with

    named = schema.get("$schema", _NEWEST)
    try:
        return specification_with(named)
    except (UnknownDialect, AttributeError):
        hint = f"leave it out, or write {_NEWEST}"
        raise InvalidInput(f"the schema names a draft that is not known here: {named!r}", hint) from None


def _dead_ends(schema: Mapping[str, Any]) -> Iterator[str]:
    """The references that nothing in the schema itself answers."""
    from referencing import Registry

    resource = _draft(schema).create_resource(schema)
    base = resource.id() or ""
    resolver = Registry().with_resource(base, resource).crawl().resolver(base)
    yield from _dead_ends_in(resource, resolver)


def _dead_ends_in(resource: Resource[Any], resolver: Resolver[Any]) -> Iterator[str]:
    from referencing.exceptions import Unresolvable

    contents = resource.contents
    for word in ("$ref", "$dynamicRef"):
        reference = contents.get(word) if isinstance(contents, Mapping) else None
        if isinstance(reference, str):
            try:
                resolver.lookup(reference)
            except Unresolvable:
                yield reference
    for part in resource.subresources():
        yield from _dead_ends_in(part, resolver.in_subresource(part))


def _is_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects stand within each other more than `most` times."""
    level = [value]
    for _ in range(most):
        level = [member for outer in level for member in _members(outer)]
        if not level:
            return False
    return any(isinstance(inner, list | dict) for inner in level)


def _members(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _short(words: str) -> str:
    """Without its middle where it is long: it begins with the value, and ends with what is wrong."""
    words = " ".join(words.split())
    half = WORDS // 2
    return words if len(words) <= WORDS else f"{words[:half]} … {words[-half:]}"
