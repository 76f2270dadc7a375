"""Who is let in: with the token, under our name, from our page. Everybody else is not."""

from __future__ import annotations

import signal
import socket
from collections.abc import Mapping
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import psutil
import pytest

from tests.cli.driver import Abp
from tests.waiting import wait_until
from tests.web.serving import WEBSOCKET, Served, served

pytestmark = pytest.mark.slow

PLACES = ("", "ws", "static/js/textual.js", "nothing/here")


def test_the_token_opens_and_becomes_a_strict_cookie_of_this_path_alone(server: Served) -> None:
    entry = server.get(f"{server.path}?token={server.token}")
    assert (entry.status, entry.headers["Location"]) == (303, server.path)
    [cookie] = SimpleCookie(entry.headers["Set-Cookie"]).values()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", server.path)
    page = server.get(server.path, server.cookie)
    assert page.status == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert server.get(f"{server.path}static/js/textual.js", server.cookie).status == 200


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cookie", [None, "abp_token=wrong", "abp_token=", "other=1", "abp_token=\xe9"])
def test_nobody_without_the_token_gets_anything(server: Served, place: str, cookie: str | None) -> None:
    headers = {**({"Cookie": cookie} if cookie else {}), **(_socket(server) if place == "ws" else {})}
    answer = server.get(server.path + place, headers)
    assert (answer.status, answer.headers["Set-Cookie"]) == (403, None)
    assert server.apps() == []


@pytest.mark.parametrize("token", ["", "wrong", "%C3%A9", "{token}x"])
def test_a_wrong_token_in_the_url_opens_nothing(server: Served, token: str) -> None:
    given = token.format(token=server.token)
    assert server.get(f"{server.path}?token={given}").status == 403


def test_the_token_alone_is_not_taken_elsewhere(server: Served) -> None:
    for path in ("/", f"{server.path}ws", "/static/js/textual.js"):
        assert server.get(f"{path}?token={server.token}").status == 403
    assert server.get("/", server.cookie).status == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "localhost.", "["]
)
@pytest.mark.parametrize("place", PLACES)
def test_another_name_is_refused_whoever_asks(server: Served, place: str, host: str) -> None:
    """A name of the attacker's, rebound to this address: for the browser it is their own page."""
    headers = {**server.cookie, **(_socket(server) if place == "ws" else {}), "Host": host}
    assert server.get(server.path + place, headers).status == 403
    assert server.get(f"{server.path}?token={server.token}", {"Host": host}).status == 403


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "",
        "https://evil.example",
        "http://127.0.0.1:1",
        "http://localhost",
        "{own}.evil.example",
    ],
)
def test_a_websocket_of_another_page_is_refused(server: Served, origin: str | None) -> None:
    """Cookies go along with those of another port of the same host: only the origin tells."""
    headers = {**WEBSOCKET, **server.cookie}
    if origin is not None:
        headers["Origin"] = origin.format(own=server.origin)
    assert server.get(f"{server.path}ws", headers).status == 403
    assert server.apps() == []


def test_our_own_page_gets_a_websocket(server: Served) -> None:
    assert server.get(f"{server.path}ws", {**_socket(server), **server.cookie}).status == 101


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_fetches_nothing(server: Served, site: str) -> None:
    page = {**server.cookie, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert server.get(server.path, page).status == 403
    fetch = {**server.cookie, "Origin": "https://evil.example", "Sec-Fetch-Site": site}
    answer = server.get(server.path, fetch)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (403, None)


def test_two_servers_have_nothing_in_common(abp: Abp, server: Served) -> None:
    with served(abp) as other:
        assert other.token != server.token and other.path != server.path
        assert other.get(other.path, server.cookie).status == 403


def test_only_this_machine_can_reach_it(server: Served) -> None:
    listening = psutil.Process(server.process.pid).net_connections()
    assert {c.laddr.ip for c in listening if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_a_wider_address_is_warned_of(abp: Abp, server: Served) -> None:
    assert "press keys" not in (abp.folder / "served.txt").read_text()
    with served(abp, "--host", "0.0.0.0") as wide:
        assert "can press keys" in (abp.folder / "served.txt").read_text()
        assert wide.get(wide.path, {**wide.cookie, "Host": "evil.example"}).status == 403
        assert wide.get(wide.path, {**wide.cookie, "Host": urlsplit(wide.url).netloc}).status == 200


def test_the_token_is_in_no_arguments_or_environment(server: Served) -> None:
    with _window(server):
        wait_until(server.apps)
        for process in (psutil.Process(server.process.pid), *server.apps()):
            seen = [*process.cmdline(), *process.environ().values()]
            assert not [text for text in seen if server.token in text or server.path in text]


def test_a_port_that_is_taken_is_one_line(abp: Abp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = abp.run("serve", "--port", str(taken.getsockname()[1]), code=2)
    assert len(done.stderr.splitlines()) == 1 and "--port" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_with_its_apps(server: Served, number: int) -> None:
    with _window(server):
        wait_until(server.apps)
        assert server.end(number) == 0


def test_its_apps_end_although_it_is_killed(server: Served) -> None:
    with _window(server) as line:
        apps = wait_until(server.apps)
        _read_until_quiet(line)  # while it draws, it would notice by itself
        server.process.kill()
        server.process.wait(20)
        wait_until(lambda: not any(app.is_running() for app in apps), what="the end of the app")


def test_a_window_that_closes_ends_its_app(server: Served) -> None:
    with _window(server):
        wait_until(server.apps)
    wait_until(lambda: not server.apps(), what="the end of the app")


def _socket(server: Served) -> Mapping[str, str]:
    return {**WEBSOCKET, "Origin": server.origin}


def _read_until_quiet(line: socket.socket) -> None:
    """Take what the app draws until it has drawn, and nothing more for two seconds."""
    taken = 0
    while True:
        line.settimeout(2.0 if taken > 1000 else 30.0)
        try:
            taken += len(line.recv(65536))
        except TimeoutError:
            assert taken > 1000
            return


def _window(server: Served) -> socket.socket:
    """A websocket of our page, open until it is closed."""
    line = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    headers = {"Host": f"127.0.0.1:{server.port}", **_socket(server), **server.cookie}
    lines = [f"GET {server.path}ws HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    line.sendall("\r\n".join([*lines, "", ""]).encode())
    assert b" 101 " in line.recv(100)
    return line
