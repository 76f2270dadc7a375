"""`posix_spawn` of the C library, through ctypes."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Sequence

Strings = ctypes.Array[ctypes.c_char_p]

OPAQUE_SIZE = 1024  # more than any C library's spawn attributes, file actions or signal set take
SETSIGDEF, SETSID = 0x04, 0x80  # POSIX_SPAWN_*, the same in glibc and musl
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)  # and to be as usual in the programs it starts


class PosixSpawn:
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
        self,
        program: bytes,
        argv: Sequence[bytes],
        cwd: bytes,
        env: Sequence[bytes],
        descriptors: Sequence[int],
    ) -> int | None:
        """The pid of the new process; None where it could not be started, for whatever reason.

        Raises `ValueError` where there is a NUL within an argument or a variable.
        """
        arguments, variables = _strings(argv), _strings(env)
        actions, pid = self._opaque("posix_spawn_file_actions_init"), ctypes.c_int()
        try:
            for number, descriptor in enumerate(descriptors):
                self._now.posix_spawn_file_actions_adddup2(actions, descriptor, number)
            self._close_from(actions, len(descriptors))  # what others have opened is not for agents
            self._change_folder(actions, cwd)
            error = self._library.posix_spawn(
                ctypes.byref(pid), program, actions, self._attributes, arguments, variables
            )
        finally:
            self._now.posix_spawn_file_actions_destroy(actions)
        return None if error else pid.value


def _strings(values: Sequence[bytes]) -> Strings:
    if b"\0" in b"".join(values):
        raise ValueError("embedded null byte")
    return (ctypes.c_char_p * (len(values) + 1))(*values, None)
