"""The pages on which a customer ends notifications, or wants them again. A look changes nothing: mail scanners follow links.

`POST` without the page works too (RFC 8058, one-click unsubscription). Works without JavaScript.
"""

import structlog
from fastapi import APIRouter
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from adapters.notifications.texts import TEXTS
from adapters.notifications.way_out import WayOut
from ports.adapter import Tools
from ports.errors import TransientError

log = structlog.get_logger()

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


class OptOutPages:
    """Stateless; the link proves whose wish it is."""

    def __init__(self, way_out: WayOut, tools: Tools, city: str) -> None:
        self._way_out = way_out
        self._tools = tools
        self._city = city
        self._page = Environment(
            loader=PackageLoader("adapters.notifications"), autoescape=True, undefined=StrictUndefined
        ).get_template("opt_out.html")

    def router(self) -> APIRouter:
        """The pages, to be mounted under `/in/<instance>`."""
        router = APIRouter()
        name = self._tools.name
        router.add_route("/afmelden/{token}", self.ask, methods=["GET"], name=f"{name}/afmelden")
        router.add_route("/afmelden/{token}", self.out, methods=["POST"], name=f"{name}/afgemeld")
        router.add_route("/afmelden/{token}/toch", self.back, methods=["POST"], name=f"{name}/toch")
        return router

    async def ask(self, request: Request) -> Response:
        """Ask whether this is what the customer wants."""
        if self._way_out.opened(request.path_params["token"]) is None:
            return self._shown(request, "unknown", 404)
        return self._shown(request, "ask", 200)

    async def out(self, request: Request) -> Response:
        """No notifications any more."""
        name = self._way_out.opened(request.path_params["token"])
        if name is None:
            return self._shown(request, "unknown", 404)
        try:
            await self._tools.opt_outs.opt_out([name])
        except TransientError:
            return self._shown(request, "later", 503)
        log.info("customer_opted_out", instance=self._tools.name)
        return self._shown(request, "out", 200)

    async def back(self, request: Request) -> Response:
        """Notifications again."""
        name = self._way_out.opened(request.path_params["token"])
        if name is None:
            return self._shown(request, "unknown", 404)
        try:
            await self._tools.opt_outs.opt_in([name])
        except TransientError:
            return self._shown(request, "later", 503)
        log.info("customer_opted_in", instance=self._tools.name)
        return self._shown(request, "back", 200)

    def _shown(self, request: Request, state: str, status: int) -> Response:
        language = "en" if request.query_params.get("taal") == "en" else "nl"
        here = request.url.path.removesuffix("/toch")
        page = self._page.render(
            language=language,
            other="nl" if language == "en" else "en",
            state=state,
            text=TEXTS[language],
            city=self._city,
            here=here,
        )
        return Response(page, status, headers=_HEADERS, media_type="text/html; charset=utf-8")
