"""What an agent of the Agent Client Protocol is given leave for: rules by kind of tool and what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from typing import Annotated

from pydantic import AfterValidator

from abp_tui.domain.model import Denial
from abp_tui.workers.rules import command_globs, path_glob

KINDS = ("read", "search", "edit", "delete", "move", "execute", "think", "fetch", "switch_mode", "other")
HARMLESS = ("read", "search")
COMMANDS = ("execute", "other")
FILES = ("edit", "delete", "move")
ANY = "*"

_FORM = re.compile(r"(\*|[a-z_]+)(?:\((.+)\))?", re.DOTALL)
_PATTERN = re.compile(r"[*?[]")
_JOINS_COMMANDS = re.compile(r"[;&|<>`\n]|\$\(")


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent asks leave for: the kind of its tool, and what it is about in one line.

    `about` is the command where the agent says which, else the title that it gives.
    """

    kind: str
    about: str


def check_rule(text: str) -> str:
    """The rule; raises `ValueError` where it has not the form `kind` or `kind(glob)`."""
    form = _FORM.fullmatch(text.strip())
    if form is None or form[1] not in (ANY, *KINDS):
        raise ValueError(f"{text!r} is no rule: write a kind of tool ({', '.join(KINDS)}), or edit(*.md)")
    return text.strip()


Rule = Annotated[str, AfterValidator(check_rule)]


def allowed(wish: Wish, allow: Sequence[str], deny: Sequence[str]) -> bool | None:
    """What the rules say; None where they say nothing. What is denied is so whatever else allows it."""
    if any(_covers(rule, wish, to_deny=True) for rule in deny):
        return False
    if wish.kind in HARMLESS or any(_covers(rule, wish) for rule in allow):
        return True
    return None


def _covers(rule: str, wish: Wish, *, to_deny: bool = False) -> bool:
    """Whether a rule is about a wish.

    A glob allows one command, not what is joined to it: `git *` is not meant to say yes to `git log; rm x`.
    """
    form = _FORM.fullmatch(rule)
    assert form is not None, "rules are checked when the options are made"
    kind, glob = form.groups()
    if kind not in (ANY, wish.kind):
        return False
    if glob is None or glob == wish.about:
        return True
    if to_deny:
        return fnmatchcase(wish.about, glob) or any(
            fnmatchcase(part.strip(), glob) for part in _JOINS_COMMANDS.split(wish.about)
        )
    joined = wish.kind in COMMANDS and _JOINS_COMMANDS.search(wish.about)
    return not joined and fnmatchcase(wish.about, glob)


_KIND_OF = {
    "Bash": "execute",
    "Write": "edit",
    "Edit": "edit",
    "MultiEdit": "edit",
    "NotebookEdit": "edit",
    "WebFetch": "fetch",
}


def rules_for(denials: Sequence[Denial], own: Sequence[str]) -> Iterator[str]:
    """The narrowest rules that would have let this pass; nothing for a call whose kind is not known."""
    for denial in denials:
        kind, detail = _KIND_OF.get(denial.tool, denial.tool), denial.detail.strip()
        if kind not in KINDS or not detail:
            continue
        rules = [f"{kind}({glob})" for glob in _globs(kind, detail, own)]
        if allowed(Wish(kind, detail), rules, ()):
            yield from rules
        elif kind == "execute" and rules and detail.isprintable() and not _PATTERN.search(detail):
            yield f"{kind}({detail})"  # no globs let through what is joined, but the very same line is


def _globs(kind: str, detail: str, own: Sequence[str]) -> Iterator[str]:
    if kind == "execute":
        yield from (re.sub(r"[?[]", r"[\g<0>]", glob) for glob in command_globs(detail, own))
    elif kind in FILES:
        yield from filter(None, [path_glob(detail, own)])
    else:
        yield escape(detail)
