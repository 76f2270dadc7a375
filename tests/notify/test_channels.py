"""Each way keeps its bounds, whatever is at its other end."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from abp_tui.domain.status import JobStatus, Occasion
from abp_tui.notify import Notice
from abp_tui.notify.channels import Command, Desktop, Undelivered, Webhook

Answer = Callable[[socket.socket], object]


def make_notice(text: str = "words has completed") -> Notice:
    return Notice(
        occasion=Occasion.COMPLETED,
        text=text,
        id="j1",
        name="words",
        status=JobStatus.COMPLETED,
        reason=None,
        total_units=1,
        completed_units=1,
        failed_units=0,
        suspect_units=0,
        cost_usd=None,
        at=datetime.now(UTC),
    )


class Server:
    """Answers every connection as it is told to, in a thread of its own."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def answer(self, how: Answer) -> None:
        threading.Thread(target=self._serve, args=(how,), daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self._socket.close()

    def _serve(self, how: Answer) -> None:
        with suppress(OSError):  # closed, by either end
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._talk, args=(connection, how), daemon=True).start()

    def _talk(self, connection: socket.socket, how: Answer) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            how(connection)
            self.over.wait(60)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def post(server: Server, timeout_s: float) -> None:
    Webhook(server.url, timeout_s, {}, sleep=lambda _: None).send(make_notice())


def test_a_server_that_drips_is_given_up_at_the_deadline(server: Server) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(100):
            connection.sendall(b"x")
            server.over.wait(0.05)
        connection.sendall(b"\r\nContent-Length: 0\r\n\r\n")

    server.answer(drip)
    with pytest.raises(Undelivered, match="timed out, three times"):
        post(server, 0.5)


def test_the_body_of_an_answer_is_not_waited_for(server: Server) -> None:
    server.answer(lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"))
    post(server, 3.0)


def run_command(out: Path, notice: Notice, folder: Path | None = None) -> str:
    """What a command prints that says what it was told in its environment."""
    argv = ("sh", "-c", 'printf %s "$ABP_NOTICE_TEXT" > "$1"', "sh", str(out))
    Command(argv, str(folder or out.parent), 20.0, os.environ).send(notice)
    return out.read_text("utf-8")


def test_a_long_text_is_cut_for_the_environment(tmp_path: Path) -> None:
    assert run_command(tmp_path / "out", make_notice("x" * 4000)) == "x" * 4000
    assert run_command(tmp_path / "out", make_notice("x" * 1_000_000)) == "x" * 3999 + "…"


def test_a_command_runs_where_the_folder_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert run_command(tmp_path / "out", make_notice("told"), folder) == "told"


def test_relative_paths_of_a_command_are_those_of_the_jobs_folder(tmp_path: Path) -> None:
    program = tmp_path / "tell"
    program.write_text("#!/bin/sh\npwd > told\n")
    program.chmod(0o755)
    Command(("./tell",), str(tmp_path), 20.0, os.environ).send(make_notice())
    assert (tmp_path / "told").read_text().strip() == str(tmp_path)


@pytest.mark.parametrize(
    ("platform", "shown"),
    [("linux", "a &lt;b&gt; &amp; &lt;img src=x&gt;"), ("darwin", "a <b> & <img src=x>")],
)
def test_a_desktop_shows_markup_as_it_stands(
    platform: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []

    class Notifier:
        def __init__(self, app_name: str) -> None:
            pass

        async def send(self, title: str, message: str) -> None:
            said.append(message)

    monkeypatch.setitem(sys.modules, "desktop_notifier", SimpleNamespace(DesktopNotifier=Notifier))
    monkeypatch.setattr(sys, "platform", platform)
    Desktop(20.0).send(make_notice("a <b> & \x1b[31m<img src=x>"))
    assert said == [shown]
