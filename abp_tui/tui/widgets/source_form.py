"""The settings of a source as fields, made from its own schema."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input, Label, Select, TextArea

from abp_tui.enumerators.base import registry
from abp_tui.enumerators.reading import read_code
from abp_tui.errors import AbpError, InvalidInput
from abp_tui.tui.widgets.text import one_line

Setting = Mapping[str, Any]
PREFIX = "set-"
NO_YES = (("no", False), ("yes", True))


class SourceForm(Vertical):
    """A field per setting; another source has other fields."""

    source = "file"

    async def choose(self, source: str) -> None:
        """Have the fields of another source, once this returns."""
        if source != self.source:
            self.source = source
            await self.recompose()

    def compose(self) -> ComposeResult:
        """The fields of the source."""
        for name, setting in self._settings().items():
            label = _label(name, setting)
            field = _field(name, setting)
            field.add_class(f"of-{self.source}")
            yield labelled(label, field, str(setting.get("description") or ""))

    def texts(self) -> dict[str, str | bool]:
        """What is in the fields now, by setting."""
        found: dict[str, str | bool] = {}
        for name in self._settings():
            for field in self.query(f"#{PREFIX}{name}.of-{self.source}"):
                found[name] = _value(field)
        return found

    def _settings(self) -> dict[str, Setting]:
        return settings_of(self.source)


def settings_of(source: str) -> dict[str, Setting]:
    """The settings of a source by name, as its schema has them."""
    settings: dict[str, Setting] = registry.get(source).schema().get("properties", {})
    return settings


def sources() -> list[tuple[str, str]]:
    """All sources that can be loaded, as a line for a person and the name."""
    found = []
    for name in registry.names():
        try:
            found.append((f"{name}: {one_line(registry.get(name).title)}", name))
        except AbpError:
            continue  # `abp sources` says what is wrong with it
    return found


def config_from(source: str, texts: Mapping[str, str | bool]) -> dict[str, Any]:
    """The configuration that the fields say; an empty field says nothing. Raises `InvalidInput`."""
    settings = settings_of(source)
    read = {name: _read(name, settings[name], value) for name, value in texts.items() if name in settings}
    return {name: value for name, value in read.items() if value not in (None, "", [])}


def missing(source: str, texts: Mapping[str, str | bool]) -> list[str]:
    """The labels of the fields that can't be left empty, and are."""
    required = registry.get(source).schema().get("required", [])
    empty = [name for name in required if not str(texts.get(name, "")).strip()]
    return [_label(name, settings_of(source)[name]) for name in empty]


def labelled(label: str, field: Widget, tooltip: str = "") -> Horizontal:
    """A field with its name before it."""
    field.tooltip = tooltip or None
    return Horizontal(Label(label), field, classes="field", id=f"field-{field.id}")


def text_field(name: str, placeholder: str = "") -> TextArea:
    """A field of several lines, which tab leaves."""
    return TextArea(
        id=name, compact=True, tab_behavior="focus", highlight_cursor_line=False, placeholder=placeholder
    )


def _field(name: str, setting: Setting) -> Widget:
    kind, default = _type(setting), setting.get("default")
    if kind == "boolean":
        return Select(NO_YES, value=bool(default), allow_blank=False, id=PREFIX + name, compact=True)
    if setting.get("format") == "multi-line":
        return text_field(
            PREFIX + name, f"or the name of a {setting['file']} file" if "file" in setting else ""
        )
    text = os.curdir if setting.get("format") == "directory-path" else ""
    if isinstance(default, list | tuple):
        text = " ".join(map(str, default))
    elif default not in (None, {}):
        text = str(default)
    hint = {"array": "blanks between", "object": "{…}", "integer": "all"}.get(kind, "")
    return Input(text, id=PREFIX + name, compact=True, placeholder=hint)


def _label(name: str, setting: Setting) -> str:
    return one_line(str(setting.get("title") or name)).lower()


def _type(setting: Setting) -> str:
    options = [setting, *setting.get("anyOf", ())]
    return next((str(option["type"]) for option in options if option.get("type", "null") != "null"), "string")


def _value(field: Widget) -> str | bool:
    if isinstance(field, Select):
        return bool(field.value)
    if isinstance(field, Input):
        return field.value
    return field.text if isinstance(field, TextArea) else ""


def _read(name: str, setting: Setting, value: str | bool) -> Any:
    if isinstance(value, bool):
        return value
    kind, text = _type(setting), value.strip()
    if kind == "array" and "anyOf" not in setting:
        return text.split()
    if kind == "integer" and text:
        return _integer(name, text)
    if kind == "object":
        return _object(name, text) if text else None
    if "file" in setting and text.endswith(str(setting["file"])) and "\n" not in text:
        return read_code(Path(text))
    return value if setting.get("format") == "multi-line" else text


def _integer(name: str, text: str) -> int:
    if not text.isdecimal():
        raise InvalidInput(f"{name} is {text!r}", "give a whole number, or nothing")
    return int(text)


def _object(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is no JSON: {error}", 'write an object: {"name": "value"}') from None
