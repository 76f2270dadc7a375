"""Where things live. Nothing here makes a folder: the store does that when it is opened."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

DATABASE_NAME = "abp.db"
CONFIG_VARIABLE = "ABP_CONFIG"
STORAGE_VARIABLE = "ABP_STORAGE_PATH"


def data_folder() -> Path:
    """The person's own data folder for this program."""
    return platformdirs.user_data_path("abp", appauthor=False)


def database_path(storage: str | None = None) -> Path:
    """The database file: `storage` names it or the folder that it is in, else the data folder has it."""
    if not storage:
        return data_folder() / DATABASE_NAME
    path = Path(storage).expanduser().absolute()
    return path / DATABASE_NAME if storage.endswith("/") or path.is_dir() else path


def log_folder(database: Path) -> Path:
    """Where the executors' logs go: beside the database."""
    return database.parent / "logs"


def results_path(database: Path, job_id: int) -> Path:
    """The results of a job as its synthesis step reads them."""
    return database.parent / "results" / f"{database.stem}-j{job_id}.jsonl"


def artifacts_folder(database: Path, job_id: int) -> Path:
    """Files that units of a job have changed on other machines."""
    return database.parent / "artifacts" / f"{database.stem}-j{job_id}"


def claude_slots_folder() -> Path:
    """Config folders of Claude Code for agents side by side."""
    return data_folder() / "claude-slots"


def config_path() -> Path:
    """The settings file: `ABP_CONFIG` if that is set, else `config.toml` in the person's settings folder."""
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named).expanduser().absolute()
    return platformdirs.user_config_path("abp", appauthor=False) / "config.toml"
