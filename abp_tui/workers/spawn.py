"""Starting a program in a session of its own, quickly and without holding the interpreter meanwhile.

The C library's `posix_spawn` does it where it can also change the folder and close what else is open
(glibc 2.34 and newer); `subprocess` does it elsewhere. The difference is what a batch of short programs
spends its time on: `subprocess` keeps all other threads waiting until the new program has been loaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abp_tui.workers.posix_spawn import PosixSpawn

Environment = Sequence[bytes]
"""Variables as the system has them: `NAME=value` each."""


class Started:
    """A program that was started, to be waited for once."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status (negative: a signal) if it has ended, else None."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        status = self._wait(0)
        assert status is not None, "a blocking wait returns at the end only"
        return status

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def environment(variables: Mapping[str, str]) -> list[bytes]:
    """The variables as the system has them."""
    return [os.fsencode(f"{name}={value}") for name, value in variables.items()]


def start(
    argv: Sequence[str], cwd: str, env: Environment, stdin: int, stdout: int, stderr: int
) -> Started | subprocess.Popen[bytes]:
    """Start `argv` in the folder `cwd` with `env` as its whole environment, leading a session of its own.

    The descriptors become its standard ones. Raises `OSError` and `ValueError` as `subprocess.Popen` does.
    """
    native = _native()
    if native is not None and (pid := _spawn(native, argv, cwd, env, stdin, stdout, stderr)):
        return Started(pid)
    variables = dict(_split(variable) for variable in env)
    return subprocess.Popen(
        argv, cwd=cwd, env=variables, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    )


def _spawn(
    native: PosixSpawn,
    argv: Sequence[str],
    cwd: str,
    env: Environment,
    stdin: int,
    stdout: int,
    stderr: int,
) -> int | None:
    """The new process; None where `subprocess` must try, if only to say what is wrong."""
    program = _which(argv[0], _path(env)) if argv else None
    if program is None:
        return None
    descriptors = (stdin, stdout, stderr)
    if min(descriptors) < len(descriptors):  # one would be overwritten before it is moved
        return None
    arguments = [os.fsencode(argument) for argument in argv]
    return native.spawn(program, arguments, os.fsencode(cwd), env, descriptors)


@lru_cache(maxsize=256)
def _which(program: str, path: bytes) -> bytes | None:
    """The file to run; None where it is found only from the program's own folder, or not at all."""
    found = shutil.which(program, path=os.fsdecode(path))
    return os.fsencode(found) if found and Path(found).is_absolute() else None


def _path(env: Environment) -> bytes:
    named = next((value for value in env if value.startswith(b"PATH=")), None)
    return os.fsencode(os.defpath) if named is None else named[5:]


def _split(variable: bytes) -> tuple[bytes, bytes]:
    name, _, value = variable.partition(b"=")
    return name, value


@cache
def _native() -> PosixSpawn | None:
    from abp_tui.workers.posix_spawn import PosixSpawn  # whoever starts nothing waits for no ctypes

    try:
        return PosixSpawn() if sys.platform == "linux" else None  # the flags are Linux's
    except AttributeError:
        return None
