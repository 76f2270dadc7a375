"""The name of a cause: one for all failures and doubts that differ only in what differs from item to item."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from http import HTTPStatus
from itertools import chain
from types import MappingProxyType
from typing import Any

from abp_tui.domain.failure import FailureKind

_EXTENSIONS = (
    "bash|bat|bib|bmp|bz2|c|cc|cfg|cpp|cs|css|csv|db|docx?|env|epub|gif|go|gz|h|hpp|html?|ini|ipynb|java|jpe?g|jsx?|"
    "json[cl5]?|kt|lock|log|lua|m4a|md|mdx|mjs|mov|mp[34]|odt|parquet|pdf|php|pl|png|pptx?|ps1|pyi?|r|rb|rs|rst|rtf|"
    "scala|sh|so|sql|sqlite3?|svg|swift|tar|tex|tiff?|toml|ts|tsv|tsx|txt|vue|wav|webp|whl|xhtml|xlsx?|xml|ya?ml|zip|"
    "zsh"
)
_REASONS = "|".join(re.escape(status.phrase) for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST)
_TOLD = r"""[\s:="'(\[]+"""
_PART = r"[\w.@+~%#-]+"  # with the mark of a value of the item
_START = r"(?<![\w.@+~%#-])"
_KINDS_OF_NOISE = {
    # How a program or a request ended is no noise, but a cause.
    "told": rf"\b(?:(?:exit|return|error|status|response)[ _-]?(?:code|status)|code|errno|signal"
    rf"|exit(?:ed)?(?: with)?(?: status)?){_TOLD}-?\d+\b"
    rf"|\b(?:http(?:/[\d.]+|\w*)|error|status){_TOLD}[45]\d\d\b"
    rf"|\b(?:returned|response|responded|rejected|refused|failed|got|with){_TOLD}[45]\d\d\b(?!\s*\w)"
    rf"|\b[45]\d\d\b(?=\W{{1,3}}(?:{_REASONS}|overloaded|(?:client |server )?error|status|response|\{{))",
    "url": r"\b[a-z][a-z\d+.-]*://[^\s\"'<>)]+",
    "mail": r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b",
    "uuid": r"\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b",
    "file": rf"{_START}(?:[a-z]:)?[\\/]?(?:{_PART}[\\/])*{_PART}\.(?:{_EXTENSIONS})\b",
    "rooted": rf"{_START}(?:(?:[a-z]:|~|\.\.?)?(?:/{_PART})+|[a-z]:(?:\\{_PART})+)/?",
    "relative": rf"{_START}{_PART}(?:/{_PART}){{2,}}/?|{_START}{_PART}/{_PART}/",  # not `and/or`
    "request": r"\b(?:req|msg|toolu|srvtoolu|call|resp|chatcmpl|sess|thread)[_-](?=[a-z]*\d)[a-z\d]{4,}",
    "ulid": r"\b[0-7][\da-hjkmnp-tv-z]{25}\b",
    "hex": r"\b0x[\da-f]+\b|\b(?=[a-f]*\d)(?=\d*[a-f])[\da-f]{6,}\b",
    "word": r"(?<![a-z\d])(?=[a-z]*\d)[a-z\d]{12,}(?![a-z\d])",
    "number": r"-?\d+(?:[.,:]\d+)*(?:e[+-]?\d+)?",
}
_NOISE = re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in _KINDS_OF_NOISE.items()), re.IGNORECASE)
_NUMBER = re.compile(_KINDS_OF_NOISE["number"])
_BREAK = re.compile(r"(?<=[a-z])(?=[A-Z\d])|(?<=[A-Z])(?=\d)|(?<=\d)(?=[A-Za-z])")
_MARK = "#"
_PLAIN_WORD = re.compile(r"[a-z]+|[A-Z]{2}|[\W\d]*")
_QUOTABLE = re.compile(r"[a-z]{4,}")  # a plain word that is a value where it stands in quotes
_NAMING = ("_id", "value")  # fields that name the item, whatever they hold
_LEAST_VALUE, _MOST_VALUE = 2, 500  # characters


def normalise(text: str, item: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Replace what differs between two occurrences of one cause (ids, paths, numbers, values of the item).

    Exit codes and the status of an answer stay: they are a cause.
    """
    text = " ".join(_without(text, item).split())
    return _NOISE.sub(_mark, text).lower()


def _mark(found: re.Match[str]) -> str:
    if found.lastgroup == "told":
        return found[0]
    if found.lastgroup == "word" and not _is_random(found[0]):
        return _NUMBER.sub(_MARK, found[0])
    return _MARK


def _is_random(word: str) -> bool:
    """Whether letters and digits change so often that nobody has named anything so, as `Base64Decoder`."""
    return 4 * len(_BREAK.findall(word)) >= len(word)


def _without(text: str, item: Mapping[str, Any]) -> str:
    """The text without the values of the item; a common word stays one, unless it is quoted."""
    held = {(field, value) for field, value in _texts("", item) if value in text}
    names = {value for field, value in held if _names(field, value)}
    if quoted := {value for _, value in held if _QUOTABLE.fullmatch(value)} - names:
        text = re.sub(rf"([\"'`])(?:{_any_of(quoted)})(?=\1)", rf"\1{_MARK}", text)
    return re.sub(rf"(?<!\w)(?:{_any_of(names)})(?!\w)", _MARK, text) if names else text


def _any_of(values: Collection[str]) -> str:
    return "|".join(map(re.escape, sorted(values, key=len, reverse=True)))


def _texts(field: str, value: Any) -> Iterator[tuple[str, str]]:
    """All text that an item holds, however deep, each with the field that it stands in."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(_texts(name, inner) for name, inner in value.items())
    elif isinstance(value, (list, tuple)):
        yield from chain.from_iterable(_texts(field, inner) for inner in value)


def _names(field: str, value: str) -> bool:
    if not _LEAST_VALUE <= len(value) <= _MOST_VALUE:
        return False
    return not _PLAIN_WORD.fullmatch(value) or (field in _NAMING and value.isalpha())


def fingerprint(
    kind: FailureKind, error: str, last_tool: str = "", item: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """A short stable name for the cause of a failure: equal for errors that differ only in noise.

    `last_tool` is what the agent called last, `item` the payload of its unit.
    """
    cause = f"{kind}\n{normalise(error[:2000], item)}\n{last_tool}"
    return hashlib.blake2b(cause.encode("utf-8", "replace"), digest_size=6).hexdigest()
