"""The narrowest rules that let through what an agent was denied, in parts that workers put into their form.

A rule is for all items of a job. What is known only to read may have any arguments. Of all else the words are
kept, and what the item is called gives way to `*` within the names of files: but not where code is run, or
where a wider argument would delete, overwrite or send something else. Where even the very same words could do
something else another time, there is no rule.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import PurePath
from typing import Any

from abp_tui.domain.model import Denial
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
_ONLY_READ = re.compile(  # whatever their arguments: they have no option that writes, runs or sends anything
    r"(?:(?:/usr)?/bin/)?(?:basename|b2sum|cat|cksum|cmp|comm|cut|diff|dirname|du|echo|egrep|expand|fgrep|fold|grep"
    r"|head|ls|md5sum|nl|od|paste|printf|pwd|readlink|realpath|rev|sha(?:1|256|512)sum|stat|tac|tail|tr|wc|which)"
)
_GIT_ONLY_READS = frozenset("describe ls-files rev-parse status".split())
_OPENED_BY_NO_NAME = frozenset(  # delete, overwrite, send or run what they are given: `*` is an option, too
    "rm rmdir unlink mv cp dd ln install rsync tee truncate shred split patch chmod chown kill".split(),
).union("pkill sed eval exec source . command builtin scp sftp curl wget nc make npm".split())
_RUN_COMMANDS = frozenset(("Bash", "execute", "shell"))  # tools
_WORD = re.compile(rf"(?<=\s){_PLAIN.pattern}(?!\S)|(?<=\s[\"']){_PLAIN.pattern}(?=[\"'](?!\S))")


def gist(denial: Denial) -> str:
    """What was denied, without what differs from item to item: the tool, and the programs of a command."""
    if denial.tool not in _RUN_COMMANDS:
        return denial.tool
    return " ".join([denial.tool, *sorted(set(_programs(denial.detail)))])


def command_globs(command: str, own: Sequence[str]) -> Iterator[str]:
    """A glob for each program that a command line runs; nothing where there is no narrow one for each.

    An item's `own` names give way to `*` in the names of files.
    """
    line = _HARMLESS.sub("", command)
    if any(token["opaque"] for token in _TOKEN.finditer(line)):
        return
    globs = [_glob(part.strip(), own) for part in _parts(line)]
    if None not in globs:
        yield from filter(None, globs)


def path_glob(path: str, own: Sequence[str]) -> str:
    """The path, with `*` for an item's `own` names in the file's.

    Empty where it would be a pattern itself, or has what can't be read.
    Only whole words of a name give way, and only where another word is left.
    """
    if re.search(r"[*?[\\]", path) or not path.isprintable():
        return ""
    folder, slash, name = path.rpartition("/")
    pure = PurePath(name)
    names = "|".join(map(re.escape, own))
    stem = re.sub(rf"(?<![^\W_])(?:{names})(?![^\W_])", "*", pure.stem) if own else pure.stem
    name = stem + pure.suffix
    return folder + slash + name if re.search(r"[^\W_]", name) else path


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


def _programs(command: str) -> Iterator[str]:
    for part in _parts(command):
        words = part.split()
        at = _program_at(words)
        if at < len(words) and words[at] not in _NEEDS_NO_RULE:
            yield _name(words[at])


def _program_at(words: Sequence[str]) -> int:
    """Where the program stands, behind what only starts it."""
    before = _BEFORE.match(" ".join(words) + " ")
    return len(before[0].split()) if before else 0


def _glob(part: str, own: Sequence[str]) -> str | None:
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
    return _opened(part, words, own) if _is_the_same_each_time(part, words) else None


def _kept(words: Sequence[str]) -> int:
    """How many words must stay so that the others may be anything; 0 where all must."""
    at = _program_at(words)
    if not all(map(_PLAIN.fullmatch, words[: at + 1])) or at >= len(words):
        return 0
    if words[at] == "git" and _GIT_ONLY_READS.intersection(words[at + 1 : at + 2]):
        return at + 2
    return at + 1 if _ONLY_READ.fullmatch(words[at]) else 0


def _opened(part: str, words: Sequence[str], own: Sequence[str]) -> str:
    """The command with `*` for own names in the files behind its program, or behind the script it runs."""
    at = _program_at(words)
    program, first = [*words[at:], "", ""][:2]
    has_script = is_interpreter(program)
    if _name(program) in _OPENED_BY_NO_NAME or runs_others(program) or (has_script and first.startswith("-")):
        return part
    kept = re.match(rf"(?:\s*\S+){{0,{at + 1 + has_script}}}", part)
    start = kept.end() if kept else 0
    return part[:start] + _WORD.sub(lambda word: path_glob(word[0], own), part[start:])


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
