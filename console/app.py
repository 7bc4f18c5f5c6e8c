"""The web console as an ASGI application, to be mounted at the root of the hub."""

import secrets
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path

import structlog
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from console.armour import Armour, add_headers
from console.desk import (
    API,
    Desk,
    GroupOfProduct,
    Groups,
    HandOut,
    NotSignedInError,
    ProblemError,
    Visit,
    admit,
    login_path,
    new_wordings,
    plain_wording,
    shared_templates,
)
from console.letters import LetterRoom
from console.pages import ROUTERS
from console.settings import ConsoleSettings
from console.staff import accounts_of
from journal.journal import Journal
from ports.errors import RejectedError, TransientError
from ports.products import Catalogue, Products

log = structlog.get_logger()

_STATIC = Path(__file__).parent / "static"
_CODES = {403: "forbidden", 404: "not_found", 405: "not_found", 422: "not_a_form"}


async def _no_hand_out(_effects: Sequence[str]) -> None:
    """The sweeper finds what is due by itself."""


def _no_group(_product: str) -> str:
    return ""


def _never() -> bool:
    return False


def create_console(
    journal: Journal,
    settings: ConsoleSettings,
    *,
    hand_out: HandOut = _no_hand_out,
    groups: Groups = tuple,
    products: Products | None = None,
    group_of_product: GroupOfProduct = _no_group,
    stopping: Callable[[], bool] = _never,
    letters: LetterRoom | None = None,
) -> FastAPI:
    """The console over a journal that is started.

    `hand_out` is told which effects may start after a replay, a release or a skip; `groups` names the handler groups to
    which a case may go, and `group_of_product` the one for a product of the catalogue `products`. `stopping` ends the live streams when the hub shuts down. Without `letters` there are no pages
    about the texts of mails. No page writes anything but through the journal.
    """
    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, dependencies=[Depends(admit)], redirect_slashes=False
    )
    app.state.desk = Desk(
        journal=journal,
        accounts=accounts_of(journal, settings),
        settings=settings,
        hand_out=hand_out,
        groups=groups,
        products=products or Catalogue(),
        group_of_product=group_of_product,
        stopping=stopping,
        letters=letters,
        wordings=new_wordings(settings),
        templates=shared_templates(),
    )
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", _OwnFiles(directory=_STATIC), name="static")
    app.add_middleware(Armour, public_url=settings.public_url)
    app.add_exception_handler(NotSignedInError, _log_in_first)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(RejectedError, _refused)
    app.add_exception_handler(TransientError, _unavailable)
    app.add_exception_handler(Exception, _last_resort)
    return app


class _OwnFiles(StaticFiles):
    """Our own style sheet, script and pictures: no secret, but to be asked for again after an update."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type] # handed on as they came
        response.headers["Cache-Control"] = "no-cache"
        return response


async def _log_in_first(request: Request, _error: Exception) -> Response:
    if request.url.path.startswith(API):
        answer = problem_page(request, 401, "log_in_first")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    if request.url.path.endswith("/live"):
        return Response(status_code=401)
    return RedirectResponse(login_path(request), status_code=303)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for this class only
    return problem_page(request, error.status, error.code, error.detail)


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return problem_page(request, error.status_code, _CODES.get(error.status_code, "unexpected"))


async def _unreadable(request: Request, _error: Exception) -> Response:
    return problem_page(request, 422, "not_a_form")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RejectedError)  # noqa: S101 - registered for this class only
    return problem_page(request, 409, "refused", error.what)


async def _unavailable(request: Request, _error: Exception) -> Response:
    return problem_page(request, 503, "unavailable")


async def _last_resort(request: Request, error: Exception) -> Response:
    desk: Desk = request.app.state.desk
    response = problem_page(request, 500, "unexpected", error_class=type(error).__name__)
    add_headers(MutableHeaders(raw=response.raw_headers), secure=desk.settings.secure)
    return response


def problem_page(
    request: Request, status: int, code: str, detail: str = "", *, error_class: str = ""
) -> Response:
    """What went wrong in plain words, with a number that is in the log; never a stack trace."""
    number = secrets.token_hex(6)
    route = request.scope.get("route")
    log.info(
        "console_problem",
        problem=number,
        status=status,
        code=code,
        error=error_class,
        route=getattr(route, "path", ""),
    )
    if request.url.path.startswith(("/receipts/", API)):
        title = HTTPStatus(status).phrase
        body = {"type": f"urn:wegwijzer:problem:{code}", "title": title, "status": status, "instance": number}
        if detail:
            body["detail"] = detail
        return JSONResponse(body, status_code=status, media_type="application/problem+json")
    desk: Desk = request.app.state.desk
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is None:
        visit = Visit(
            request=request,
            desk=desk,
            session=None,
            wording=plain_wording(request),
            now=desk.journal.clock.now(),
        )
    return visit.page("problem.html", status=status, code=code, detail=detail, number=number)
