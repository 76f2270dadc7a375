"""How Codex can be run: its options, and what they let an agent do, in plain words."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from abp_tui.workers.base import WorkerOptions
from abp_tui.workers.inline import refuse_keys
from abp_tui.workers.value import Value

_SANDBOXES = {
    "read-only": "reads files and runs commands that change nothing, without network",
    "workspace-write": "edits files in its folder and runs commands there, without network",
    "danger-full-access": "RUNS WITHOUT A SANDBOX: may run anything with all the rights of your account",
}
_OURS = {"sandbox_mode": "sandbox", "model": "model", "approval_policy": None}


class CodexOptions(WorkerOptions):
    """How Codex is run. Permissions are what stands here, never what an item says."""

    program: Value = Field(default="codex", description="The program, by name or path.")
    model: Value | None = Field(default=None, description="The model; none: the program's own choice.")
    sandbox: Literal["read-only", "workspace-write", "danger-full-access"] = Field(
        default="read-only", description="What the commands and edits of its model may do."
    )
    add_dirs: tuple[Value, ...] = Field(
        default=(), description="More folders it may write to, with workspace-write."
    )
    profile: Value | None = Field(default=None, description="A profile of your Codex configuration.")
    config: tuple[Value, ...] = Field(
        default=(), description="Overrides of its configuration, KEY=VALUE each, the value as TOML."
    )
    skip_git_repo_check: bool = Field(
        default=False, description="Run in a folder that is no Git repository, too."
    )
    ignore_user_config: bool = Field(
        default=False, description="Lean: leave your config.toml and the MCP servers in it aside."
    )

    @field_validator("config")
    @classmethod
    def _overrides(cls, config: tuple[str, ...]) -> tuple[str, ...]:
        for override in config:
            key, equals, _ = override.partition("=")
            if not equals or not key.strip():
                raise ValueError(f"{override!r} is not KEY=VALUE")
            if key.strip() in _OURS:
                instead = _OURS[key.strip()]
                raise ValueError(
                    f"{key.strip()} can't be set here" + (f", use the option {instead}" if instead else "")
                )
            refuse_keys(_read(override), "put it in your config.toml, or export it and name it in env_vars")
        return config


def _read(override: str) -> Mapping[str, Any]:
    """The override as settings; a value that is no TOML is a text, as it is for Codex."""
    key, _, value = override.partition("=")
    for line in (override, f"{key}={json.dumps(value)}"):
        try:
            return tomllib.loads(line)
        except ValueError:
            continue
    return {}


def in_words(options: CodexOptions) -> list[str]:
    """What an agent with these options may do, the widest first."""
    said = [_SANDBOXES[options.sandbox]]
    if options.add_dirs:
        said.append("also writes in: " + ", ".join(options.add_dirs))
    if options.config:
        said.append("with these settings: " + ", ".join(options.config))
    if options.profile:
        said.append(f"and what the profile {options.profile} of your Codex configuration allows")
    if not options.ignore_user_config:
        said.append("and what your own Codex configuration adds; MCP servers run outside the sandbox")
    return said
