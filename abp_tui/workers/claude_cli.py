"""Claude Code as a worker: its command line from options, and where an agent has its settings."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from abp_tui import paths
from abp_tui.domain.model import Denial, Outcome
from abp_tui.workers import claude_rules
from abp_tui.workers.base import NESTING_MARKS, Probe, Sink, Task
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.claude_account import CONFIG_VARIABLE, account, config_folder, login
from abp_tui.workers.claude_options import HARMLESS, NARROW, ClaudeOptions, in_words
from abp_tui.workers.claude_schema import native
from abp_tui.workers.claude_slots import STATE, ConfigSlots
from abp_tui.workers.probing import find_program, probe_program
from abp_tui.workers.spawn import environment
from abp_tui.workers.stream_json import StreamJsonWorker

HOW_TO_GET = "npm install -g @anthropic-ai/claude-code, then start it once and log in"
NO_TASK = Task(prompt="", payload={}, cwd="/")


class ClaudeCliWorker(StreamJsonWorker[ClaudeOptions]):
    """Runs the Claude Code program, one process per attempt."""

    name = "claude"
    title = "Claude Code"
    Options = ClaudeOptions
    harmless = HARMLESS
    resumes = True
    rules_option = "allowed_tools"

    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """Run the agent on the task, in a config folder of its own if that is wanted."""
        if not self.options.config_per_slot:
            return super().run(task, sink, cancel)
        with _slots(self.environment(task)).take() as folder:
            own = {**task.env, CONFIG_VARIABLE: str(folder)}
            return super().run(replace(task, env=own), sink, cancel)

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
        argv += ["--strict-mcp-config"] * (options.strict_mcp_config or options.lean)
        argv += ["--bare"] * options.bare
        if task.output_schema is not None and (schema := native(task.output_schema)) is not None:
            argv += ["--json-schema", schema]
        return argv

    def takes_schema(self, schema: Mapping[str, Any]) -> bool:
        """Whether the program takes it, as most objects that are not too large."""
        return native(schema) is not None

    def _single_values(self) -> Mapping[str, str | float | None]:
        options = self.options
        return {
            "--model": options.model,
            "--fallback-model": options.fallback_model,
            "--effort": options.effort,
            "--max-turns": options.max_turns,
            "--max-budget-usd": options.max_budget_usd,
            "--system-prompt": options.system_prompt,
            "--append-system-prompt": options.append_system_prompt,
            "--settings": options.settings,
            "--setting-sources": options.sources,
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
        return in_words(self.options)

    def may_widen(self, option: str) -> bool:
        """As with any worker, but for modes that allow less than the default."""
        narrow = option == "permission_mode" and self.options.permission_mode in NARROW
        return not narrow and super().may_widen(option)

    def rules_for(self, denials: Sequence[Denial], own: Sequence[str]) -> tuple[str, ...]:
        """In the form of its own rules."""
        return tuple(claude_rules.rules(denials, own))

    def account(self) -> str:
        """Told apart by config folder, API and login."""
        return account(self.environment(NO_TASK), self.options.settings)

    def require(self) -> None:
        """Raise `WorkerUnavailable` where the program is not there."""
        find_program(self.options.program, HOW_TO_GET)

    def probe(self) -> Probe:
        """Whether the program is here and starts, and which login it seems to have."""
        own = self.environment(NO_TASK)
        return probe_program(self.options.program, HOW_TO_GET, environment(own), login(own))

    def trial(self, api: str, home: str) -> tuple[Sequence[str], Mapping[str, str]] | None:
        """As for a unit, with a key that is none."""
        variables = {
            CONFIG_VARIABLE: home,
            "ANTHROPIC_BASE_URL": api,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        }
        return self.argv(NO_TASK, str(uuid.uuid4())), variables


def _slots(environment: Mapping[str, str]) -> ConfigSlots:
    """Slots for the config folder of this environment; the state file of the usual one lies beside it."""
    folder = config_folder(environment)
    state = folder / STATE if environment.get(CONFIG_VARIABLE) else Path.home() / STATE
    return ConfigSlots(paths.claude_slots_folder(), folder, state)
