"""Hosts of their own on this machine: network namespaces on one switch, each with a name and an address."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import pytest

NETWORK = "10.213.7"


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace and host name; `within` is what a command is to begin with to run there."""

    name: str
    namespace: str
    address: str

    @property
    def within(self) -> Sequence[str]:
        rename = 'hostname "$1"; shift; exec "$@"'
        return [
            *_ip("netns", "exec", self.namespace),
            "unshare",
            "--uts",
            "sh",
            "-c",
            rename,
            "sh",
            self.name,
        ]


class Switch:
    """What the hosts are plugged into."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def unplug(self, host: Host) -> None:
        """Cut a host off: nothing reaches it or comes from it, and nobody is told."""
        _run("-n", self.namespace, "link", "set", _port(host.name), "down")

    def plug(self, host: Host) -> None:
        _run("-n", self.namespace, "link", "set", _port(host.name), "up")


@cache
def why_no_hosts() -> str:
    """What is missing for hosts here; empty where nothing is."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no ip here: apt-get install iproute2"
    name = f"abp-try-{os.getpid()}"
    tried = subprocess.run(_ip("netns", "add", name), capture_output=True, text=True)
    if tried.returncode:
        return f"network namespaces can't be made here: {tried.stderr.strip()}"
    _run("netns", "del", name)
    return ""


def needs_hosts() -> None:
    if why := why_no_hosts():
        pytest.skip(why)


@contextmanager
def hosts(*names: str) -> Iterator[tuple[Switch, list[Host]]]:
    """Hosts that reach each other through one switch, and nothing else."""
    prefix = f"abp{os.getpid()}"
    switch = Switch(f"{prefix}-switch")
    made = [Host(name, f"{prefix}-{name}", f"{NETWORK}.{n}") for n, name in enumerate(names, 1)]
    try:
        _run("netns", "add", switch.namespace)
        _run("-n", switch.namespace, "link", "add", "switch", "type", "bridge")
        _run("-n", switch.namespace, "link", "set", "switch", "up")
        for host in made:
            _connect(switch, host)
        yield switch, made
    finally:
        for namespace in [switch.namespace, *(host.namespace for host in made)]:
            subprocess.run(_ip("netns", "del", namespace), check=False, capture_output=True)


def _connect(switch: Switch, host: Host) -> None:
    port = _port(host.name)
    _run("netns", "add", host.namespace)
    end = ["peer", "name", "eth0", "netns", host.namespace]
    _run("-n", switch.namespace, "link", "add", port, "type", "veth", *end)
    _run("-n", switch.namespace, "link", "set", port, "master", "switch", "up")
    _run("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
    for device in ("eth0", "lo"):
        _run("-n", host.namespace, "link", "set", device, "up")


def _port(name: str) -> str:
    return f"p-{name}"


def _ip(*arguments: str) -> list[str]:
    return ["ip", *arguments]


def _run(*arguments: str) -> None:
    subprocess.run(_ip(*arguments), check=True, capture_output=True)
