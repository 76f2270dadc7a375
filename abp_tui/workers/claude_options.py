"""How Claude Code can be run: its options, and what they let an agent do, in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from abp_tui.workers.base import SKIPS_CHECKS, WorkerOptions
from abp_tui.workers.inline import InlineOrFile
from abp_tui.workers.loose import mapping
from abp_tui.workers.value import Value

_MODES = {
    "default": "reads files and runs harmless commands; whatever would ask for leave is denied",
    "acceptEdits": "edits files in its folder without asking; other commands are denied unless listed",
    "plan": "reads and plans only, changes nothing",
    "dontAsk": "does only what is listed or always allowed; everything else is denied",
    "auto": "a classifier of its own decides what it may do without asking",
    "bypassPermissions": f"{SKIPS_CHECKS}: may run anything with all the rights of your account",
}

NARROW = ("plan", "dontAsk")
HARMLESS = frozenset(
    "model fallback_model effort max_turns max_budget_usd disallowed_tools strict_mcp_config "
    "system_prompt append_system_prompt".split()
)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


class ClaudeOptions(WorkerOptions):
    """How Claude Code is run. Permissions are what stands here, never what an item says."""

    program: Value = Field(default="claude", description="The program, by name or path.")
    model: Value | None = Field(default=None, description="Model or alias; none: the program's own choice.")
    fallback_model: Value | None = Field(default=None, description="Model while the first is overloaded.")
    effort: Value | None = Field(default=None, description="How hard it thinks: low, medium, high.")
    max_turns: int | None = Field(default=None, ge=1, description="Most turns of one attempt.")
    max_budget_usd: float | None = Field(
        default=None,
        gt=0,
        description="Most USD of one attempt; looked at after each turn, so it overshoots.",
    )
    permission_mode: Literal["default", "acceptEdits", "plan", "dontAsk", "auto", "bypassPermissions"] = (
        Field(default="default", description="What it may do without being asked.")
    )
    allowed_tools: tuple[Value, ...] = Field(default=(), description="Allowed without asking: Bash(git *).")
    disallowed_tools: tuple[Value, ...] = Field(default=(), description="Never allowed.")
    tools: tuple[Value, ...] | None = Field(default=None, description="The only built-in tools it has.")
    add_dirs: tuple[Value, ...] = Field(default=(), description="More folders it may work in.")
    system_prompt: Value | None = Field(default=None, description="In place of its own system prompt.")
    append_system_prompt: Value | None = Field(default=None, description="Added to its system prompt.")
    mcp_config: Annotated[tuple[InlineOrFile, ...], BeforeValidator(_listed)] = Field(
        default=(), description="MCP servers: files or JSON; write keys in it as ${NAME}."
    )
    strict_mcp_config: bool = Field(default=False, description="No MCP servers but those of mcp_config.")
    lean: bool = Field(
        default=False,
        description="Start without settings, memory files and MCP servers, be they yours or the folder's; "
        "what setting_sources, settings and mcp_config name still counts.",
    )
    config_per_slot: bool = Field(
        default=False,
        description="A config folder for each agent that runs at once, with links to your login, settings "
        "and sessions: none rewrites the state file of another. Not where a keychain holds the login.",
    )
    settings: InlineOrFile | None = Field(default=None, description="More settings: a file or JSON.")
    setting_sources: str | None = Field(
        default=None, description='Which of user,project,local settings to load; "" for none.'
    )
    bare: bool = Field(
        default=False, description="Least start: three tools, no hooks, plugins, memory or OAuth login."
    )

    @property
    def sources(self) -> str | None:
        """The settings to load; None for the program's own choice."""
        return "" if self.lean and self.setting_sources is None else self.setting_sources


def in_words(options: ClaudeOptions) -> list[str]:
    """What an agent with these options may do, the widest first."""
    lists = (
        ("may without asking: ", options.allowed_tools),
        ("may never: ", options.disallowed_tools),
        ("has only these built-in tools: ", options.tools or ()),
        ("also works in: ", options.add_dirs),
        ("uses MCP servers from: ", options.mcp_config),
    )
    said = [lead + ", ".join(values) for lead, values in lists if values]
    if options.tools == ():
        said.append("has no built-in tools")
    if options.settings:
        said.append(f"takes more rules from settings: {options.settings}")
    if options.sources != "":
        said.append("and what your own Claude Code settings allow")
    mode = options.permission_mode
    if _settings_mode(options) == "bypassPermissions" != mode:
        said.insert(0, f"{SKIPS_CHECKS} where its settings count: their defaultMode is bypassPermissions")
    return [_MODES[mode], *said]


def _settings_mode(options: ClaudeOptions) -> Any:
    """The mode that the settings given here, if they are no file, would begin with."""
    if not (options.settings or "").startswith("{"):
        return None
    return mapping(json.loads(options.settings or ""), "permissions").get("defaultMode")
