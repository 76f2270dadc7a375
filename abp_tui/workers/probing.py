"""Finding an agent's program, and asking it for its version, bounded: whether it starts at all."""

from __future__ import annotations

import re
import shutil

from abp_tui.domain.model import Timers
from abp_tui.errors import WorkerUnavailable
from abp_tui.workers.base import Probe
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.process import run_program
from abp_tui.workers.process_end import StartFailure
from abp_tui.workers.spawn import Environment

TIMERS = Timers(first_event_s=0, idle_s=0, total_s=20)


def find_program(program: str, how_to_get: str) -> str:
    """The path of a program; raises `WorkerUnavailable` with `how_to_get` as its hint."""
    found = shutil.which(program)
    if found is None:
        raise WorkerUnavailable(f"there is no program {program!r}", how_to_get)
    return found


def probe_program(program: str, how_to_get: str, env: Environment, detail: str) -> Probe:
    """Find the program and run its `--version`. `detail` is what else is known of it."""
    try:
        return _probe_version(find_program(program, how_to_get), env, detail)
    except WorkerUnavailable as error:
        return Probe(False, error.message, hint=error.hint)


def _probe_version(program: str, env: Environment, detail: str) -> Probe:
    said = bytearray()
    try:
        with Cancel() as cancel:
            end = run_program(
                [program, "--version"], cwd="/", env=env, timers=TIMERS, cancel=cancel, on_stdout=said.extend
            )
    except StartFailure as failure:
        return Probe(False, failure.message, hint=failure.hint)
    if end.exit_code != 0:
        return Probe(False, f"{program} --version: {end.describe()}", hint="install it anew")
    version = re.search(r"\d+(\.\d+)+\S*", said.decode("utf-8", "replace"))
    return Probe(True, f"{program}, {detail}", version=version[0] if version else None)
