"""The offline stand-in for an agent: a real program in the same stream format, but no LLM."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from abp_tui.workers.base import Probe, Task, WorkerOptions
from abp_tui.workers.stream_json import StreamJsonWorker

PROGRAM = str(Path(__file__).with_name("sample_agent.py"))


class SampleOptions(WorkerOptions):
    """How the stand-in behaves."""

    pace_s: float = Field(default=0.0, ge=0, le=60, description="Seconds it takes over an item.")


class SampleWorker(StreamJsonWorker[SampleOptions]):
    """Reads each item and reports what can be counted in it. It costs nothing and needs no network."""

    name = "sample"
    title = "Offline sample (no LLM)"
    Options = SampleOptions
    harmless = frozenset({"pace_s"})

    def argv(self, task: Task, session_id: str) -> list[str]:
        """An isolated interpreter without site packages: it starts fastest."""
        argv = [sys.executable, "-I", "-S", PROGRAM, session_id, str(self.options.pace_s)]
        file = task.payload.get("file_path")
        return [*argv, file] if isinstance(file, str) else argv

    def environment(self, task: Task) -> Mapping[str, str]:
        """Ours and the task's."""
        return {**os.environ, **task.env}

    def permissions(self) -> list[str]:
        """It only reads."""
        return ["reads the item, writes nothing"]

    def probe(self) -> Probe:
        """It comes with the program."""
        return Probe(True, "comes with abp, works offline, is no LLM")
