"""Config folders of Claude Code for agents side by side, so that none rewrites the state file of another.

A slot is a folder that one agent has to itself while it runs. What people keep in their own folder (login,
settings, memory, skills) and the sessions are links to it, so a session goes on in any slot; the state file
`.claude.json` is a fresh copy each time. There are as many slots as agents ever ran at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from abp_tui.errors import WorkerUnavailable
from abp_tui.workers.claude_account import CREDENTIALS

STATE = ".claude.json"
SESSIONS = "projects"
LINKED = (
    CREDENTIALS,
    SESSIONS,
    "settings.json",
    "CLAUDE.md",
    "agents",
    "commands",
    "output-styles",
    "plugins",
    "rules",
    "skills",
)


class ConfigSlots:
    """The slots below `root` that stand for the config folder `origin`, whose state is in `state`."""

    def __init__(self, root: Path, origin: Path, state: Path) -> None:
        name = hashlib.blake2b(os.fsencode(origin), digest_size=6).hexdigest()
        self._root = root / name
        self._origin = origin
        self._state = state

    @contextmanager
    def take(self) -> Iterator[Path]:
        """The lowest slot that nobody has, of this process or another, made ready for one agent.

        Raises `WorkerUnavailable` where it can't be made.
        """
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._origin / SESSIONS).mkdir(mode=0o700, parents=True, exist_ok=True)
            lock, slot = self._lowest_free()
        except OSError as error:
            raise self._unavailable(error) from error
        try:
            self._make_ready(slot)
            yield slot
        finally:
            with suppress(OSError):  # it is tried again, and told, before the slot is used again
                self._give_back(slot)
            os.close(lock)

    def _lowest_free(self) -> tuple[int, Path]:
        for number in itertools.count(1):
            lock = os.open(self._root / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock, self._root / str(number)
            except BlockingIOError:
                os.close(lock)
        raise AssertionError("there is always a next number")

    def _make_ready(self, slot: Path) -> None:
        try:
            slot.mkdir(mode=0o700, exist_ok=True)
            self._give_back(slot)
            for name in LINKED:
                _link(slot / name, self._origin / name)
            with suppress(FileNotFoundError):
                shutil.copy2(self._state, slot / STATE)
        except OSError as error:
            raise self._unavailable(error) from error

    def _give_back(self, slot: Path) -> None:
        """A login that the agent renewed, replacing our link, belongs to all if it is the newest."""
        renewed, common = slot / CREDENTIALS, self._origin / CREDENTIALS
        if renewed.is_symlink() or not renewed.exists():
            return
        if not common.exists() or renewed.stat().st_mtime > common.stat().st_mtime:
            part = common.with_name(f"{CREDENTIALS}.{slot.name}")
            shutil.copy2(renewed, part)
            part.replace(common)
        renewed.unlink()

    def _unavailable(self, error: OSError) -> WorkerUnavailable:
        return WorkerUnavailable(
            f"no config folder for an agent can be made in {self._root}: {error.strerror}",
            "see that it can be written to, or switch config_per_slot off",
        )


def _link(link: Path, target: Path) -> None:
    """Let `link` lead to `target`, or be gone where there is none; what is no link stays as it is."""
    if link.is_symlink() and (not target.exists() or link.readlink() != target):
        link.unlink()
    if target.exists() and not os.path.lexists(link):
        link.symlink_to(target)
