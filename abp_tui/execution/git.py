"""Asking git: a call that ends in time, and a repository of our own over somebody's folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from abp_tui.domain.model import Timers
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.process import run_program
from abp_tui.workers.process_end import StartFailure
from abp_tui.workers.spawn import environment

CALL_S = 10.0
OUTPUT_CAP = 4 * 1024 * 1024  # bytes of one answer; the rest is read and dropped
BIGGEST_COMPARED = "4m"  # a bigger file is changed or not: its lines are not looked at

_WHERE = ("--show-toplevel", "--git-path", "objects", "--git-path", "index", "--git-path", "info/exclude")
_QUIETLY = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
)  # what is configured may be anyone's
_CONFIG = f"""[core]
repositoryformatversion = {{version}}
bare = false
compression = 0
bigFileThreshold = {BIGGEST_COMPARED}
quotePath = false
[gc]
auto = 0
[advice]
addEmbeddedRepo = false
"""


class GitFailed(Exception):
    """Git did not answer; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder under git: its top, and where its repository keeps what of it is known."""

    top: str
    objects: Path
    index: Path
    exclude: Path
    object_format: str


def git(
    arguments: Sequence[str],
    folder: str,
    variables: Mapping[str, str],
    accept: frozenset[int] = frozenset({0}),
) -> bytes:
    """The first `OUTPUT_CAP` bytes of what `git` prints; raises `GitFailed`, after `CALL_S` at the latest."""
    if shutil.which("git") is None:
        raise GitFailed("git is not installed here")
    output = bytearray()

    def keep(data: bytes) -> None:
        output.extend(data[: OUTPUT_CAP - len(output)])

    timers = Timers(first_event_s=0, idle_s=0, total_s=CALL_S)
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env = environment({**own, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", **variables})
    try:
        with Cancel() as never:
            end = run_program(
                ("git", *arguments), cwd=folder, env=env, timers=timers, cancel=never, on_stdout=keep
            )
    except StartFailure as failure:
        raise GitFailed(failure.message) from None
    if end.timeout:
        raise GitFailed(f"git took longer than {CALL_S:g} s")
    if end.exit_code not in accept:
        raise GitFailed(f"git: {end.last_stderr_line or 'it ended early'}")
    return bytes(output)


def find_tree(folder: str, variables: Mapping[str, str]) -> Tree | None:
    """The git tree that the folder is a part of; None where it is in none, or is ignored there."""
    ask = (*_QUIETLY, "rev-parse", "--path-format=absolute", *_WHERE, "--show-object-format")
    try:
        lines = os.fsdecode(git(ask, folder, variables)).splitlines()
        ignored = git((*_QUIETLY, "check-ignore", "."), folder, variables, frozenset({0, 1}))
    except GitFailed:
        return None
    if len(lines) != 5 or ignored:
        return None
    top, objects, index, exclude, object_format = lines
    return Tree(top, Path(objects), Path(index), Path(exclude), object_format)


class Shadow:
    """A repository of our own in a scratch folder, over a folder that it never writes into.

    Nothing that is configured in the folder or its repository is run by it: no hook, filter, or monitor.
    What `tree`, the folder's own repository, knows already need not be read again.
    """

    def __init__(self, folder: str, scratch: Path, tree: Tree | None, variables: Mapping[str, str]) -> None:
        self._folder = folder
        top = tree.top if tree else folder
        own = scratch / "git"
        ours = {
            "GIT_DIR": str(own),
            "GIT_WORK_TREE": top,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }
        self._variables = {**variables, **ours, "GIT_CONFIG_GLOBAL": os.devnull}
        self._exclude = own / "info" / "exclude"
        self.top = Path(top)
        _lay_out(own, tree)
        self._ignore_as(variables)

    def keep_out(self, *patterns: str) -> None:
        """Leave these out, in gitignore's language."""
        with self._exclude.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(f"{pattern}\n" for pattern in patterns)

    def unknown_files(self) -> list[bytes]:
        """The files that the next snapshot has to read, from the folder's own place on."""
        listed = self._git("ls-files", "-z", "--others", "--modified", "--exclude-standard", "--", ".")
        return listed.split(b"\0")[:-1]

    def snapshot(self) -> str:
        """The folder as it is now: the id of its tree."""
        self._git("add", "--all", "--ignore-errors", "--", ".", accept=frozenset({0, 1}))
        return self._git("write-tree", "--missing-ok").decode().strip()

    def facts(self, before: str, after: str) -> bytes:
        """What changed between two snapshots: git's raw and numstat lines, ended by NUL."""
        return self._git("diff-tree", "-z", "--raw", "--numstat", *_compare(before, after))

    def patch(self, before: str, after: str) -> str:
        """The same as one text, the files in the same order."""
        text = self._git("diff-tree", "-p", *_compare(before, after))
        return text.decode("utf-8", "replace")

    def _git(self, *arguments: str, accept: frozenset[int] = frozenset({0})) -> bytes:
        return git(arguments, self._folder, self._variables, accept)

    def _ignore_as(self, variables: Mapping[str, str]) -> None:
        """Ignore what the person has told git to ignore everywhere."""
        ask = ("config", "--type=path", "--get", "core.excludesFile")
        named = os.fsdecode(git(ask, self._folder, variables, frozenset({0, 1}))).strip()
        if named:
            self._git("config", "core.excludesFile", named)


def _lay_out(own: Path, tree: Tree | None) -> None:
    """Write what git needs to find in its folder."""
    for name in ("refs", "objects/info", "info"):
        (own / name).mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/none\n")
    sha1 = tree is None or tree.object_format == "sha1"
    config = _CONFIG.format(version=0 if sha1 else 1)
    if tree and not sha1:
        config += f"[extensions]\nobjectformat = {tree.object_format}\n"
    (own / "config").write_text(config)
    if tree:
        (own / "objects" / "info" / "alternates").write_text(f"{tree.objects}\n", errors="surrogateescape")
        _copy(tree.index, own / "index")
        _copy(tree.exclude, own / "info" / "exclude")


def _copy(source: Path, target: Path) -> None:
    """Copy a file if it is there, its time too: git tells by it which files it must read again."""
    if source.exists():
        target.write_bytes(source.read_bytes())
        found = source.stat()
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _compare(before: str, after: str) -> tuple[str, ...]:
    return ("-r", "--find-renames", "--relative", "--no-ext-diff", "--no-textconv", before, after)
