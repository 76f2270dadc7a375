"""Settings: `ABP_*` variables, then `config.toml`, then defaults."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from abp_tui import paths
from abp_tui.domain.model import Placement, Timers
from abp_tui.domain.secrecy import MASK
from abp_tui.domain.status import Occasion
from abp_tui.errors import InvalidInput
from abp_tui.plugins import explain, suggest

PREFIX = "ABP_"
TABLES = ("keys", "notify")


class NotifySettings(BaseModel):
    """Who is told when a job needs a person or has ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: tuple[Occasion, ...] = Field(
        default=tuple(Occasion), description=f"The occasions: {', '.join(Occasion)}."
    )
    bell: bool = Field(default=True, description="Ring the terminal that shows or awaits the job.")
    desktop: bool = Field(default=False, description="A notification of the desktop.")
    command: tuple[str, ...] = Field(
        default=(), description="A program and its arguments; it reads the notice as JSON."
    )
    webhook: SecretStr | None = Field(
        default=None, description="An http or https address that the notice is posted to as JSON."
    )
    timeout_s: float = Field(
        default=10.0, gt=0, le=60, description="Seconds that a command, or a try of a webhook, may take."
    )

    @field_validator("command")
    @classmethod
    def _has_a_program(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value and not value[0].strip():
            raise ValueError("the program's name is empty")
        return value

    @field_validator("webhook")
    @classmethod
    def _is_web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.match(r"https?://[^/\s]", value.get_secret_value()):
            raise ValueError("it must begin with https:// or http://")
        return value

    @property
    def goes_out(self) -> bool:
        """Whether anything is sent, beside the bell of a terminal that is there anyway."""
        return bool(self.command or self.webhook or self.desktop)

    def shown(self) -> dict[str, Any]:
        """The values as they may be seen: of a webhook the host alone, of a command the program."""
        values = self.model_dump(mode="json")
        if self.webhook is not None:
            values["webhook"] = _only_host(self.webhook.get_secret_value())
        if len(self.command) > 1:
            values["command"] = [self.command[0], MASK]
        return values


class Settings(BaseModel):
    """What a person has set for all jobs; each job can say otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    storage_path: str | None = Field(
        default=None, description="The database: a file, or the folder that it is in."
    )
    max_workers: int = Field(default=4, ge=1, le=1024, description="How many agents run side by side.")
    max_retries: int = Field(
        default=3, ge=0, description="How often a failed unit is tried again; 0 means one attempt."
    )
    max_failures_in_row: int = Field(
        default=10,
        ge=0,
        description="Pause a job when so many units in a row have failed; 0 means never.",
    )
    skip_test: bool = Field(default=False, description="Start jobs without testing one unit first.")
    timeout_s: float = Field(
        default=Timers().total_s, ge=0, description="Seconds that one attempt may take; 0 for no limit."
    )
    engine: Literal["local", "dask"] = Field(
        default="local", description="What jobs run on: this machine, or the nodes of a Dask cluster."
    )
    scheduler: str | None = Field(
        default=None, description="The address of Dask's scheduler; without one, dask uses this machine."
    )
    ship_files_mb: float = Field(
        default=16.0, gt=0, le=1024, description="How much --ship-files lets travel with a unit, and back."
    )
    node_lost_s: float = Field(
        default=20.0, ge=10, le=3600, description="Seconds after which a silent node counts as lost."
    )
    theme: str | None = Field(
        default=None,
        description="Colours of the screens: dark, light, high-contrast, or any theme of Textual.",
    )
    keys: dict[str, str] = Field(
        default_factory=dict,
        description="Keys of the screens: the id of a command in quotes, and its keys (`abp config --keys`).",
    )

    notify: NotifySettings = Field(
        default_factory=NotifySettings, description="Who is told when a job needs a person or has ended."
    )

    @property
    def placement(self) -> Placement:
        """Where jobs run that don't say otherwise."""
        return Placement(engine=self.engine, scheduler=self.scheduler, node_lost_s=self.node_lost_s)

    @property
    def database(self) -> Path:
        """The database file."""
        return paths.database_path(self.storage_path)


def load_settings() -> Settings:
    """The settings in force now; raises `InvalidInput` that names the variable or the file that is wrong."""
    values = _read(paths.config_path())
    for name, value in _in_environment():
        of_file = values.get(name)
        values[name] = (
            {**of_file, **value} if isinstance(of_file, dict) and isinstance(value, dict) else value
        )
    try:
        return Settings(**values)
    except ValidationError as error:
        raise InvalidInput(f"{_where(error)}: {explain(error)}", "mend or unset it") from None


def _in_environment() -> Iterator[tuple[str, Any]]:
    """The settings that a variable has, an empty one not counted; what is a table in the file is JSON there.

    Done by hand: pydantic-settings takes longer to load than all other reading of settings together.
    """
    given = {name.upper(): value for name, value in os.environ.items() if value}
    for name in Settings.model_fields:
        if (text := given.get(_variable(name))) is None:
            continue
        try:
            yield name, json.loads(text) if name in TABLES else text
        except ValueError as error:
            raise InvalidInput(f"{_variable(name)} is not JSON: {error}", "mend or unset it") from None


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting as it is in force.

    `source` is `default`, the file with a line, the name of a variable, or `flag` with the flag.
    """

    name: str
    value: Any
    source: str
    description: str


def origins(by_flag: Mapping[str, str]) -> list[Origin]:
    """Every setting with where its value comes from; raises `InvalidInput` as `load_settings` does.

    `by_flag` has the flags of the command line that have set one, which they do by its variable.
    """
    settings, path = load_settings(), paths.config_path()
    in_file = _read(path)
    found: list[Origin] = []
    for name, field in Settings.model_fields.items():
        if name == "notify":
            found += _notify_origins(settings.notify, path, in_file.get(name, {}))
            continue
        source = f"{path}{line_of(path, name)}" if name in in_file else "default"
        source = _variable(name) if _is_set(_variable(name)) else source
        source = f"flag {by_flag[name]}" if name in by_flag else source
        found.append(Origin(name, getattr(settings, name), source, field.description or ""))
    return found


def _notify_origins(settings: NotifySettings, path: Path, in_file: Any) -> Iterator[Origin]:
    """A row for each setting of the table."""
    values, by_variable = settings.shown(), settings.model_fields_set if _is_set(_variable("notify")) else ()
    for name, field in NotifySettings.model_fields.items():
        source = f"{path}{line_of(path, 'notify', name)}" if name in in_file else "default"
        source = _variable("notify") if name in by_variable and name not in in_file else source
        yield Origin(f"notify.{name}", values[name], source, field.description or "")


def _where(error: ValidationError) -> str:
    """The variable that holds the first wrong value if one does, else the file with the line."""
    steps = [str(step) for step in error.errors()[0]["loc"]]
    if _is_set(_variable(steps[0])):
        return _variable(steps[0])
    path = paths.config_path()
    return f"{path}{line_of(path, *steps[:2])}"


def _only_host(url: str) -> str:
    """An address without what may be secret in it: all but its host."""
    address = urlsplit(url)
    return f"{address.scheme}://{address.hostname}/{MASK}"


def _variable(name: str) -> str:
    return f"{PREFIX}{name}".upper()


def _is_set(variable: str) -> bool:
    return any(name.upper() == variable and value for name, value in os.environ.items())


def line_of(path: Path, name: str, within: str = "") -> str:
    """`, line N` where the file sets `name`, as a key or as a table; nothing where that can't be seen.

    Where it is a table that sets `within`, that is the line, else the table's own.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ""
    top = _first(lines, name, 0)
    inner = _first(lines, within, top) if top is not None and within else None
    number = top if inner is None else inner
    return "" if number is None else f", line {number + 1}"


def _first(lines: Sequence[str], name: str, start: int) -> int | None:
    key = re.compile(rf"""\s*(?:\[\s*)?["']?{re.escape(name)}["']?\s*[=.\]]""")
    return next((n for n, line in enumerate(lines) if n >= start and key.match(line)), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        import tomllib  # seldom is there a file, and who looks at jobs waits for each import

        values = tomllib.loads(text)
    except FileNotFoundError:
        if os.environ.get(paths.CONFIG_VARIABLE):
            raise InvalidInput(f"there is no file {path}", f"{paths.CONFIG_VARIABLE} names it") from None
        return {}
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}", "check its permissions") from None
    except ValueError as error:  # of TOML and of UTF-8; both say where
        raise InvalidInput(f"{path}: {error}", "mend the line, or move the file away") from None
    for key in values:
        if key not in Settings.model_fields:
            raise InvalidInput(
                f"{path}{line_of(path, key)}: there is no setting {key!r}",
                suggest(key, list(Settings.model_fields)),
            )
    if isinstance(keys := values.get("keys"), dict):
        _check_quotes(path, keys)
    return values


def _check_quotes(path: Path, keys: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` for a command's id that TOML has taken apart at its dot."""
    for scope, inner in keys.items():
        for name in inner if isinstance(inner, dict) else ():
            command = f"{scope}.{name}"
            raise InvalidInput(
                f"{path}{line_of(path, 'keys', command)}: keys: {command} stands without quotes",
                f'the name of a command is written in quotes: "{command}" = ...',
            )
