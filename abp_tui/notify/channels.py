"""The ways on which a notice reaches a person: a command, a webhook, the desktop. Each is bounded in time."""

from __future__ import annotations

import html
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Protocol

from abp_tui import __version__
from abp_tui.domain.model import Timers
from abp_tui.domain.secrecy import Mask
from abp_tui.errors import AbpError
from abp_tui.notify import Notice
from abp_tui.settings import NotifySettings
from abp_tui.terminal import harmless
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.process import run_program
from abp_tui.workers.process_end import StartFailure
from abp_tui.workers.spawn import environment

PAUSES_S = (1.0, 3.0)  # before the second and the third try of a webhook
SAID_CHARS = 200
MOST_READ = 64 * 1024
VARIABLE_CHARS = 4000  # the system takes no longer ones than 128 KiB, and all of it is on stdin


class Undelivered(AbpError):
    """A notice has not reached where it should; the message never holds an address or a key."""


class Channel(Protocol):
    """One way."""

    name: str

    def send(self, notice: Notice) -> None:
        """Bring the notice there; raises `Undelivered`."""


def channels_of(
    settings: NotifySettings, folder: str, environ: Mapping[str, str] = os.environ
) -> Iterator[Channel]:
    """What a person has set; a command runs in the folder of the job."""
    if settings.command:
        yield Command(settings.command, folder, settings.timeout_s, environ)
    if settings.webhook:
        yield Webhook(settings.webhook.get_secret_value(), settings.timeout_s, environ)
    if settings.desktop:
        yield Desktop(settings.timeout_s)


class Command:
    """A program of the person's: the notice as JSON on its stdin, the main things in its environment."""

    name = "command"

    def __init__(
        self, argv: tuple[str, ...], folder: str, timeout_s: float, environ: Mapping[str, str]
    ) -> None:
        self._argv, self._timeout_s, self._environ = argv, timeout_s, environ
        self._folder = folder

    def send(self, notice: Notice) -> None:
        """Run it, without a shell; whatever it has started in its group ends with it."""
        said = bytearray()

        def hear(chunk: bytes) -> None:
            said.extend(chunk[: MOST_READ - len(said)])

        env = environment({**self._environ, **_variables(notice)})
        timers = Timers(first_event_s=0, idle_s=0, total_s=self._timeout_s, grace_s=0)
        try:
            with Cancel() as cancel:
                end = run_program(
                    self._argv,
                    cwd=self._folder if Path(self._folder).is_dir() else "/",
                    env=env,
                    timers=timers,
                    cancel=cancel,
                    on_stdout=lambda _: None,
                    on_stderr=hear,
                    stdin=_json(notice),
                )
        except StartFailure as failure:
            raise Undelivered(f"command: {failure.message}", failure.hint) from None
        if end.exit_code != 0 or end.timeout:
            words = Mask(self._environ).text(said.decode("utf-8", "replace").strip())[-SAID_CHARS:]
            raise Undelivered(f"command {self._argv[0]}: {end.describe()}{f': {words}' if words else ''}")


class Webhook:
    """A POST of the notice as JSON; `${NAME}` in the address is a variable of the environment."""

    name = "webhook"

    def __init__(
        self,
        url: str,
        timeout_s: float,
        environ: Mapping[str, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._timeout_s, self._environ, self._sleep = url, timeout_s, environ, sleep

    def send(self, notice: Notice) -> None:
        """Post it, up to three times where the server or the network fails."""
        url, data = self._expanded(), _json(notice)
        for pause_s in PAUSES_S:
            try:
                return self._post(url, data)
            except _Passing:
                self._sleep(pause_s)
        try:
            self._post(url, data)
        except _Passing as error:
            raise Undelivered(f"webhook: {error}, three times") from None

    def _post(self, url: str, data: bytes) -> None:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, build_opener

        headers = {"Content-Type": "application/json", "User-Agent": f"abp/{__version__}"}

        def post() -> None:
            opener = build_opener(_no_redirects())
            opener.open(
                Request(url, data, headers), timeout=self._timeout_s
            ).close()  # what it says is no use

        try:
            _within(self._timeout_s, post)
        except HTTPError as error:
            error.close()
            if error.code >= 500 or error.code == 429:
                raise _Passing(f"HTTP {error.code}") from None
            raise Undelivered(f"webhook: HTTP {error.code}", "look at its address") from None
        except URLError as error:
            raise _Passing(_plain(error.reason)) from None
        except (OSError, HTTPException) as error:
            raise _Passing(_plain(error)) from None
        except ValueError:
            raise Undelivered("webhook: its address is no URL", "look at [notify] webhook") from None

    def _expanded(self) -> str:
        def value(name: re.Match[str]) -> str:
            if not (found := self._environ.get(name[1])):
                raise Undelivered(f"webhook: the variable {name[1]} is not set", f"export {name[1]}=…")
            return found

        return re.sub(r"\$\{(\w+)\}", value, self._url)


class Desktop:
    """A notification of the desktop, through desktop-notifier."""

    name = "desktop"

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def send(self, notice: Notice) -> None:
        """Show it."""
        import asyncio

        try:
            from desktop_notifier import DesktopNotifier
        except ImportError:
            hint = "pip install 'abp-tui[desktop]'"
            raise Undelivered("desktop: the library desktop-notifier is missing", hint) from None

        async def show() -> None:
            title, message = f"abp: {notice.name}", _body(notice.text)
            await DesktopNotifier(app_name="abp").send(title=title, message=message)

        try:
            asyncio.run(asyncio.wait_for(show(), self._timeout_s))
        except Exception as error:
            why = _plain(error) or type(error).__name__
            raise Undelivered(f"desktop: {why}", "is there a desktop in this session?") from error


class _Passing(Exception):
    """What may work a little later."""


def _within(seconds: float, act: Callable[[], None]) -> None:
    """Do it in a thread that is left to itself after that time; raises `TimeoutError`, and what it raises.

    A socket's own timeout starts anew with each byte, and knows nothing of names being looked up.
    """
    done: Future[None] = Future()

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            done.set_exception(error)
        else:
            done.set_result(None)

    Thread(target=run, daemon=True).start()
    done.result(seconds)


def _no_redirects() -> type:
    from urllib.request import HTTPRedirectHandler

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """A POST that is sent elsewhere would arrive there without its content."""

    return Stay


def _body(text: str) -> str:
    """The text as the desktop takes it: as markup where it follows freedesktop.org."""
    shown = harmless(text)
    return html.escape(shown, quote=False) if sys.platform == "linux" else shown


def _json(notice: Notice) -> bytes:
    return notice.model_dump_json().encode()


def _variables(notice: Notice) -> dict[str, str]:
    named = {
        "OCCASION": notice.occasion,
        "TEXT": notice.text,
        "JOB": notice.name,
        "JOB_ID": notice.id,
        "STATUS": notice.status,
    }
    return {f"ABP_NOTICE_{name}": _cut(value.replace("\0", "")) for name, value in named.items()}


def _cut(value: str) -> str:
    return value if len(value) <= VARIABLE_CHARS else f"{value[: VARIABLE_CHARS - 1]}…"


def _plain(error: object) -> str:
    """What the system says, which names no address."""
    return (
        getattr(error, "strerror", None)
        or ("timed out" if isinstance(error, TimeoutError) else "")
        or type(error).__name__
    )
