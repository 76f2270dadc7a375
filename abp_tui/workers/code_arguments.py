"""Which arguments of a command line are code: an item's text in there would be run, not read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Interpreter:
    """How programs of one kind take code. A doubtful argument counts as code."""

    names: str
    letters: str = ""  # short options that take code, alone or in a group such as -lc
    words: tuple[str, ...] = ()  # long options that do
    valued: str = ""  # options before the code whose value is no script
    operand: bool = False  # the first operand is code without any option
    anywhere: bool = False  # the option may come after operands


_SHELL = Interpreter(
    r"(?:ba|da|z|k|mk|a|fi|c|tc|rba)?sh",
    letters="c",
    words=("--command", "--init-command"),
    valued=r"[-+]\w*[oO]|--(?:rc|init-)file",
)
_LANGUAGES = (
    Interpreter(r"(?:python|pypy)[\d.]*w?", letters="c", valued="-[WX]"),
    Interpreter(r"(?:perl|ruby|lua|php)[\d.]*|rscript|r|osascript|julia", letters="eErBR", words=("--run",)),
    Interpreter("node|nodejs|bun|tsx", letters="ep", words=("--eval", "--print"), valued="-r|--import"),
    Interpreter("deno", words=("eval",)),
    Interpreter("pwsh|powershell", letters="ce"),
)
_OTHERS = (
    Interpreter("[gmn]?awk", letters="e", valued="-[Fv]", operand=True),
    Interpreter("su|runuser|script|flock", letters="c", words=("--command",), anywhere=True),
    Interpreter("env", letters="S", words=("--split-string",)),
)
_HANDS_ALL_TO_A_SHELL = "ssh|watch|parallel"
_WRAPPERS = (
    "env|nice|ionice|nohup|timeout|setsid|stdbuf|time|chrt|taskset|sudo|doas|su|runuser|xargs|find|flock|script"
    "|unshare|nsenter|chroot|bwrap|firejail|systemd-run|docker|podman|kubectl|busybox|toybox|uv|uvx|npx"
)


def code_arguments(argv: Sequence[str]) -> set[int]:
    """The positions in `argv` that some shell or interpreter on this command line runs as code."""
    found: set[int] = set()
    for at in range(len(argv) if _is(argv[0], _WRAPPERS) else 1):
        if _is(argv[at], _HANDS_ALL_TO_A_SHELL):
            found.update(range(at + 1, len(argv)))
        for kind in (_SHELL, *_LANGUAGES, *_OTHERS):
            if _is(argv[at], kind.names):
                found.update(_code_of(kind, argv, at))
    return found


def reads_code_from_stdin(argv: Sequence[str]) -> bool:
    """Whether the program is a shell or interpreter that would run its standard input, the prompt."""
    return is_interpreter(argv[0]) and (len(argv) == 1 or argv[1] in ("-", "-s", "/dev/stdin"))


def is_interpreter(program: str) -> bool:
    """Whether it is a shell or a language's, which runs a script."""
    return any(_is(program, kind.names) for kind in (_SHELL, *_LANGUAGES))


def runs_others(program: str) -> bool:
    """Whether what it is given may be another program or code, though it is no interpreter of scripts."""
    names = (_WRAPPERS, _HANDS_ALL_TO_A_SHELL, *(kind.names for kind in _OTHERS))
    return any(_is(program, each) for each in names)


def _is(argument: str, names: str) -> bool:
    return re.fullmatch(rf"(?:{names})(?:\.exe)?", PurePath(argument).name, re.I) is not None


def _code_of(kind: Interpreter, argv: Sequence[str], start: int) -> set[int]:
    found: set[int] = set()
    expected, value = kind.operand, False
    for at, argument in enumerate(argv[start + 1 :], start + 1):
        if _takes_code(kind, argument):
            found.add(at)
            expected = "=" not in argument
        elif value:
            value = False
        elif argument.startswith(("-", "+")):
            value = re.fullmatch(kind.valued, argument) is not None
        elif expected:
            found.add(at)
            expected = False
        elif not kind.anywhere:
            break  # a script: what follows are its arguments
    return found


def _takes_code(kind: Interpreter, argument: str) -> bool:
    if argument.split("=")[0] in kind.words:
        return True
    group = re.match(r"-(\w+)", argument)
    return group is not None and any(letter in group[1] for letter in kind.letters)
