"""Running the real Claude Code by its worker, against the scripted API, with nothing of its surroundings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from abp_tui.domain.model import Event, EventKind, Outcome, Timers
from abp_tui.workers.base import Task
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.claude_cli import ClaudeCliWorker
from tests.agents.anthropic_api import AnthropicApi
from tests.workers.helpers import Recorder

TIMERS = Timers(first_event_s=60, idle_s=60, total_s=100)
OUTER = ("ANTHROPIC_", "CLAUDE", "DISABLE_", "API_TIMEOUT")


@dataclass
class Agent:
    """One program and where it works. Environment variables may be changed before a run."""

    program: Path
    version: str
    api: AnthropicApi
    home: Path
    cwd: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = {**self.api.environment(), **self.environment}

    def worker(self, **options: Any) -> ClaudeCliWorker:
        return ClaudeCliWorker(ClaudeCliWorker.Options(program=str(self.program), **options))

    def task(self, prompt: str, **more: Any) -> Task:
        env: Mapping[str, str] = {**self.environment, **more.pop("env", {})}
        return Task(
            **{"prompt": prompt, "payload": {}, "cwd": str(self.cwd), "timers": TIMERS, "env": env, **more}
        )

    def run(self, prompt: str, sink: Recorder | None = None, /, **more: Any) -> Run:
        """Run one prompt; what `Task` has no field for is an option of the worker."""
        fields = {
            name: more.pop(name)
            for name in ("session_id", "follow_up", "output_schema", "timers", "env")
            if name in more
        }
        sink = sink or Recorder()
        with Cancel() as cancel:
            outcome = self.worker(**more).run(self.task(prompt, **fields), sink, cancel)
        return Run(outcome, sink)


@dataclass
class Run:
    """How a run ended, and what was told meanwhile."""

    outcome: Outcome
    sink: Recorder

    def of_kind(self, kind: EventKind) -> list[Event]:
        return [event for event in self.sink.events if event.kind is kind]


def outer_variables() -> list[str]:
    """What this process's own surroundings say to a Claude Code."""
    return [name for name in os.environ if name.startswith(OUTER)]
