"""The terminal around us: what it can show, as its environment says, and what it must never be sent."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

_SEQUENCES = re.compile(
    r"\x1b[\]P^_X].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, PM, APC, SOS: up to their end
    r"|[\x90\x98\x9d\x9e\x9f].*?(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?",
    re.MULTILINE,
)
_LINE_ENDS = re.compile("\r\n|\r|\x85|\u2028|\u2029|\x0b|\x0c")
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # C0 and C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"  # zero width, bidi, fillers, variation selectors, tags
)
_NOTIFIERS = frozenset({"iTerm.app", "WezTerm", "ghostty", "xterm-ghostty", "xterm-kitty", "foot"})
_SURROGATES = re.compile("[\ud800-\udfff]")


def speaks_utf8(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal's locale can show more than ASCII; one that says nothing is taken to."""
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or "utf-8"
    return "utf" in locale.lower()


def colours(environment: Mapping[str, str] = os.environ) -> str:
    """How many colours it has, in words."""
    term = environment.get("TERM", "")
    if environment.get("NO_COLOR"):
        return "none, as NO_COLOR asks"
    if environment.get("COLORTERM") in ("truecolor", "24bit"):
        return "16 million"
    if "256color" in term:
        return "256"
    return "16" if term and term != "dumb" else "none"


def attention(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """What rings a terminal's bell, and where it is known to show notifications, has it show the text."""
    shows = environment.get("TERM_PROGRAM", "") in _NOTIFIERS or environment.get("TERM", "") in _NOTIFIERS
    if not shows or environment.get("TMUX") or environment.get("STY"):
        return "\a"
    words = " ".join(harmless(text).split())
    return f"\x1b]9;{words}\x1b\\\a"


def harmless(text: str) -> str:
    """Foreign text without anything that moves the cursor, hides, reorders or recolours.

    Tabs stay, and lines end in `\\n`.
    """
    return _SURROGATES.sub("\ufffd", _HIDDEN.sub("", _LINE_ENDS.sub("\n", _SEQUENCES.sub("", text))))
