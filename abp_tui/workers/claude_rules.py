"""What Claude Code was denied as rules of its own: `Bash(git log *)`, `Edit(//srv/*.md)`, `WebSearch`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from abp_tui.domain.model import Denial
from abp_tui.workers.rules import command_globs, path_glob

_EDITS = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"})
_READS = frozenset({"Read", "Glob", "Grep", "LS"})
_ITS_OWN_WORDS = ("Claude requested", "This command requires", "Permission to use")  # in place of an input
_PLAIN = frozenset({"WebSearch", "Task", "Agent", "Skill"})


def rules(denials: Sequence[Denial], own: Sequence[str]) -> Iterator[str]:
    """The rules that would have let all of this pass, each once; nothing for what no narrow rule is about."""
    yield from dict.fromkeys(rule for denial in denials for rule in _rules(denial, own))


def _rules(denial: Denial, own: Sequence[str]) -> Iterator[str]:
    tool, detail = denial.tool, denial.detail.strip()
    if tool.startswith("mcp__") or tool in _PLAIN:
        yield tool
    elif not detail or detail.startswith(_ITS_OWN_WORDS):
        return
    elif tool == "Bash":
        yield from (f"Bash({glob})" for glob in command_globs(detail, own))
    elif tool in _EDITS or tool in _READS:
        if not (path := path_glob(detail, own)):
            return
        kind = "Edit" if tool in _EDITS else "Read"
        yield f"{kind}({'/' if path.startswith('/') else ''}{path})"  # `//` begins an absolute path
    elif tool == "WebFetch" and (host := urlsplit(detail).hostname):
        yield f"WebFetch(domain:{host})"
