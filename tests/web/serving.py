"""`abp serve` as a real process, and requests to it as any program or page could send them."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil

from tests.cli.driver import PYTHON, Abp
from tests.waiting import wait_until

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def path(self) -> str:
        """Below which everything is."""
        return urlsplit(self.url).path

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.url).query)["token"][0]

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"abp_token={self.token}"}

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> http.client.HTTPResponse:
        """The answer, its body read but for that of a websocket."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        if response.status != 101:
            response.read()
        connection.close()
        return response

    def apps(self) -> list[psutil.Process]:
        """The processes of the windows."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal, and see that its apps end, too; returns the exit code."""
        apps = self.apps()
        self.process.send_signal(number)
        code = self.process.wait(30)
        wait_until(lambda: not any(app.is_running() for app in apps), what="the end of its apps")
        return code


@contextmanager
def served(abp: Abp, *arguments: str) -> Iterator[Served]:
    """A server on a free port, until the end of the block; its talk goes to the file `served.txt`."""
    with (abp.folder / "served.txt").open("w") as said:
        process = subprocess.Popen(
            [*PYTHON, "serve", "--port", "0", "--json", *arguments],
            cwd=abp.folder,
            env=abp.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (abp.folder / "served.txt").read_text()
        yield Served(process, json.loads(line)["url"])
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def chromium() -> Path | None:
    """A browser that needs no display, from the packages of the system."""
    import shutil

    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    return Path(found) if found else None
