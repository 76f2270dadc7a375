"""Values of a JSON document, or of a JSON Lines file, as items."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import islice
from pathlib import PurePath
from typing import Any, TextIO

import ijson
from pydantic import Field

from abp_tui.enumerators.base import Enumerator, EnumeratorConfig, Item
from abp_tui.enumerators.json_stream import (
    Document,
    Repeated,
    Source,
    TooLarge,
    has_many_values,
    number,
    without_repeated,
)
from abp_tui.enumerators.problems import VALUE_LIMIT, too_large, too_many_values
from abp_tui.enumerators.settings import (
    AbsolutePath,
    Encoding,
    OptionalText,
    added_fields,
    encoding_field,
    file_field,
    id_field,
    limit_field,
    reserved,
)
from abp_tui.enumerators.text import Lines, check_file, opened
from abp_tui.errors import InvalidInput
from abp_tui.plugins import suggest

INDEX, ID = "_index", "_id"
LINES_SUFFIXES = (".jsonl", ".ndjson", ".jsonlines")
NAME_IT = "items_path names the array: data.items, or pages.0.rows"
LOOK_AT = 1 << 20  # characters of a file whose name does not tell what it is

TOO_MUCH = (RecursionError, ValueError, ArithmeticError)
ONE_EACH = "each line is one value; a document over several lines has a name with .json at its end"


class _NoNumber(Exception):
    """NaN or Infinity: Python's parser knows them, JSON doesn't."""


def _no_number(name: str) -> None:
    raise _NoNumber(name)


_LINE = json.JSONDecoder(object_pairs_hook=without_repeated, parse_constant=_no_number, parse_float=number)


class JsonConfig(EnumeratorConfig):
    """Which values of which file."""

    file_path: AbsolutePath = file_field("A JSON document, or one JSON value per line (JSON Lines).")
    items_path: OptionalText = Field(
        default=None,
        title="Path to the items",
        description="Where in a document the array is: data.items, or pages.0.rows; without it, at the top.",
    )
    id_field: OptionalText = id_field("field")
    encoding: Encoding = encoding_field()
    limit: int | None = limit_field("items")


class JsonEnumerator(Enumerator[JsonConfig]):
    """The elements of an array in a JSON document, or the lines of a JSON Lines file, read as a stream.

    An object's fields are the item's fields; any other value becomes the field `value`. Which of both a
    file is, its name says, else its beginning: lines, where the first is a whole value and others follow.
    """

    name = "json"
    title = "JSON document or JSON Lines"
    Config = JsonConfig
    metadata = (INDEX, ID)

    def validate(self) -> None:
        """Raise `InvalidInput` where the file can't be read, or has no array where there should be one."""
        check_file(self.config.file_path)
        if not self._is_lines:
            with self._array():
                return

    def reserved(self) -> None:
        """Files are only read."""

    def items(self) -> Iterator[Item]:
        """An item per value, keyed by the id field, else by its position."""
        added, name = added_fields(INDEX, self.config.id_field), self.config.id_field
        for n, value in enumerate(islice(self._values(), self.config.limit)):
            payload = value if isinstance(value, dict) else {"value": value}
            if taken := reserved(payload, added):
                raise InvalidInput(f"{self._place(n)}: the field {taken!r} is one that abp adds", "rename it")
            payload[INDEX] = n
            if name is None:
                yield Item(str(n), payload)
            else:
                payload[ID] = self._id(n, payload, name)
                yield Item(str(payload[ID]), payload)

    def place(self, seq: int) -> str:
        """The line, or the position in the array."""
        if not self._is_lines:
            return super().place(seq)
        with opened(self.config.file_path, self.config.encoding) as file:
            return f"line {next(islice(self._filled_lines(file), seq, None))[0]}"

    def why_empty(self) -> str:
        """What there is instead of items."""
        return "the file is empty" if self._is_lines else "the array in it is empty"

    def _values(self) -> Iterator[Any]:
        if self._is_lines:
            yield from self._lines()
        else:
            with self._array() as document:
                yield from document.elements()

    @contextmanager
    def _array(self) -> Iterator[Document]:
        """The document, read up to the array's first element."""
        path = tuple(self.config.items_path.split(".")) if self.config.items_path else ()
        with opened(self.config.file_path, self.config.encoding) as file:
            source = Source(file)
            document = Document(source)
            try:
                if problem := document.find_array(path):
                    hint = problem[1] or "an array is needed"
                    raise InvalidInput(f"{self.config.file_path}: {problem[0]}", f"{hint}; {NAME_IT}")
                yield document
            except ijson.JSONError:
                raise self._broken(source.before) from None
            except TooLarge as error:
                raise self._too_large(document.position, error) from None
            except Repeated as error:
                n = document.position
                place = "on the way to the items" if n is None else f"item {n + 1}"
                raise self._repeated(place, error) from None
            except UnicodeError:
                raise
            except TOO_MUCH:
                raise self._too_much(f"line {source.line}") from None

    def _lines(self) -> Iterator[Any]:
        path = self.config.file_path
        with opened(path, self.config.encoding) as file:
            for number, line in self._filled_lines(file):
                try:
                    self._measure(number, line)
                    yield _LINE.decode(line)
                except json.JSONDecodeError as error:
                    place = f"{path}, line {number}, column {min(error.pos, len(line.rstrip())) + 1}"
                    raise InvalidInput(f"{place}: no JSON: {error.msg}", ONE_EACH) from None
                except _NoNumber as error:
                    hint = "JSON has no such number: write null, or a text"
                    raise InvalidInput(f"{path}, line {number}: no JSON: {error}", hint) from None
                except Repeated as error:
                    raise self._repeated(f"line {number}", error) from None
                except TOO_MUCH:
                    raise self._too_much(f"line {number}") from None

    def _measure(self, number: int, line: str) -> None:
        """Raise `InvalidInput` for a line that has more values than fit into the memory."""
        with suppress(ijson.JSONError):  # whoever reads it says more exactly what is wrong
            if len(line) > VALUE_LIMIT and has_many_values(line):
                raise InvalidInput(too_many_values(f"{self.config.file_path}, line {number}"), ONE_EACH)

    def _filled_lines(self, file: TextIO) -> Iterator[tuple[int, str]]:
        lines = Lines(file, self.config.file_path, ONE_EACH)
        for line in lines:
            if not line.isspace():
                yield lines.began, line
            lines.begin_item()

    @cached_property
    def _is_lines(self) -> bool:
        if self.config.items_path is not None:
            return False
        if PurePath(self.config.file_path).suffix.lower() in LINES_SUFFIXES:
            return True
        with opened(self.config.file_path, self.config.encoding) as file:
            first, _, rest = file.read(LOOK_AT).lstrip().partition("\n")
        return bool(rest.strip()) and not first.startswith("[") and _is_json(first)

    def _id(self, n: int, payload: dict[str, Any], name: str) -> str | int:
        value = payload.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool) and value != "":
            return value
        if name not in payload:
            hint = suggest(name, [key for key in payload if key != INDEX], "its fields are")
            raise InvalidInput(f"{self._place(n)}: there is no field {name!r}", hint)
        hint = "an id is a text or a whole number; or leave the id field out"
        raise InvalidInput(f"{self._place(n)}: the field {name!r} is {json.dumps(value)[:40]}", hint)

    def _place(self, n: int) -> str:
        return f"{self.config.file_path}, {self.place(n)}"

    def _broken(self, offset: int) -> InvalidInput:
        """What is wrong with the document and where: read once more, from `offset` on byte by byte."""
        path = self.config.file_path
        with opened(path, self.config.encoding) as file:
            source = Source(file, careful_from=offset)
            try:
                Document(source).skim()
            except ijson.JSONError as error:
                place = f"line {source.line}, byte {source.given:,}"
                if source.ended:
                    return InvalidInput(f"{path} is cut off: it ends in {place}", "get it whole")
                why = str(error).partition("\n")[0]
                return InvalidInput(f"{path} is no JSON in {place}: {why}", "mend it there")
        return InvalidInput(f"{path} has changed while it was read", "try again")

    def _too_large(self, n: int | None, error: TooLarge) -> InvalidInput:
        """Which item has too much text; where that is in an array, that may be the one that was meant."""
        path = self.config.file_path
        if n is None:
            return InvalidInput(too_large(f"{path}, a text beside the items"), "take it out of the file")
        steps = error.steps[::-1]
        at = next((at for at, step in enumerate(steps) if isinstance(step, int)), None)
        hint = "an item is what one agent gets: make it smaller"
        if at is not None:
            whole = (self.config.items_path, n, *steps[:at])
            there = ".".join(str(step) for step in whole if step is not None)
            hint = f"it holds an array: if the items are in that, set items_path to {there}"
        why = too_many_values if error.values else too_large
        return InvalidInput(why(f"{path}, item {n + 1}"), hint)

    def _repeated(self, place: str, error: Repeated) -> InvalidInput:
        return InvalidInput(
            f"{self.config.file_path}, {place}: the key {str(error)[:100]!r} is there twice in one object",
            "one of its values would be lost: rename it",
        )

    def _too_much(self, place: str) -> InvalidInput:
        why = "nested too deeply, or a number with thousands of digits"
        return InvalidInput(
            f"{self.config.file_path}, {place}: {why}", "no item can hold that: make it simpler"
        )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
