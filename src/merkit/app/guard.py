"""Who may speak with the page's server: a browser of this machine that was given the address.

Whatever page is open in the same browser can send requests to the loopback address, and so can
every program of the machine. So the address holds a token, which becomes a cookie; the ``Host``
must be ours (a foreign name may be made to point at 127.0.0.1); and no other origin may send
anything, pages of other ports of this machine included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from secrets import compare_digest, token_urlsafe
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost", "[::1]")
SAFE_METHODS = ("GET", "HEAD")

#: nothing but what this server itself sends
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Guard:
    """What one run of the server lets in.

    ``token`` stands in the address, ``secret`` in the cookie that it is exchanged for; 256 bits
    each. The cookie's name holds the port, since browsers share cookies between ports. ``tickets``
    are tokens that hold once.
    """

    port: int
    token: str = field(default_factory=lambda: token_urlsafe(32), repr=False)
    secret: str = field(default_factory=lambda: token_urlsafe(32), repr=False)
    tickets: set[str] = field(default_factory=set, repr=False)

    @property
    def address(self) -> str:
        """What the browser is to open."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def address_once(self) -> str:
        """The same for the command that starts a browser, whose words every user of the machine can
        read: it holds once."""
        ticket = token_urlsafe(32)
        self.tickets.add(ticket)
        return self.address.replace(self.token, ticket)

    @property
    def cookie(self) -> str:
        return f"merkit-{self.port}"

    def admits(self, scope: Scope) -> Response | None:
        """None for a request that may pass, else what it is answered."""
        headers = Headers(scope=scope)
        refusal = self._foreign(scope["method"], headers)
        if refusal:
            return _refused(*refusal)
        if scope["path"] == "/" and self._has_token(scope):
            return self._let_in()
        if not self._has_cookie(headers):
            return _refused(
                HTTPStatus.FORBIDDEN,
                "This page needs the whole address that 'merkit app' printed, token included. If "
                "merkit was started again, open its new address. What was saved is safe.",
            )
        return None

    def _foreign(self, method: str, headers: Headers) -> tuple[HTTPStatus, str] | None:
        hosts = headers.getlist("host")
        own = tuple(f"{host}:{self.port}" for host in HOSTS)
        if len(hosts) != 1 or hosts[0].lower() not in own:
            return HTTPStatus.BAD_REQUEST, f"Host is to be one of {', '.join(own)}."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return HTTPStatus.FORBIDDEN, "Another site may not use this server."
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{hosts[0].lower()}":
            return HTTPStatus.FORBIDDEN, "Another site may not use this server."
        if origin is None and method not in SAFE_METHODS:
            return HTTPStatus.FORBIDDEN, "A request that changes something must tell its Origin."
        return None

    def _has_token(self, scope: Scope) -> bool:
        query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=8)
        token = query.get("token", [""])[0]
        for ticket in tuple(self.tickets):
            if _same(token, ticket):
                self.tickets.discard(ticket)
                return True
        return _same(token, self.token)

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        return found is not None and _same(found.value, self.secret)

    def _let_in(self) -> Response:
        """To the bare address, so that the token stays out of the history and of pictures."""
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(self.cookie, self.secret, path="/", httponly=True, samesite="strict")
        return answer


class Guarded:
    """An application behind a guard; every answer carries ``HEADERS``, refusals included."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            refusal = self._guard.admits(scope)
        except ValueError:  # a query with too many fields
            refusal = _refused(HTTPStatus.BAD_REQUEST, "The address cannot be read.")
        await (refusal or self._app)(scope, receive, with_headers)


def _refused(status: HTTPStatus, why: str) -> Response:
    return PlainTextResponse(f"merkit: {why}\n", status, headers={"Connection": "close"})


def _same(given: str, wanted: str) -> bool:
    """Compared in a time that tells nothing of where they differ."""
    return compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
