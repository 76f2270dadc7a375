"""The address of a PostgreSQL server in its parts, so that no driver has to take it apart.

A driver that does shows what it can't read, which may be half of a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from abp_tui.enumerators.sql_variables import Address, only_variables

MASK = "***"
MALFORMED = (
    "it can't be read: write postgresql://user:${PASSWORD}@host:port/name, "
    "and in each of these %25 for %, %40 for @, %2F for /, %3F for ?"
)
SECRET = ("password", "sslpassword")
HARMLESS = (  # behind the `?`; anything else there may be a secret, or a piece of one
    "host hostaddr port user dbname sslmode sslrootcert application_name connect_timeout "
    "target_session_attrs mode cache immutable"
).split()

_ADDRESS = re.compile(
    r"(?P<scheme>[a-z+]+://)"
    r"(?:(?P<user>[^:@/?]*)(?::(?P<password>[^@/?]*))?@)?"
    r"(?P<hosts>[^@/?]*)"
    r"(?:/(?P<name>[^@?]*))?"
    r"(?:\?(?P<settings>[^@]*))?"
)
_HOST = re.compile(r"(\[[^\[\]@?]*\]|[^:\[\]@?]*)(?::(\d{0,5}|(?:\$\{[A-Za-z0-9_]+\})+))?")


class Parts(NamedTuple):
    """What stands where, as it was written; None for what is not there."""

    scheme: str
    user: str | None
    password: str | None
    hosts: str
    name: str | None
    settings: str | None


def parts(url: str) -> Parts:
    """The parts of an address; raises `ValueError`, which shows nothing of it, where they are not certain."""
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise ValueError(MALFORMED)
    _hosts(found["hosts"])
    return Parts(**found.groupdict())


def masked(url: str) -> str:
    """The address without its passwords, and without anything where it is not certain what is one."""
    try:
        scheme, user, password, hosts, name, settings = parts(url)
    except ValueError:
        return url.partition("://")[0] + "://" + MASK
    who = "" if user is None else user + ("" if password is None else f":{masked_value(password)}") + "@"
    where = hosts + ("" if name is None else f"/{name}")
    return scheme + who + where + ("" if settings is None else f"?{masked_settings(settings)}")


def masked_value(secret: str) -> str:
    """What may be shown of a secret: a `${VAR}` in its place is none."""
    return secret if not secret or only_variables(secret) else MASK


def masked_settings(settings: str) -> str:
    """What stands behind the `?` of an address, without its secrets."""
    return "&".join(map(_masked_setting, settings.split("&")))


def _masked_setting(setting: str) -> str:
    name, equals, value = setting.partition("=")
    if name in HARMLESS or not setting:
        return setting
    return f"{name}={masked_value(value)}" if equals and name in SECRET else MASK


def connection_settings(address: Address) -> dict[str, str]:
    """What the driver is told: `host`, `port`, `user`, `password`, `dbname`, and what is behind the `?`.

    Raises `ValueError`, which shows nothing of the address, where a part of it means nothing.
    """
    found = parts(address.text)
    hosts, ports = zip(*_hosts(address.expanded(found.hosts)), strict=True)
    given = {
        "user": address.value(found.user or ""),
        "password": address.value(found.password or ""),
        "host": ",".join(map(address.value, hosts)),
        "port": ",".join(ports) if any(ports) else "",
        "dbname": address.value(found.name or ""),
    }
    given |= {name: address.value(value) for name, value in _settings(found.settings or "")}
    return {name: value for name, value in given.items() if value}


def _hosts(text: str) -> list[tuple[str, str]]:
    """Each host with its port, which may be empty."""
    found = [_HOST.fullmatch(host) for host in text.split(",")]
    if not all(found):
        raise ValueError(MALFORMED)
    return [(host[1].strip("[]"), host[2] or "") for host in found if host]


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for setting in filter(None, text.split("&")):
        name, equals, value = setting.partition("=")
        if not equals:
            raise ValueError("behind its ? goes name=value&name=value, with %26 for an & in a value")
        yield name, value
