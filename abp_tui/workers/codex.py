"""Codex as a worker: `codex exec --json`, its prompt on stdin; its command line from options."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from abp_tui.domain.model import Event, EventKind, Outcome
from abp_tui.workers.agent import account_of, run_agent
from abp_tui.workers.base import Probe, Sink, Task, Worker
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.codex_options import CodexOptions, in_words
from abp_tui.workers.codex_outcome import Listener, outcome_of
from abp_tui.workers.codex_session import used_before
from abp_tui.workers.item_file import ItemFolder
from abp_tui.workers.output import to_bytes
from abp_tui.workers.probing import find_program, probe_program
from abp_tui.workers.process import INTERRUPT, Ending
from abp_tui.workers.process_end import StartFailure
from abp_tui.workers.spawn import environment
from abp_tui.workers.strict_schema import is_strict

HOW_TO_GET = "npm install -g @openai/codex, then start it once and log in"
NO_SUCH_SESSION = "no rollout found"
KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY", "CODEX_ACCESS_TOKEN")


class CodexWorker(Worker[CodexOptions]):
    """Runs the Codex program, one process per attempt."""

    name = "codex"
    title = "Codex"
    Options = CodexOptions
    harmless = frozenset({"model"})
    resumes = True
    ending: ClassVar[Ending] = INTERRUPT

    def __init__(self, options: CodexOptions) -> None:
        super().__init__(options)
        self._schemas = ItemFolder()

    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """Run the agent on the task; where it knows nothing of the session, once more in a new one."""
        try:
            outcome = self._run(task, sink, cancel)
            if cancel.requested or outcome.ok or NO_SUCH_SESSION not in outcome.error:
                return outcome
            told = f"{outcome.error}; a new session is started"
            sink.event(Event(kind=EventKind.NOTICE, title="abp", body=told))
            return self._run(replace(task, session_id=None), sink, cancel)
        except StartFailure as failure:
            return failure.outcome()

    def _run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        before = used_before(home(), task.session_id) if task.session_id else {}
        listener = Listener(sink)
        schema = _native_schema(task.output_schema)
        with self._schemas.holding(schema) if schema else nullcontext() as schema_file:
            end = run_agent(
                self.argv(task.session_id, schema_file),
                task,
                sink,
                cancel,
                listener,
                env=environment({**os.environ, **task.env}),
                stdin=to_bytes(task.words),
                ending=self.ending,
            )
        return outcome_of(listener.stream, end, task.session_id, before)

    def argv(self, session_id: str | None, schema_file: str | None) -> list[str]:
        """The command line; the prompt goes to stdin."""
        options = self.options
        argv = [options.program, "exec", "--json", "--color", "never", "--sandbox", options.sandbox]
        for flag, values in (
            ("--model", (options.model,)),
            ("--profile", (options.profile,)),
            ("--add-dir", options.add_dirs),
            ("--config", options.config),
            ("--output-schema", (schema_file,)),
        ):
            argv += [part for value in values if value is not None for part in (flag, value)]
        argv += ["--skip-git-repo-check"] * options.skip_git_repo_check
        argv += ["--ignore-user-config"] * options.ignore_user_config
        return [*argv, *(("resume", session_id) if session_id else ()), "-"]

    def account(self) -> str:
        """Told apart by its folder of credentials, its provider and the keys in the environment."""
        signs = [str(home()), self.options.profile or "", *self.options.config]
        signs += [os.environ.get(name, "") for name in KEYS]
        return account_of(signs)

    def permissions(self) -> list[str]:
        """What the agent may do, the widest first."""
        return in_words(self.options)

    def require(self) -> None:
        """Raise `WorkerUnavailable` where the program is not there."""
        find_program(self.options.program, HOW_TO_GET)

    def probe(self) -> Probe:
        """Whether the program is here and starts, and which login it seems to have."""
        return probe_program(self.options.program, HOW_TO_GET, environment(os.environ), _login())


def _native_schema(schema: Mapping[str, Any] | None) -> bytes | None:
    """The schema for the program, where its API takes it; the prompt tells of it in any case."""
    return json.dumps(schema).encode() if schema is not None and is_strict(schema) else None


def home() -> Path:
    """The program's folder of settings, credentials and sessions."""
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex")


def _login() -> str:
    """What there is to log in with. Whether it is valid shows only when the agent runs."""
    if (home() / "auth.json").exists():
        return "logged in by its credentials file"
    for name in KEYS:
        if os.environ.get(name):
            return f"logged in by {name}"
    return "no login found by file or environment"
