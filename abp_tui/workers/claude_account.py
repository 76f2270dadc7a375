"""Whose account Claude Code runs under, as far as files, environment and settings tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from abp_tui.workers.agent import account_of
from abp_tui.workers.loose import mapping, text

CONFIG_VARIABLE = "CLAUDE_CONFIG_DIR"
CREDENTIALS = ".credentials.json"
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
PLACES = (
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_PROFILE",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_VERTEX",
)


def config_folder(environment: Mapping[str, str]) -> Path:
    """The folder of the program's settings, credentials and sessions."""
    return Path(environment.get(CONFIG_VARIABLE) or Path.home() / ".claude")


def account(environment: Mapping[str, str], settings: str | None) -> str:
    """A hash that differs where the limits may be another account's. `settings` is a file or JSON, if any."""
    extra = _read(settings)
    own = {**environment, **{name: text(mapping(extra, "env"), name) for name in mapping(extra, "env")}}
    signs = [str(config_folder(environment)), text(extra, "apiKeyHelper")]
    signs += [own.get(name, "") for name in (*PLACES, *KEYS)]
    return account_of(signs)


def login(environment: Mapping[str, str]) -> str:
    """What there is to log in with. Whether it is valid shows only when the agent runs."""
    for name in KEYS:
        if environment.get(name):
            return f"logged in by {name}"
    if (config_folder(environment) / CREDENTIALS).exists():
        return "logged in by its credentials file"
    return "no login found by file or environment: start it once and log in, or set ANTHROPIC_API_KEY"


def _read(settings: str | None) -> Mapping[str, object]:
    """The settings, or nothing where they can't be read: the program itself will say so."""
    if not settings:
        return {}
    try:
        content = settings if settings.lstrip().startswith("{") else Path(settings).read_text("utf-8")
        value = json.loads(content)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
