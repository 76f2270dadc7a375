"""Any program as a worker: one process per item, its standard output is the answer."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from abp_tui.domain.model import Outcome, Timers
from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.workers.arguments import Arguments, find_command
from abp_tui.workers.base import (
    NESTING_MARKS,
    SKIPS_CHECKS,
    Probe,
    Sink,
    Task,
    Worker,
    WorkerOptions,
    skipped_by,
)
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.code_arguments import reads_code_from_stdin
from abp_tui.workers.item_file import ItemFolder
from abp_tui.workers.lines import LINE_CAP
from abp_tui.workers.output import Output, to_bytes
from abp_tui.workers.process import run_program
from abp_tui.workers.process_end import ProcessEnd, StartFailure
from abp_tui.workers.spawn import environment
from abp_tui.workers.variables import Variables, filled

ITEM_IN_ENV_MAX = 100_000  # bytes; the system takes 128 KiB for one variable

OURS = frozenset({"ABP_ITEM", "ABP_ITEM_FILE", "ABP_ATTEMPT"})  # set anew for each item
NOT_PASSED_ON = OURS | NESTING_MARKS
_ENCODE = json.JSONEncoder(default=str).encode


class CommandOptions(WorkerOptions):
    """What is run for each item."""

    argv: tuple[str, ...] = Field(
        min_length=1, description="The program and its arguments; {field} takes an item's field."
    )
    stdin: Literal["prompt", "item", "nothing"] = Field(
        default="prompt", description="What it reads: the prompt, the item as JSON, or nothing."
    )
    cwd: str | None = Field(
        default=None, min_length=1, description="The folder it runs in, from the job's own; none: that one."
    )
    env: Variables = Field(
        default_factory=dict,
        description="Added to the program's environment; ${NAME} is a variable of the one at the start.",
    )
    ok_exit_codes: tuple[int, ...] = Field(default=(0,), description="Exit codes that mean success.")
    output_limit: int = Field(
        default=1024 * 1024,
        ge=1,
        le=LINE_CAP,
        description="Bytes of output that are kept, up to 16 MiB; the rest is cut with a mark.",
    )
    jsonl_events: bool = Field(
        default=False,
        description="The output is JSON lines: each becomes an event of its own, the last is the result.",
    )

    @field_validator("argv")
    @classmethod
    def _has_a_program(cls, argv: tuple[str, ...]) -> tuple[str, ...]:
        if not argv[0]:
            raise ValueError("the program's name is empty")
        return argv


class CommandWorker(Worker[CommandOptions]):
    """Runs a program per item: on its stdin the prompt, as a rule, and the item in `ABP_ITEM_FILE`."""

    name = "command"
    title = "Any program"
    Options = CommandOptions
    default_timers: ClassVar[Timers] = Timers(first_event_s=0, idle_s=0)  # a silent program is no bad sign
    tells = False

    def __init__(self, options: CommandOptions) -> None:
        super().__init__(options)
        self._arguments = Arguments(options.argv)
        self._items = ItemFolder()

    @cached_property
    def _env(self) -> list[bytes]:
        """As bytes, because to turn it into text and back for each item costs as much as the rest."""
        own = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        return environment({**own, **filled(self.options.env)})

    def check(self, fields: Sequence[str]) -> None:
        """Raise `InvalidInput` for an unknown field, one in code or a folder that is not there.

        Raises `WorkerUnavailable` without a program.
        """
        self._arguments.check(fields)
        if reads_code_from_stdin(self.options.argv):
            raise InvalidInput(
                f"{self.options.argv[0]} would run the prompt, which is its stdin, as code",
                "name a script, or use -c with the code",
            )
        folder = Path(self.options.cwd or "/")
        if folder.is_absolute() and not folder.is_dir():
            raise InvalidInput(f"there is no folder {self.options.cwd!r} to run in", "name one that is there")
        self._find_program()

    def _find_program(self) -> str:
        return find_command(self.options.argv[0], filled(self.options.env).get("PATH"))

    def require(self) -> None:
        """Raise `WorkerUnavailable` where the program is not there."""
        self._find_program()

    def probe(self) -> Probe:
        """Whether the program is there."""
        try:
            return Probe(True, self._find_program())
        except WorkerUnavailable as error:
            return Probe(False, error.message, hint=error.hint)

    def permissions(self) -> list[str]:
        """A program may do what its person may do."""
        where = f" in {self.options.cwd}" if self.options.cwd else ""
        runs = f"runs {self.options.argv[0]}{where} with all the rights of your account"
        skipped = skipped_by(self.options.argv)
        return [f"{SKIPS_CHECKS}, by {skipped}", runs] if skipped else [runs]

    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        """Run the program on one item."""
        output = Output(sink, self.options.output_limit, by_line=self.options.jsonl_events)
        try:
            end = self._run(task, sink, cancel, output)
        except StartFailure as failure:
            return failure.outcome()
        output.close()
        return self._outcome(end, output.text())

    def _run(self, task: Task, sink: Sink, cancel: Cancel, output: Output) -> ProcessEnd:
        item = _ENCODE(task.payload).encode()
        env = [*self._env, *environment(task.env)]
        if len(item) <= ITEM_IN_ENV_MAX:
            env.append(b"ABP_ITEM=" + item)
        with self._items.holding(item) as path:
            env.append(b"ABP_ITEM_FILE=" + os.fsencode(path))
            return run_program(
                self._arguments.render(task.payload),
                cwd=task.cwd if self.options.cwd is None else str(Path(task.cwd, self.options.cwd)),
                env=env,
                stdin=self._stdin(task, item),
                timers=task.timers,
                cancel=cancel,
                on_stdout=output.stdout,
                on_stderr=output.stderr,
                on_start=sink.process,
            )

    def _stdin(self, task: Task, item: bytes) -> bytes:
        match self.options.stdin:
            case "prompt":
                return to_bytes(task.prompt)
            case "item":
                return item
            case "nothing":
                return b""

    def _outcome(self, end: ProcessEnd, text: str) -> Outcome:
        if interrupted := end.interruption():
            return Outcome.failed(*interrupted, output=text, exit_code=end.exit_code)
        if end.exit_code not in self.options.ok_exit_codes:
            return Outcome.failed(
                end.kind(),
                end.describe(),
                output=text,
                exit_code=end.exit_code,
                signal=end.signal,
            )
        return Outcome(ok=True, output=text, exit_code=end.exit_code)
