"""The narrowest rules that let through what an agent was denied, in parts that workers put into their form.

A rule is for all items of a job: where what was denied names the item, its name gives way to `*`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from abp_tui.workers.code_arguments import code_arguments

_JOINTS = re.compile(r"&&|\|\||[;|\n]")
_OPAQUE = re.compile(r"[`<>&]|\$\(")  # what no rule for a command can be trusted to look into
_HARMLESS = re.compile(r"2>\s*(?:/dev/null|&1)")
_EXACT = frozenset(
    "rm rmdir mv dd chmod chown sudo su doas ssh scp curl wget kill pkill eval exec env xargs".split()
)
_WITH_VERB = frozenset(
    "git npm pnpm yarn pip pip3 uv cargo go docker kubectl make gh brew apt apt-get".split()
)
_BUILT_IN = frozenset({"cd", "true", "false", ":"})


def command_globs(command: str) -> Iterator[str]:
    """A glob for each program that a command line runs; nothing where it can't be told which those are.

    A program that deletes, sends or runs other code gets no `*`: only the very same command is let through.
    """
    parts = _JOINTS.split(_HARMLESS.sub("", command))
    if any(_OPAQUE.search(part) for part in parts):
        return
    for part in parts:
        if glob := _glob(part.strip()):
            yield glob


def path_glob(path: str, payload: Mapping[str, Any]) -> str:
    """The path, with `*` for the item's own name in the file's."""
    pure = PurePath(path)
    own = payload.get("file_path")
    stem = PurePath(own).stem if isinstance(own, str) else ""
    name = pure.name.replace(stem, "*") if stem else pure.name
    return str(pure.with_name(name)) if pure.name and name.strip("*") else path


def _glob(part: str) -> str:
    try:
        words = shlex.split(part)
    except ValueError:
        return ""
    if not words or words[0] in _BUILT_IN:
        return ""
    if len(words) == 1 or words[0] in _EXACT or code_arguments(words):
        return part
    lead = 2 if words[0] in _WITH_VERB and not words[1].startswith("-") else 1
    return f"{' '.join(words[:lead])} *" if len(words) > lead else part
