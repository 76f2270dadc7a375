"""The narrowest rules that let through what an agent was denied, in parts that workers put into their form.

A rule is for all items of a job. In the path of a file the item's own name gives way to `*`. Of a command
its program is kept, with all that stands before it, and its arguments give way: but only where none of them
can make it run or write what it likes. Any other is kept word for word, and where even that could do
something else another time, there is no rule.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import PurePath
from typing import Any

from abp_tui.workers.code_arguments import code_arguments, is_interpreter, runs_others

MOST_OF_A_NAME = 100  # characters

_TOKEN = re.compile(
    r"""(?P<joint>&&|\|\||[;|\n])
    |(?P<opaque>[`<>&()]|\$['(])  # what can't be seen into
    |(?P<quoted>'[^']*'|"(?:[^"\\`$]|\\.|\$(?!\())*"|\\.)""",
    re.VERBOSE | re.DOTALL,
)
_HARMLESS = re.compile(r"2>\s*(?:/dev/null|&1)")
_PLAIN = re.compile(r"[\w./~+@%:=,-]+")
_ASSIGNMENT = r"[A-Za-z_]\w*=\S*\s"
_BEFORE = re.compile(  # what may stand before a program: assignments, and what starts it with plain options
    rf"(?:{_ASSIGNMENT}|env\s(?={_ASSIGNMENT})|(?:nohup|setsid|time)\s|nice\s(?:-n\s\d+\s)?"
    r"|timeout\s[\d.]+[smhd]?\s|stdbuf\s(?:-[ioe]\w+\s)+)*"
)
_NEEDS_NO_RULE = frozenset("cd true false :".split())
_KEYWORDS = frozenset(
    "for while until if then else elif fi do done case esac select function coproc { } ! [ [[".split()
)
_FED = frozenset("xargs parallel at batch psql mysql sqlite3".split())  # run what they read
_OPEN = _FED.union(  # may run, send, delete or overwrite anything, by one of their arguments
    "rm rmdir mv cp dd ln install rsync tee truncate shred patch chmod chown chgrp mount umount".split(),
    "eval exec source . command builtin export alias set trap".split(),
    "scp sftp curl wget nc ncat socat telnet ftp kill pkill killall crontab systemctl service".split(),
    "fd fdfind sed rg sort tar zip unzip 7z cpio ed ex vi vim nvim emacs nano less more man".split(),
    "make cmake ninja just rake gradle mvn bundle tox nox npm pnpm yarn pnpx bunx pip pip3 pipx".split(),
    "poetry conda cargo go brew apt apt-get dnf yum gh helm terraform ansible r screen tmux expect".split(),
    "strace gdb perf openssl gpg timeit cprofile profile pdb trace runpy code venv http.server".split(),
)
_VERBS = {"git": frozenset("add blame branch commit describe ls-files rev-parse status tag".split())}


def command_globs(command: str) -> Iterator[str]:
    """A glob for each program that a command line runs; nothing where there is no narrow one for each."""
    line = _HARMLESS.sub("", command)
    if any(token["opaque"] for token in _TOKEN.finditer(line)):
        return
    globs = [_glob(part.strip()) for part in _parts(line)]
    if None not in globs:
        yield from filter(None, globs)


def path_glob(path: str, own: Sequence[str]) -> str:
    """The path, with `*` for an item's `own` names in the file's.

    Empty where it would be a pattern itself, or has what can't be read.
    Only whole words of a name give way, and only where another word is left.
    """
    if re.search(r"[*?[\\]", path) or not path.isprintable():
        return ""
    pure = PurePath(path)
    names = "|".join(map(re.escape, own))
    stem = re.sub(rf"(?<![^\W_])(?:{names})(?![^\W_])", "*", pure.stem) if own else pure.stem
    name = stem + pure.suffix
    return str(pure.with_name(name)) if re.search(r"[^\W_]", name) else path


def own_names(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """What an item is called, whatever else it holds: the stem of its file, or its id."""
    path = payload.get("file_path")
    name = PurePath(path).stem if isinstance(path, str) else payload.get("_id")
    return (str(name),) if name not in (None, "") else ()


def short_values(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """All that an item holds of which a name could be made, the longest first."""
    found = {str(value) for value in payload.values() if isinstance(value, (str, int)) and value != ""}
    return tuple(sorted((text for text in found if len(text) <= MOST_OF_A_NAME), key=len, reverse=True))


def _parts(line: str) -> Iterator[str]:
    """The commands that are joined in a line."""
    begin = 0
    for token in _TOKEN.finditer(line):
        if token["joint"]:
            yield line[begin : token.start()]
            begin = token.end()
    yield line[begin:]


def _glob(part: str) -> str | None:
    """A glob for one command; empty where it needs none, None where there is no narrow one."""
    try:
        words = shlex.split(part, comments=True)
    except ValueError:
        return None
    if not words or words[0] in _NEEDS_NO_RULE:
        return ""
    if words[0] in _KEYWORDS:
        return None
    kept = _kept(words)
    if kept and part.split()[:kept] == words[:kept]:
        return " ".join([*words[:kept], *["*" for _ in words[kept : kept + 1]]])
    return part if _is_the_same_each_time(part, words) else None


def _kept(words: Sequence[str]) -> int:
    """How many words must stay so that the others may be anything; 0 where all must."""
    before = _BEFORE.match(" ".join(words) + " ")
    at = _script(words, len(before[0].split()) if before else 0)
    if not all(map(_PLAIN.fullmatch, words[: at + 1])) or at >= len(words) or words[at].startswith("-"):
        return 0
    name = _name(words[at])
    if name in _VERBS:
        return at + 2 if _VERBS[name].intersection(words[at + 1 : at + 2]) else 0
    return 0 if name in _OPEN or is_interpreter(name) or runs_others(name) else at + 1


def _script(words: Sequence[str], at: int) -> int:
    """Where the script or module stands that the program at this place runs; else that place itself."""
    is_plain = at < len(words) and is_interpreter(words[at]) and _name(words[at]) not in _OPEN
    if not is_plain or _reads_code(words[at:]):
        return at
    if words[at + 1] == "-m":
        return at + 2
    return at + 1 if re.search(r"[./]", words[at + 1]) else at


def _name(program: str) -> str:
    return PurePath(program).name.lower()


def _is_the_same_each_time(part: str, words: Sequence[str]) -> bool:
    """Whether these words do one thing that can be read: no pattern, no variable, no code from stdin."""
    shown = _TOKEN.sub(lambda token: "" if token[0].startswith("'") else token[0], part)
    fed = any(_name(word) in _FED or _reads_code(words[n:]) for n, word in enumerate(words))
    return part.isprintable() and not (fed or "*" in part or "$" in shown)


def _reads_code(words: Sequence[str]) -> bool:
    """Whether it is a shell or interpreter that is given neither code nor a script."""
    options = list(takewhile(lambda word: re.match("-.", word), words[1:]))
    operand = [*words[len(options) + 1 :], "-"][0]
    without = operand == "-" or operand.startswith("/dev/") or any(re.match(r"-\w*s", o) for o in options)
    return without and is_interpreter(words[0]) and not code_arguments(words)
