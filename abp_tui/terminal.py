"""What the terminal around us can show, as its environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping


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
