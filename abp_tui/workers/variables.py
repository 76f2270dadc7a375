"""Variables that a worker's options add to the environment of its program; keys stay in the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from abp_tui.domain.secrecy import is_secret
from abp_tui.errors import WorkerUnavailable

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def looks_like_key(name: str, value: str) -> bool:
    """Whether a variable holds a key itself, rather than a `${NAME}` that refers to it."""
    return is_secret(name, _REFERENCE.sub("", value))


def _can_be_kept(variables: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(f"{name!r} can't be a variable: no name, or a = or NUL in it")
        os.fsencode(name + value)
        if looks_like_key(name, value):
            raise ValueError(
                f"{name} looks like a key, and would be kept: export it, and write {name}=${{{name}}}"
            )
    return variables


Variables = Annotated[Mapping[str, str], AfterValidator(_can_be_kept)]
"""`${NAME}` in a value is a variable of the environment that a job is started in."""


def filled(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables with each `${NAME}` replaced; raises `WorkerUnavailable` for one that is not set."""
    return {name: _REFERENCE.sub(_value, value) for name, value in variables.items()}


def _value(reference: re.Match[str]) -> str:
    try:
        return os.environ[reference[1]]
    except KeyError:
        hint = f"export {reference[1]}=… where the job is started"
        raise WorkerUnavailable(f"the variable {reference[1]} is not set", hint) from None
