"""The app in a real browser: what it shows, keys that are pressed, pages of others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

from tests.cli.driver import Abp
from tests.waiting import wait_until
from tests.web.serving import Served, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium() is None, reason="there is no browser: apt-get install chromium-headless-shell"
    ),
]


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield found
        found.close()


class Window:
    """A page, with all that came over its websockets, all it has asked for, and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self._seen = b""
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("websocket", self._listen)

    def _listen(self, line: WebSocket) -> None:
        self.asked.append(line.url)
        line.on("framereceived", self._take)

    def _take(self, data: str | bytes) -> None:
        self._seen += data.encode() if isinstance(data, str) else data

    def until_shown(self, words: str) -> None:
        """Wait until the app has sent these words to the screen."""

        def shown() -> bool:
            self.page.wait_for_timeout(20)  # its events come while the page is waited for
            return words.encode() in self._seen

        wait_until(shown, what=f"{words!r} on the screen")

    def until_focused(self) -> None:
        """Wait until keys go to the app."""
        self.page.wait_for_selector(".xterm-helper-textarea:focus", state="attached")


def job_in_review(abp: Abp) -> None:
    texts = abp.folder / "texts"
    texts.mkdir()
    for n in (1, 2, 3):
        (texts / f"{n}.md").write_text("two words\n" * n)
    abp.quick("new", "wordcount", "--intent", "Count", "--files", texts, "--worker", "sample")
    abp.quick("test", "wordcount")


def test_a_job_is_seen_and_approved_by_keyboard(abp: Abp, server: Served, browser: Browser) -> None:
    job_in_review(abp)
    window = Window(browser.new_page(viewport={"width": 1200, "height": 800}))
    window.page.goto(server.url)
    assert "token" not in window.page.url
    window.until_shown("wordcount")
    window.until_focused()
    window.page.keyboard.press("Enter")
    window.until_shown("Approve")
    window.page.keyboard.press("a")
    abp.until(lambda: abp.json("show", "wordcount")["status"] == "COMPLETED", "the batch is done")
    assert abp.json("show", "wordcount")["completed_units"] == 3
    assert window.complaints == []
    own = (server.origin, server.origin.replace("http:", "ws:"), "data:")
    assert [url for url in window.asked if not url.startswith(own)] == []
    assert len(window.asked) > 3


def test_it_is_drawn(abp: Abp, server: Served, browser: Browser, tmp_path: Path) -> None:
    job_in_review(abp)
    window = Window(browser.new_page(viewport={"width": 1200, "height": 800}))
    window.page.goto(server.url)
    window.until_shown("wordcount")
    window.page.wait_for_selector("body.-first-byte")
    empty = len(browser.new_page(viewport={"width": 1200, "height": 800}).screenshot())
    wait_until(lambda: len(window.page.screenshot(path=tmp_path / "seen.png")) > 5 * empty)


def test_a_page_without_the_token_shows_nothing(server: Served, browser: Browser) -> None:
    answer = browser.new_page().goto(server.origin + server.path)
    assert answer is not None and answer.status == 403
    assert server.apps() == []


def test_another_page_of_the_machine_neither_reads_nor_presses_keys(
    abp: Abp, server: Served, browser: Browser
) -> None:
    """Opened in the very browser that has the cookie, on another port of the same host, and told the path."""
    context = browser.new_context()
    mine = Window(context.new_page())
    mine.page.goto(server.url)
    wait_until(lambda: (mine.page.wait_for_timeout(20), server.apps())[1])
    with another_page() as (address, cookies):
        theirs = context.new_page()
        theirs.goto(address)
        ways = theirs.evaluate(
            WAYS, [server.origin + server.path, "ws" + server.origin[4:] + server.path + "ws"]
        )
    assert ways == {"fetch": "TypeError", "socket": "closed", "frame": "nothing"}
    assert not any("abp_token" in cookie for cookie in cookies)
    assert len([line for line in mine.asked if line.startswith("ws:")]) == 1
    assert len(server.apps()) == 1


WAYS = """async ([page, socket]) => {
  const fetched = await fetch(page, {credentials: "include"}).then(r => r.status, e => e.name);
  const line = new WebSocket(socket);
  const ended = await new Promise(done => {
    line.onopen = () => done("open");
    line.onclose = () => done("closed");
  });
  const frame = document.createElement("iframe");
  frame.src = page;
  const loaded = new Promise(done => { frame.onload = done; });
  document.body.append(frame);
  await loaded;
  let seen = "nothing";
  try { seen = frame.contentDocument ? "document" : "nothing"; } catch { }
  return {fetch: fetched, socket: ended, frame: seen};
}"""


@contextmanager
def another_page() -> Iterator[tuple[str, list[str]]]:
    """A server of somebody else on this machine, and the cookies that it is sent."""
    cookies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            cookies.append(self.headers.get("Cookie") or "")
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<body>hello</body>")

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", cookies
        server.shutdown()
