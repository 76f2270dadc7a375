"""Starting a program in a session of its own, quickly and without holding the interpreter meanwhile.

The C library's `posix_spawn` does it where it can also change the folder and close what else is open
(glibc 2.34 and newer); `subprocess` does it elsewhere. The difference is what a batch of short programs
spends its time on: `subprocess` keeps all other threads waiting until the new program has been loaded.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

Environment = Sequence[bytes]
"""Variables as the system has them: `NAME=value` each."""

Arguments = ctypes.Array[ctypes.c_char_p]

OPAQUE_SIZE = 1024  # more than any C library's spawn attributes, file actions or signal set take
SETSIGDEF, SETSID = 0x04, 0x80  # POSIX_SPAWN_*, the same in glibc and musl
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # and to be as usual in the programs it starts


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
    if _NATIVE is not None and (pid := _spawn(_NATIVE, argv, cwd, env, stdin, stdout, stderr)):
        return Started(pid)
    variables = dict(_split(variable) for variable in env)
    return subprocess.Popen(
        argv, cwd=cwd, env=variables, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    )


def _spawn(
    native: _Native,
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
    arguments = _strings([os.fsencode(argument) for argument in argv])
    return native.spawn(program, arguments, os.fsencode(cwd), _strings(env), descriptors)


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


def _strings(values: Sequence[bytes]) -> Arguments:
    if b"\0" in b"".join(values):
        raise ValueError("embedded null byte")
    return (ctypes.c_char_p * (len(values) + 1))(*values, None)


class _Native:
    """`posix_spawn` of the C library. Raises `AttributeError` where it can't do all that is needed.

    `now` is for calls that never block: they keep the interpreter, because giving it up costs more.
    """

    def __init__(self) -> None:
        self._library, self._now = ctypes.CDLL(None), ctypes.PyDLL(None)
        self._change_folder = self._now.posix_spawn_file_actions_addchdir_np
        self._close_from = self._now.posix_spawn_file_actions_addclosefrom_np
        self._attributes = self._opaque("posix_spawnattr_init")
        defaults = self._opaque("sigemptyset")
        for number in IGNORED_BY_PYTHON:
            self._now.sigaddset(defaults, int(number))
        self._now.posix_spawnattr_setsigdefault(self._attributes, defaults)
        self._now.posix_spawnattr_setflags(self._attributes, ctypes.c_short(SETSIGDEF | SETSID))

    def _opaque(self, initialise: str) -> ctypes.Array[ctypes.c_char]:
        made = ctypes.create_string_buffer(OPAQUE_SIZE)
        getattr(self._now, initialise)(made)
        return made

    def spawn(
        self, program: bytes, argv: Arguments, cwd: bytes, env: Arguments, descriptors: Sequence[int]
    ) -> int | None:
        """The pid of the new process; None where it could not be started, for whatever reason."""
        actions, pid = self._opaque("posix_spawn_file_actions_init"), ctypes.c_int()
        try:
            for number, descriptor in enumerate(descriptors):
                self._now.posix_spawn_file_actions_adddup2(actions, descriptor, number)
            self._close_from(actions, len(descriptors))  # what others have opened is not for agents
            self._change_folder(actions, cwd)
            error = self._library.posix_spawn(
                ctypes.byref(pid), program, actions, self._attributes, argv, env
            )
        finally:
            self._now.posix_spawn_file_actions_destroy(actions)
        return None if error else pid.value


def _native() -> _Native | None:
    try:
        return _Native() if sys.platform == "linux" else None  # the flags are Linux's
    except AttributeError:
        return None


_NATIVE = _native()
