"""Who may press keys: whoever has the token, from the page that this server itself has sent.

Other users of the machine can reach the port, and any page that the person visits can have their browser ask
for it. So each request needs the token, first in the URL, then as a cookie that no script sees and no other
site's page sends. None is taken under another name than ours, which could be one of an attacker's that was
rebound to our address, nor from a page of another origin. Cookies don't tell ports apart: the path that this
one belongs to is as random as the token, or another user's server on another port would be sent it.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

COOKIE = "abp_token"
LOCAL_NAMES = frozenset({"localhost"})
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
REFUSED = "This is not for you: open the whole address that `abp serve` has printed.\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Judges every request by its token, its Host and its Origin. `names` are more names of this server."""

    def __init__(self, *names: str) -> None:
        self.token = secrets.token_urlsafe(32)
        self.path = f"/{secrets.token_urlsafe(16)}"
        self._names = LOCAL_NAMES | {name.lower() for name in names if name}

    async def judge(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse with 403, or let in; a token in the URL is taken out of it, and kept as a cookie."""
        if not (self._is_ours(request) and self._comes_from_us(request)):
            return _refusal()
        if request.path == f"{self.path}/" and self._is_token(request.query.get("token")):
            return self._entry(request)
        if not self._is_token(request.cookies.get(COOKIE)):
            return _refusal()
        return await handler(request)

    def _entry(self, request: web.Request) -> web.Response:
        response = web.Response(status=303, headers={**HEADERS, "Location": f"{self.path}/"})
        response.set_cookie(COOKIE, self.token, path=f"{self.path}/", httponly=True, samesite="Strict")
        return response

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(
            given.encode("utf-8", "replace"), self.token.encode()
        )

    def _is_ours(self, request: web.Request) -> bool:
        """Whether its Host can't be a name of somebody else's: an address, or a name we know."""
        try:
            host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
            return host in self._names or bool(ipaddress.ip_address(host))
        except ValueError:
            return False

    def _comes_from_us(self, request: web.Request) -> bool:
        """Whether no other page asks for it. A websocket says where it comes from, and so must."""
        origin, host = request.headers.get("Origin"), request.headers.get("Host")
        if origin is not None or request.headers.get("Upgrade"):
            return origin in (f"http://{host}", f"https://{host}")
        opened = request.headers.get("Sec-Fetch-Mode") == "navigate"  # a person follows a link or types it
        return opened or request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """What each response says of how it may be used."""
    response.headers.update(HEADERS)


def _refusal() -> web.Response:
    return web.Response(status=403, text=REFUSED)
