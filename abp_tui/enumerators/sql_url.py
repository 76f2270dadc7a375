"""The address of a database: which kind it is, what of it may be shown, and where an SQLite file is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from abp_tui.enumerators import sql_server_url
from abp_tui.enumerators.settings import absolute
from abp_tui.enumerators.sql_server_url import MASK, masked_settings
from abp_tui.enumerators.sql_variables import VARIABLE, Address, expanded, only_variables

SQLITE = ("sqlite", "sqlite+pysqlite", "file")
POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")

_SCHEME = re.compile(r"[a-z][a-z0-9+]{0,29}")
_NO_PATH = re.compile(r"\b(host|user|dbname|password)\s*=|:.*@", re.DOTALL)
_VARIABLE_AND_PATH = re.compile(rf"(?:{VARIABLE.pattern})+/[^@:?=&%$]*")


def masked(url: str) -> str:
    """The address without its passwords; a `${VAR}` in the place of one is no secret and stays."""
    if lead := VARIABLE.match(url):
        as_it_is = only_variables(url) or _VARIABLE_AND_PATH.fullmatch(url)
        return url if as_it_is else lead[0] + MASK
    if kind_of(url) == "postgres":
        return sql_server_url.masked(url)
    path, mark, settings = url.partition("?")
    return path + mark + masked_settings(settings) if "://" in url else url


def address(url: str, environment: Mapping[str, str] = os.environ) -> Address:
    """The address to read from; raises `InvalidInput` or `ValueError`, which shows nothing secret of it."""
    if is_variable(url):
        return Address(known(expanded(url, environment)), None)
    return Address(known(url), environment)


def is_variable(url: str) -> bool:
    """Whether not even the kind of database is known before variables are expanded."""
    return VARIABLE.match(url) is not None


def kind_of(url: str) -> str:
    """`sqlite` or `postgres`; a path counts as SQLite. Raises `ValueError` for any other kind."""
    scheme, separator, _ = url.partition("://")
    if not separator and not _NO_PATH.search(url):
        return "sqlite"
    if not separator or not _SCHEME.fullmatch(scheme):
        raise ValueError("it is no address: write sqlite:///PATH or postgresql://user:${PASSWORD}@host/name")
    if scheme in SQLITE:
        return "sqlite"
    if scheme in POSTGRESQL:
        return "postgres"
    raise ValueError(f"{scheme}:// is not supported; sqlite:///PATH and postgresql://… are")


def known(url: str) -> str:
    """The address itself; raises `ValueError` where it is of a kind, or in a form, that can't be read."""
    if kind_of(url) == "postgres":
        sql_server_url.parts(url)
    elif "://" in url and not url.partition("://")[2].startswith("/"):
        raise ValueError("an SQLite address has three slashes: sqlite:///relative, sqlite:////absolute")
    return url


def sqlite_path(found: Address) -> str:
    """The file of an SQLite address: `sqlite:///relative`, `sqlite:////absolute`, or a path as it is.

    Raises `ValueError` for what no path can be.
    """
    scheme, separator, rest = found.text.partition("://")
    if not separator:
        return absolute(found.expanded(found.text))
    path = found.value(rest.partition("?")[0])
    return absolute(path if scheme == "file" else path.removeprefix("/"))
