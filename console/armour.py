"""What guards every answer and every request, whatever the page: headers, size, and where a form came from."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
STRICT_TRANSPORT: Final = "max-age=31536000"


class Armour:
    """ASGI middleware around the whole console."""

    def __init__(self, app: ASGIApp, *, public_url: str = "") -> None:
        self._app = app
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message), secure=self._public_url.startswith("https://"))
            await send(message)

        if scope["method"] not in SAFE_METHODS and not self._from_here(scope):
            refusal = PlainTextResponse("cross-site request refused\n", status_code=403)
            await refusal(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    def _from_here(self, scope: Scope) -> bool:
        """Whether the browser says that our own page sent this. One that says nothing is not believed.

        Programs have no browser that speaks for them: under /api/ they carry their token themselves.
        """
        headers = Headers(scope=scope)
        site = headers.get("sec-fetch-site")
        if scope["path"].startswith("/api/") and site is None and "origin" not in headers:
            return True
        if site is not None and site != "same-origin":
            return False
        origin = headers.get("origin", "null")
        if origin == "null":  # what browsers say under a strict referrer policy
            return site == "same-origin"
        ours = self._public_url or f"{scope['scheme']}://{headers.get('host', '')}"
        return _normal(origin) == _normal(ours)


def add_headers(headers: MutableHeaders, *, secure: bool) -> None:
    """Put the guarding headers on an answer; what the answer set itself about its cache stays."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if secure:
        headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)


def _normal(origin: str) -> tuple[str, str]:
    parts = urlsplit(origin)
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.scheme, parts.netloc.lower().removesuffix(default)
