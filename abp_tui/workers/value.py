"""Strings that stand behind a flag on a command line and must not be flags themselves."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator

LONGEST = 128 * 1024 - 1  # bytes of one argument, on Linux


def _no_flag(value: str) -> str:
    if (size := len(os.fsencode(value))) > LONGEST:
        raise ValueError(
            f"it is {size} bytes long, a command line takes {LONGEST}: shorten it, or use a file"
        )
    if "\0" in value:
        raise ValueError("there is a NUL in it")
    if value.startswith("-") or not value.strip():
        raise ValueError(f"{value!r} is no value but a flag or nothing")
    return value


Value = Annotated[str, AfterValidator(_no_flag)]
