"""Settings: `ABP_*` variables, then `config.toml`, then defaults."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from abp_tui import paths
from abp_tui.domain.model import Placement, Timers
from abp_tui.errors import InvalidInput
from abp_tui.plugins import explain, suggest

PREFIX = "ABP_"


class Settings(BaseSettings):
    """What a person has set for all jobs; each job can say otherwise."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

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
        default=None, description="Colours of the screens: textual-dark, textual-light, high-contrast, ..."
    )
    keys: dict[str, str] = Field(
        default_factory=dict, description="Keys of the screens: the id of a binding, and its keys."
    )

    @property
    def placement(self) -> Placement:
        """Where jobs run that don't say otherwise."""
        return Placement(engine=self.engine, scheduler=self.scheduler, node_lost_s=self.node_lost_s)

    @property
    def database(self) -> Path:
        """The database file."""
        return paths.database_path(self.storage_path)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the settings file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _read(paths.config_path()))


def load_settings() -> Settings:
    """The settings in force now; raises `InvalidInput` that names the variable or the file that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise InvalidInput(f"{_where(error)}: {explain(error)}", "mend or unset it") from None
    except SettingsError as error:
        raise InvalidInput(f"{PREFIX}KEYS is not JSON: {error.__cause__}", "mend or unset it") from None


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting as it is in force: `source` is `default`, the name of a variable, or the file with a line."""

    name: str
    value: Any
    source: str
    description: str


def origins() -> list[Origin]:
    """Every setting with where its value comes from; raises `InvalidInput` as `load_settings` does."""
    settings, path = load_settings(), paths.config_path()
    in_file = _read(path)
    found = []
    for name, field in Settings.model_fields.items():
        source = f"{path}{_line_of(path, name)}" if name in in_file else "default"
        source = _variable(name) if _is_set(_variable(name)) else source
        found.append(Origin(name, getattr(settings, name), source, field.description or ""))
    return found


def _where(error: ValidationError) -> str:
    """The variable that holds the first wrong value if one does, else the file with the line."""
    name = str(error.errors()[0]["loc"][0])
    if _is_set(_variable(name)):
        return _variable(name)
    path = paths.config_path()
    return f"{path}{_line_of(path, name)}"


def _variable(name: str) -> str:
    return f"{PREFIX}{name}".upper()


def _is_set(variable: str) -> bool:
    return any(name.upper() == variable and value for name, value in os.environ.items())


def _line_of(path: Path, name: str) -> str:
    """`, line N` where the file sets `name`, as a key or as a table; nothing where that can't be seen."""
    key = re.compile(rf"""\s*(?:\[\s*)?["']?{re.escape(name)}["']?\s*[=.\]]""")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ""
    return next((f", line {n}" for n, line in enumerate(lines, 1) if key.match(line)), "")


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
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
                f"{path}{_line_of(path, key)}: there is no setting {key!r}",
                suggest(key, list(Settings.model_fields)),
            )
    return values
