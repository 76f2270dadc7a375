"""The address of a database: which kind it is, what of it may be shown, and variables in it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from abp_tui.errors import InvalidInput

MASK = "***"
SQLITE = ("sqlite", "sqlite+pysqlite", "file")
POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_KEYWORDS = re.compile(r"\b(host|user|dbname|password)\s*=")
_WHOLLY_VARIABLES = re.compile(rf"(?:{_VARIABLE.pattern})+")
_USER_INFO = re.compile(r"^([^:/?#]+://[^:@/?#]*):(.*)@", re.DOTALL)
_PASSWORD_SETTING = re.compile(r"(?<=[?&\s])((?:ssl)?password=)([^&\s]*)", re.IGNORECASE)


def masked(url: str) -> str:
    """The address without its passwords; a `${VAR}` in the place of one is no secret and stays."""
    url = _USER_INFO.sub(lambda found: f"{found[1]}:{_mask(found[2])}@", url)
    return _PASSWORD_SETTING.sub(lambda found: found[1] + _mask(found[2]), url)


def _mask(secret: str) -> str:
    return secret if not secret or _WHOLLY_VARIABLES.fullmatch(secret) else MASK


def expanded(url: str, environment: Mapping[str, str] = os.environ) -> str:
    """The address with each `${VAR}` replaced; raises `InvalidInput` for one that is not set."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in environment:
            raise InvalidInput(
                f"the variable {found[1]} of the connection is not set", f"export {found[1]}=…"
            )
        return environment[found[1]]

    return _VARIABLE.sub(value, url)


def is_variable(url: str) -> bool:
    """Whether not even the kind of database is known before variables are expanded."""
    return _VARIABLE.match(url) is not None


def kind_of(url: str) -> str:
    """`sqlite` or `postgres`; a path counts as SQLite. Raises `ValueError` for any other kind."""
    scheme, separator, _ = url.partition("://")
    if not separator and _KEYWORDS.search(url):
        raise ValueError("it is no address: write postgresql://user:${PASSWORD}@host/name")
    if not separator or scheme in SQLITE:
        return "sqlite"
    if scheme in POSTGRESQL:
        return "postgres"
    raise ValueError(f"{scheme[:30]}:// is not supported; sqlite:///PATH and postgresql://… are")


def known(url: str) -> str:
    """The address itself; raises `ValueError` where it is of a kind that can't be read."""
    kind_of(url)
    return url


def sqlite_path(url: str) -> Path:
    """The file of an SQLite address: `sqlite:///relative`, `sqlite:////absolute`, or a path as it is."""
    if "://" not in url:
        return Path(url).expanduser().absolute()
    path = unquote(urlsplit(url).path)
    if not url.startswith("file:"):
        path = path.removeprefix("/")
    return Path(path).expanduser().absolute()
