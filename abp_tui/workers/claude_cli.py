"""Claude Code as a worker: its command line from options, its permissions in plain words."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from abp_tui.domain.model import Timers
from abp_tui.errors import WorkerUnavailable
from abp_tui.workers.base import NESTING_MARKS, Probe, Task, WorkerOptions
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.process import run_program
from abp_tui.workers.process_end import StartFailure
from abp_tui.workers.spawn import environment
from abp_tui.workers.stream_json import StreamJsonWorker

PROBE_TIMERS = Timers(first_event_s=0, idle_s=0, total_s=20)


def _no_flag(value: str) -> str:
    if value.startswith("-") or not value.strip():
        raise ValueError(f"{value!r} is no value but a flag or nothing")
    return value


Value = Annotated[str, AfterValidator(_no_flag)]

_MODES = {
    "default": "reads files and runs harmless commands; whatever would ask for leave is denied",
    "acceptEdits": "edits files in its folder without asking; other commands are denied unless listed",
    "plan": "reads and plans only, changes nothing",
    "dontAsk": "does only what is listed or always allowed; everything else is denied",
    "auto": "a classifier of its own decides what it may do without asking",
    "bypassPermissions": "SKIPS ALL PERMISSION CHECKS: may run anything with all the rights of your account",
}


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
    append_system_prompt: Value | None = Field(default=None, description="Added to its system prompt.")
    mcp_config: tuple[Value, ...] = Field(default=(), description="MCP servers: files or JSON.")
    strict_mcp_config: bool = Field(default=False, description="No MCP servers but those of mcp_config.")
    settings: Value | None = Field(default=None, description="More settings: a file or JSON.")
    setting_sources: str | None = Field(
        default=None, description='Which of user,project,local settings to load; "" for none.'
    )
    bare: bool = Field(default=False, description="Lean: no hooks, plugins, memory or background look-ups.")


class ClaudeCliWorker(StreamJsonWorker[ClaudeOptions]):
    """Runs the Claude Code program, one process per attempt."""

    name = "claude"
    title = "Claude Code"
    Options = ClaudeOptions
    takes_schema = True

    def argv(self, task: Task, session_id: str) -> list[str]:
        """The command line; the prompt goes to stdin."""
        options = self.options
        argv = [options.program, "-p", "--output-format", "stream-json", "--verbose"]
        argv += ["--resume" if task.session_id else "--session-id", session_id]
        argv += ["--permission-mode", options.permission_mode]
        for flag, value in self._single_values().items():
            if value is not None:
                argv += [flag, str(value)]
        for flag, values in self._lists().items():
            if values:
                argv += [flag, *values]
        if options.tools is not None:
            argv += ["--tools", *(options.tools or ("",))]
        argv += ["--strict-mcp-config"] * options.strict_mcp_config + ["--bare"] * options.bare
        if task.output_schema is not None:
            argv += ["--json-schema", json.dumps(task.output_schema)]
        return argv

    def _single_values(self) -> Mapping[str, str | float | None]:
        options = self.options
        return {
            "--model": options.model,
            "--fallback-model": options.fallback_model,
            "--effort": options.effort,
            "--max-turns": options.max_turns,
            "--max-budget-usd": options.max_budget_usd,
            "--append-system-prompt": options.append_system_prompt,
            "--settings": options.settings,
            "--setting-sources": options.setting_sources,
        }

    def _lists(self) -> Mapping[str, tuple[str, ...]]:
        options = self.options
        return {
            "--allowedTools": options.allowed_tools,
            "--disallowedTools": options.disallowed_tools,
            "--add-dir": options.add_dirs,
            "--mcp-config": options.mcp_config,
        }

    def environment(self, task: Task) -> Mapping[str, str]:
        """Ours and the task's, less the markers of a Claude Code around us."""
        own = {name: value for name, value in os.environ.items() if name not in NESTING_MARKS}
        return {**own, **task.env}

    def permissions(self) -> list[str]:
        """What the agent may do, the widest first."""
        options = self.options
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
        if options.setting_sources != "":
            said.append("and what your own Claude Code settings allow")
        return [_MODES[options.permission_mode], *said]

    def require(self) -> None:
        """Raise `WorkerUnavailable` where the program is not there."""
        self._find_program()

    def _find_program(self) -> str:
        found = shutil.which(self.options.program)
        if found is None:
            raise WorkerUnavailable(
                f"there is no program {self.options.program!r}",
                "npm install -g @anthropic-ai/claude-code, then start it once and log in",
            )
        return found

    def probe(self) -> Probe:
        """Whether the program is here and starts, and which login it seems to have."""
        try:
            found = self._find_program()
        except WorkerUnavailable as error:
            return Probe(False, error.message, hint=error.hint)
        said = bytearray()
        try:
            with Cancel() as cancel:
                end = run_program(
                    [found, "--version"],
                    cwd="/",
                    env=environment(self.environment(Task(prompt="", payload={}, cwd="/"))),
                    timers=PROBE_TIMERS,
                    cancel=cancel,
                    on_stdout=said.extend,
                )
        except StartFailure as failure:
            return Probe(False, failure.message, hint=failure.hint)
        if end.exit_code != 0:
            return Probe(False, f"{found} --version: {end.describe()}", hint="install it anew")
        version = said.decode("utf-8", "replace").split(" ")[0].strip()
        return Probe(True, f"{found}, {_login()}", version=version or None)


def _login() -> str:
    """What there is to log in with. Whether it is valid shows only when the agent runs."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"):
        if os.environ.get(name):
            return f"logged in by {name}"
    folder = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")
    if (folder / ".credentials.json").exists():
        return "logged in by its credentials file"
    return "no login found by file or environment"
