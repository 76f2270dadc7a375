"""Strings that stand behind a flag on a command line and must not be flags themselves."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def _no_flag(value: str) -> str:
    if value.startswith("-") or not value.strip():
        raise ValueError(f"{value!r} is no value but a flag or nothing")
    return value


Value = Annotated[str, AfterValidator(_no_flag)]
