"""The pages of one portal: which there are, and what is done before and after each of them.

Everything that changes something is a form with the session's token, sent from our own page. Nothing needs JavaScript.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from adapters.acmidm.entrance import Entrance
from adapters.acmidm.pages import CasePages, Taking
from adapters.acmidm.persona import Capacity
from adapters.acmidm.places import safe_place
from adapters.acmidm.provider import Provider
from adapters.acmidm.sessions import Session, Sessions
from adapters.acmidm.settings import Category, Limits, Pages
from adapters.acmidm.visit import (
    CookieNames,
    PageProblemError,
    Visit,
    cookie_names,
    guarding_headers,
    own_file,
    problem_number,
    set_cookie,
)
from adapters.acmidm.wording import LANGUAGES, load
from canonical_model.contact import Channel
from ports.adapter import Tools
from ports.bodies import BodyProblem, BodyRefusedError
from ports.errors import MisconfiguredError, TransientError

log = structlog.get_logger()

Show: TypeAlias = Callable[[Visit], Awaitable[Response]]

_YEAR = 365 * 86_400
_BODY_PROBLEMS: Mapping[BodyProblem, tuple[int, str]] = {
    BodyProblem.TOO_LARGE: (413, "too_large"),
    BodyProblem.TOO_SLOW: (408, "too_slow"),
    BodyProblem.CUT_OFF: (400, "not_a_form"),
    BodyProblem.TOO_BUSY: (503, "try_later"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What makes a portal itself: whom it serves, and what it must ask the provider to know them."""

    system: str
    channel: Channel
    capacities: frozenset[Capacity]
    scopes: tuple[str, ...]


class Site:
    """The pages, ready to be mounted under `/in/<instance>`."""

    def __init__(
        self,
        portal: Portal,
        settings: Pages,
        limits: Limits,
        categories: Mapping[str, Category],
        tools: Tools,
    ) -> None:
        self._portal = portal
        self._settings = settings
        self._base = f"/in/{tools.name}"
        self._name = tools.name
        self._cookies: CookieNames = cookie_names(tools.name, secure=settings.secure)
        self._wordings = load()
        self._sessions = Sessions(settings, tools.name, tools.checkpoints, tools.clock)
        self.provider = Provider(settings.log_in, tools.clock)
        self.scopes = settings.log_in.scopes or portal.scopes
        self._entrance = Entrance(
            self.provider, self._sessions, settings.log_in, self.scopes, portal.capacities, tools.clock
        )
        taking = Taking(channel=portal.channel, limits=limits, categories=categories)
        self._pages = CasePages(taking, tools)

    def add_to(self, router: APIRouter) -> None:
        """Put the pages on a router."""
        entrance, pages = self._entrance, self._pages
        shown: tuple[tuple[str, str, Show], ...] = (
            ("GET", "/", pages.home),
            ("GET", "/login", entrance.log_in),
            ("GET", "/callback", entrance.callback),
            ("POST", "/logout", entrance.log_out),
            ("GET", "/logged-out", entrance.logged_out),
            ("POST", "/language", self._choose_language),
            ("GET", "/new", pages.blank),
            ("POST", "/new", pages.submit),
            ("GET", "/sent/{form}", pages.sent),
            ("GET", "/cases/{ref}", pages.case),
            ("POST", "/cases/{ref}/reply", pages.reply),
        )
        for method, path, show in shown:
            router.add_route(path, self._guarded(show), methods=[method], name=f"{method}{path}")
        for name, media_type in (("portal.css", "text/css"), ("portal.svg", "image/svg+xml")):
            router.add_route(f"/{name}", _file(name, media_type), methods=["GET"], name=name)

    def _guarded(self, show: Show) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            visit = self._visit(request, None)
            try:
                session = await self._session(request)
                visit = self._visit(request, session)
                self._refuse_forged(request)
                response = await show(visit)
            except (PageProblemError, BodyRefusedError, TransientError, MisconfiguredError) as error:
                response = self._problem(visit, error)
            return self._finished(visit, response)

        return answer

    def _visit(self, request: Request, session: Session | None) -> Visit:
        chosen = request.cookies.get(self._cookies.language, "")
        language = chosen if chosen in LANGUAGES else self._settings.language
        return Visit(
            request=request,
            portal=self._portal.system,
            base=self._base,
            settings=self._settings,
            session=session,
            wording=self._wordings[language],
            cookies=self._cookies,
        )

    async def _session(self, request: Request) -> Session | None:
        return await self._sessions.recognised(request.cookies.get(self._cookies.session, ""))

    def _refuse_forged(self, request: Request) -> None:
        """A form must come from our own page, says the browser. One that says nothing is not believed."""
        if request.method in ("GET", "HEAD"):
            return
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin", "null")
        from_here = site == "same-origin" if origin == "null" else origin == self._settings.public_url
        if not from_here or site not in (None, "same-origin"):
            raise PageProblemError(403, "cross_site")

    def _problem(self, visit: Visit, error: Exception) -> Response:
        problem = _as_problem(error)
        number = problem_number()
        visit.answer_headers["x-problem"] = number
        log.info(
            "portal_problem",
            portal=self._name,
            problem=number,
            code=problem.code,
            status=problem.status,
            reason=getattr(error, "what", ""),
        )
        if problem.retry_after is not None:
            visit.answer_headers["Retry-After"] = f"{problem.retry_after:.0f}"
        return visit.problem(problem)

    def _finished(self, visit: Visit, response: Response) -> Response:
        """Guarding headers on everything; a session that is used stays."""
        secure = self._settings.secure
        for name, value in guarding_headers(self.provider.origins, secure=secure).items():
            response.headers.setdefault(name, value)
        cookie = self._sessions.refreshed(visit.session) if visit.session else ""
        if cookie and not response.headers.get("set-cookie"):
            set_cookie(response, self._cookies.session, cookie, secure=secure)
        return response

    async def _choose_language(self, visit: Visit) -> Response:
        form = await self._pages.small_form(visit)
        language = form.get("language", "")
        if language not in LANGUAGES:
            raise PageProblemError(422, "not_a_form")
        answer = visit.to(safe_place(form.get("next", "")))
        set_cookie(answer, self._cookies.language, language, secure=self._settings.secure, seconds=_YEAR)
        return answer


def _as_problem(error: Exception) -> PageProblemError:
    if isinstance(error, PageProblemError):
        return error
    if isinstance(error, BodyRefusedError):
        status, code = _BODY_PROBLEMS[error.problem]
        return PageProblemError(status, code, retry_after=error.retry_after)
    if isinstance(error, TransientError):
        return PageProblemError(503, "try_later", retry_after=error.retry_after or 30)
    return PageProblemError(502, "not_set_up")


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}

    async def answer(_request: Request) -> Response:
        return Response(own_file(name), media_type=media_type, headers=headers)

    return answer
