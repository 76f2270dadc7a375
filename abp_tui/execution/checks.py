"""Judging what a unit ended with by the checks of its recipe, before it is recorded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abp_tui.domain.check import (
    CHECK,
    FAILED,
    FAILS,
    IN_DOUBT,
    PASSED,
    ChangedCheck,
    Check,
    CommandCheck,
    Doubt,
    TellsOff,
    doubt_of,
    read_checks,
    sameness,
    tells_of,
)
from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Outcome, Recipe, Timers
from abp_tui.domain.signs import tells_in
from abp_tui.domain.tell import Tell
from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.execution.shutdown import ended_with_us
from abp_tui.workers.arguments import Arguments, find_command
from abp_tui.workers.base import NESTING_MARKS, Sink
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.output import to_bytes
from abp_tui.workers.process import run_program
from abp_tui.workers.process_end import ProcessEnd, StartFailure
from abp_tui.workers.spawn import environment

OUTPUT_KEPT = 16 * 1024  # bytes of what a check's program says
LINE_SHOWN = 200  # characters
SAME_FROM = 200  # characters: shorter answers may well be the same for many items
FILE_FIELD = "file_path"
NOT_A_FILE = "no file"
CHECK_OUTPUT = "check output"  # the title of the event


@dataclass(frozen=True, slots=True)
class Judged:
    """What the checks make of an outcome: `doubt` where one fails, `hold` where no unit can be judged.

    `sameness` is equal for units with the same output, where that is looked for.
    """

    doubt: Doubt | None = None
    hold: str | None = None
    sameness: str | None = None


class BrokenOff(Exception):
    """A check was ended by us, or with us, before it had come to anything."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A unit that has run in `cwd`: its end, what its file held `before`, what its checks are run with.

    Without `before` its file was found changed already, before its other checks were broken off.
    """

    outcome: Outcome
    payload: Mapping[str, Any]
    cwd: str
    before: str | None
    sink: Sink
    cancel: Cancel
    env: Mapping[str, str]


class Checks:
    """The checks of one recipe. Shared by all slots: it holds no state of an attempt."""

    def __init__(self, recipe: Recipe, *, tells: bool) -> None:
        """`tells` says whether the outputs are an agent's words. Raises `InvalidInput`."""
        checks = read_checks(recipe.checks)
        judging = (check for check in checks if not isinstance(check, TellsOff))
        self._checks = tuple(sorted(judging, key=_takes_time))
        self._tells = tells_of(checks) if tells else frozenset()
        self._commands = {check: Arguments(check.argv) for check in checks if isinstance(check, CommandCheck)}
        self._changed = any(isinstance(check, ChangedCheck) for check in checks)

    def require(self, cwd: str) -> None:
        """Raise `WorkerUnavailable` where the program of a check is not on this machine."""
        for check in self._commands:
            _require(check, cwd)

    def before(self, cwd: str, payload: Mapping[str, Any]) -> str | None:
        """What the item's file holds before its unit runs, where that will be asked for."""
        return _content(cwd, payload) if self._changed else None

    def judge(self, ran: Ran) -> Judged:
        """Run all checks on a good outcome, the programs last; what each comes to is an event.

        Raises `BrokenOff` where one was, and nothing is found against the outcome so far.
        """
        faults: list[Doubt] = []
        for check in self._checks:
            try:
                fault = self._fault(check, ran)
            except StartFailure as failure:
                why = f"the check {check.words} can't be run: {failure}"
                hold = why if failure.kind is FailureKind.REFUSED_TO_START else None
                return Judged(Doubt(FAILS + why, FAILS + check.words), hold)
            except BrokenOff:
                if faults:
                    break
                raise
            _tell(ran.sink, check.words, PASSED if fault is None else FAILED, fault)
            faults += [fault] if fault else []
        for tell, words in tells_in(ran.outcome, self._tells):
            faults.append(Doubt(words, tell, is_said=True))
            _tell(ran.sink, tell.words, IN_DOUBT, faults[-1])
        same = sameness(ran.outcome, SAME_FROM) if Tell.SAME in self._tells and not faults else None
        return Judged(doubt_of(faults), sameness=same)

    def _fault(self, check: Check, ran: Ran) -> Doubt | None:
        if isinstance(check, CommandCheck):
            return self._run(check, ran)
        if isinstance(check, ChangedCheck):
            same = ran.before is not None and ran.before == _content(ran.cwd, ran.payload)
            return Doubt("its file was not changed", check.kind) if same else None
        assert not isinstance(check, TellsOff), "they are no check"
        words = check.fault(ran.outcome)
        return Doubt(words, check.words) if words else None

    def _run(self, check: CommandCheck, ran: Ran) -> Doubt | None:
        own = {name: value for name, value in os.environ.items() if name not in NESTING_MARKS}
        said = _Said()
        end = run_program(
            self._commands[check].render(ran.payload),
            cwd=ran.cwd,
            env=environment({**own, **ran.env}),
            timers=Timers(first_event_s=0, idle_s=0, total_s=check.timeout_s),
            cancel=ran.cancel,
            on_stdout=said.more,
            on_stderr=said.more,
            stdin=to_bytes(ran.outcome.output),
        )
        if text := said.text():
            ran.sink.event(Event(kind=EventKind.NOTICE, title=CHECK_OUTPUT, body=text))
        if _is_good(end):
            return None
        if end.cancelled is not None or ended_with_us(end.signal, end.exit_code, ran.cancel):
            raise BrokenOff(ran.cancel.reason or "stopped")
        return _of(check, end, said.last_line())


def require_checks(values: Iterable[Mapping[str, Any]], cwd: str) -> None:
    """Raise `WorkerUnavailable` where the program of a check can't be found, `InvalidInput` for no check."""
    for check in read_checks(values):
        if isinstance(check, CommandCheck):
            _require(check, cwd)


def check_fields(values: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> None:
    """Raise `InvalidInput` where a check asks for a field that the items don't have."""
    for check in read_checks(values):
        if isinstance(check, CommandCheck):
            Arguments(check.argv).check(fields)
        if isinstance(check, ChangedCheck) and FILE_FIELD not in fields:
            hint = "leave that check out, or name the file of each item so"
            raise InvalidInput(f"the items have no {FILE_FIELD} that could be changed", hint)


class _Said:
    """What a program prints, its two outputs in the order in which they came, up to `OUTPUT_KEPT`."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def more(self, data: bytes) -> None:
        self._kept += data[: OUTPUT_KEPT - len(self._kept)]

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace").strip()

    def last_line(self) -> str:
        return self.text().rpartition("\n")[2].strip()[:LINE_SHOWN]


def _require(check: CommandCheck, cwd: str) -> None:
    program = check.argv[0]
    try:
        found = find_command(program)
    except WorkerUnavailable as error:
        raise WorkerUnavailable(f"the check {check.words}: {error.message}", error.hint) from None
    if "/" in found and not os.access(Path(cwd, found), os.X_OK):
        hint = "name one that is there and executable"
        raise WorkerUnavailable(f"the check {check.words}: there is no program {found!r} to run", hint)


def _takes_time(check: Check) -> bool:
    return isinstance(check, CommandCheck)


def _is_good(end: ProcessEnd) -> bool:
    return end.exit_code == 0 and end.interruption() is None


def _of(check: CommandCheck, end: ProcessEnd, last_line: str) -> Doubt:
    """Why a program that was run does not pass; `last_line` is what it said last."""
    interrupted = end.interruption()
    how = interrupted[1] if interrupted else end.describe()
    line = last_line if last_line and last_line not in how else ""
    words = f"{check.words}: {how}{f': {line}' if line else ''}"
    return Doubt(words, f"{check.words}: {how}")


def _tell(sink: Sink, words: str, state: str, fault: Doubt | None) -> None:
    body = f"{state}: {words}" + (f": {fault.words}" if fault and fault.words != words else "")
    sink.event(Event(kind=EventKind.NOTICE, title=CHECK, body=body, is_error=fault is not None))


def _content(cwd: str, payload: Mapping[str, Any]) -> str:
    """What the item's file holds, by its hash; a file that can't be read holds nothing."""
    named = payload.get(FILE_FIELD)
    path = Path(cwd, named) if isinstance(named, str) else None
    try:
        if path is None or not path.is_file():  # a pipe would keep us waiting
            return NOT_A_FILE
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except (OSError, ValueError):
        return NOT_A_FILE
