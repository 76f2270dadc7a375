"""The server: textual-serve's, with a page of ours and a guard before everything."""

from __future__ import annotations

import asyncio
import logging
import shlex
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from html import escape
from pathlib import Path
from string import Template

from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from abp_tui.errors import AbpError
from abp_tui.web.guard import Guard, Handler, add_headers

COMMAND = shlex.join(["exec", sys.executable, "-P", "-m", "abp_tui.web"])  # exec: the shell doesn't stay
PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
MOST_SCREENS = 8
END_S = 5.0  # that an app's process has to end by itself
FONT_SIZE = 16

log = logging.getLogger(__name__)


class AbpServer(Server):
    """Serves the app to whoever passes the guard, a process of its own for each window."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(COMMAND, title="abp")
        self._guard = guard
        self._open: set[web.WebSocketResponse] = set()

    async def make_app(self) -> web.Application:
        """The application: everything below the guard's path, nothing anywhere else."""
        inner = web.Application()
        inner.add_routes(
            [
                web.get("/", self._page),
                web.get("/page.js", self._script),
                web.get("/ws", self.handle_websocket),
                web.static("/static", self.statics_path),
            ]
        )
        app = web.Application(middlewares=[self._guarded])
        app.add_subapp(self._guard.path, inner)
        app.on_response_prepare.append(add_headers)
        app.on_shutdown.append(self._close_all)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        return await self._guard.judge(request, handler)

    async def _page(self, request: web.Request) -> web.Response:
        """The page of one window; the guard has seen that its Host is ours."""
        websocket = f"{'wss' if request.secure else 'ws'}://{request.host}{self._guard.path}/ws"
        page = PAGE.substitute(websocket=escape(websocket), font_size=FONT_SIZE)
        return web.Response(text=page, content_type="text/html")

    async def _script(self, request: web.Request) -> web.Response:
        return web.Response(text=SCRIPT, content_type="text/javascript")

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run the app for as long as its window is open."""
        if len(self._open) >= MOST_SCREENS:
            raise web.HTTPServiceUnavailable(text="there are too many windows open: close one\n")
        websocket = web.WebSocketResponse(heartbeat=15)
        self._open.add(websocket)
        try:
            await websocket.prepare(request)
            await self._run_app(websocket, _cells(request, "width", 80), _cells(request, "height", 24))
        finally:
            self._open.discard(websocket)
        return websocket

    async def _run_app(self, websocket: web.WebSocketResponse, width: int, height: int) -> None:
        async def close() -> None:
            await websocket.close()

        app = AppService(
            self.command,
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=close,
            download_manager=self.download_manager,
        )
        await app.start(width, height)
        try:
            await self._process_messages(websocket, app)
        except (ValueError, LookupError, TypeError, AssertionError, AttributeError):
            log.warning("a window has sent what is no message of the app's page")
        finally:
            await asyncio.shield(_end(app))

    async def _close_all(self, app: web.Application) -> None:
        for websocket in tuple(self._open):
            await websocket.close(code=WSCloseCode.GOING_AWAY)


async def _end(app: AppService) -> None:
    """End an app's process: it is asked to, and killed where it doesn't."""
    process = app._process
    try:
        await asyncio.wait_for(app.stop(), END_S)
    except (TimeoutError, ConnectionError):
        log.warning("a screen did not end by itself")
    if process is not None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _cells(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return min(int(text), 1000) if text.isdecimal() and len(text) < 6 else default


def serve(host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve until INT or TERM; `tell` is given the address to open, once it can be. Raises `AbpError`."""
    with redirect_stdout(sys.stderr):  # where textual-serve puts what an app complains of
        asyncio.run(_serve(host, port, tell))


async def _serve(host: str, port: int, tell: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    guard = Guard(host, _shown(host))
    runner = web.AppRunner(await AbpServer(guard).make_app(), access_log=None, shutdown_timeout=END_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await _start(site, host, port)
        tell(f"http://{_shown(host)}:{_port(runner)}{guard.path}/?token={guard.token}")
        await stop.wait()
    finally:
        await runner.cleanup()


async def _start(site: web.TCPSite, host: str, port: int) -> None:
    try:
        await site.start()
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AbpError(f"can't serve on {host}, port {port}: {why}", "name another with --port") from None


def _port(runner: web.AppRunner) -> int:
    return int(runner.addresses[0][1])


def _shown(host: str) -> str:
    """The host as a browser of this machine can open it."""
    if host in ("0.0.0.0", "::", ""):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
