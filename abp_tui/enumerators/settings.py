"""Settings that several sources share: paths, encodings, lists of names."""

from __future__ import annotations

import codecs
from collections.abc import Container
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field


def is_utf8(text: str) -> bool:
    """Whether a path can be stored and put into a prompt as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def absolute(text: str) -> str:
    """A path a person gave, made absolute; raises `ValueError` for one that can't be stored."""
    if "\0" in text or not is_utf8(text):
        raise ValueError("has characters that no path can be stored with")
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    return str(path.resolve() if ".." in path.parts else path)


def _is_encoding(name: str) -> str:
    try:
        is_text = codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise ValueError(f"{name!r} is no encoding; try utf-8, latin-1, cp1252 or utf-16")
    return name


def _names(value: Any) -> Any:
    """Names with commas between, as one types them."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _or_none(value: Any) -> Any:
    return None if value == "" or value == () or value == [] else value


AbsolutePath = Annotated[str, AfterValidator(absolute)]
Encoding = Annotated[str, AfterValidator(_is_encoding)]
OptionalText = Annotated[str | None, BeforeValidator(_or_none)]
OptionalNames = Annotated[tuple[str, ...] | None, BeforeValidator(_or_none), BeforeValidator(_names)]


def file_field(description: str) -> Any:
    """The setting that names the one file of a source."""
    return Field(
        title="File", description=description, min_length=1, json_schema_extra={"format": "file-path"}
    )


def encoding_field() -> Any:
    """The setting of a text file's encoding."""
    return Field(
        default="utf-8",
        title="Encoding",
        description="utf-8, with or without a byte order mark, or another by name: latin-1, cp1252, utf-16.",
    )


def id_field(what: str) -> Any:
    """The setting that names what tells the items apart."""
    return Field(
        default=None,
        title=f"Id {what}",
        description=f"The {what} whose value is each item's key; without it the key is the position.",
    )


def limit_field(what: str) -> Any:
    """The setting that ends a source early."""
    return Field(default=None, title="Limit", description=f"Take only the first so many {what}.", ge=1)


def added_fields(index: str, id_name: str | None) -> tuple[str, ...]:
    """The fields that we add to an item's own, and that it may therefore not have itself."""
    return (index,) if id_name in (None, "_id") else (index, "_id")


def reserved(fields: Container[str], added: tuple[str, ...]) -> str | None:
    """The first of the fields we add that the item has itself."""
    return next((name for name in added if name in fields), None)
