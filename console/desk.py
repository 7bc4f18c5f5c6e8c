"""The front desk: lets a visitor in or not, and hands every page what it needs."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, Protocol, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Depends
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from canonical_model.codec import command_name
from canonical_model.party import masked_email
from console.access import Right, required, rights_of
from console.accounts import Accounts, Session
from console.armour import SAFE_METHODS
from console.letters import LetterRoom
from console.settings import ConsoleSettings
from console.wording import LANGUAGES, Wording, load
from journal.journal import Journal
from ports.products import Products

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

FORM_COOKIE: Final = "wegwijzer-form"
"""Guards the log-in form, where there is no session yet whose token could."""
LANGUAGE_COOKIE: Final = "wegwijzer-language"
MAX_FORM: Final = 32_768
API: Final = "/api/"
"""Where programs come: no cookies there, so no forged forms either, but a token that they carry themselves."""
MAX_DOCUMENT: Final = 524_288
SHORTEST_REASON: Final = 4
_TEMPLATES = Path(__file__).parent / "templates"

HandOut = Callable[[Sequence[str]], Awaitable[None]]
"""Told which effects may start now; only a hint, the sweeper finds them as well."""


class Group(Protocol):
    """A handler group, as the dispatch table names it."""

    @property
    def name(self) -> str:
        """In the tracker."""
        ...

    @property
    def label(self) -> str:
        """For people."""
        ...


Groups = Callable[[], Sequence[Group]]
"""The handler groups as the hub knows them now."""
GroupOfProduct = Callable[[str], str]
"""Which group the dispatch table names for a product, by its number; "" where no line of it does."""


class ProblemError(Exception):
    """The visitor gets a page with this status and the text `problem.<code>`."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail


class NotSignedInError(Exception):
    """Somebody must log in first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all pages share."""

    journal: Journal
    accounts: Accounts
    settings: ConsoleSettings
    hand_out: HandOut
    groups: Groups
    products: Products
    group_of_product: GroupOfProduct
    stopping: Callable[[], bool]
    letters: LetterRoom | None
    wordings: Mapping[str, Wording]
    templates: Environment

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Look something up in the journal."""
        return await self.journal.database.read(fn)


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request of somebody, let in: who, in which language, with which form."""

    request: Request
    desk: Desk
    session: Session | None
    wording: Wording
    now: datetime
    form: Mapping[str, str] = field(default_factory=dict[str, str])
    document: bytes = field(default=b"", repr=False)
    form_token: str = ""

    @property
    def actor(self) -> str:
        """The name for the audit trail."""
        return self.session.user.name if self.session else ""

    @property
    def csrf(self) -> str:
        """What every form on the page must send along."""
        return self.session.csrf if self.session else self.form_token

    def may(self, right: str) -> bool:
        """Whether to offer something on a page; the endpoint checks again."""
        return Right(right) in rights_of(self.session.user.roles if self.session else ())

    def query(self, name: str) -> str:
        """A value of the address, "" when it is not there."""
        return self.request.query_params.get(name, "").replace("\0", "")

    def reason(self) -> str:
        """The reason that the form gives; nothing goes on without one."""
        parts = [self.form.get("purpose", "").strip(), self.form.get("reason", "").strip()]
        reason = ": ".join(part for part in parts if part)
        if len(reason) < SHORTEST_REASON:
            raise ProblemError(422, "no_reason")
        return reason[:500]

    def asked(self, model: type[M]) -> M:
        """What a program's JSON asks for."""
        try:
            return model.model_validate_json(self.document)
        except ValidationError as error:
            wrong = error.errors(include_input=False, include_url=False)
            said = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in wrong)
            raise ProblemError(422, "not_a_form", said) from error

    def page(self, template: str, *, status: int = 200, **context: object) -> Response:
        """A page, made from its template."""
        text = self.desk.templates.get_template(template).render(**self.words(), **context)
        response = HTMLResponse(text, status_code=status)
        if self.form_token:
            self._keep(response, FORM_COOKIE, self.form_token, strict=True)
        return response

    def words(self) -> dict[str, Any]:
        """What every template may use."""
        return {
            "visit": self,
            "settings": self.desk.settings,
            "now": self.now,
            "t": self.wording.text,
            "count": self.wording.count,
            "known": self.wording.known,
            "said": self.wording.said,
            "bounded": self.wording.bounded,
            "time": self.wording.time,
            "clock": self.wording.clock,
            "short": self.wording.short,
            "day": self.wording.day,
            "local_day": self.wording.local_day,
            "since": self.wording.since,
        }

    def go(self, path: str, **query: str) -> Response:
        """Send the visitor on after something was done (303), with what to say about it."""
        return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, status_code=303)

    def keep_language(self, response: Response, language: str) -> None:
        """Remember the language of somebody who is not logged in."""
        self._keep(response, LANGUAGE_COOKIE, language, strict=False)

    def open_session(self, response: Response, token: str) -> None:
        """Give the browser its session; it ends with the browser."""
        settings = self.desk.settings
        response.set_cookie(
            settings.cookie, token, path="/", secure=settings.secure, httponly=True, samesite="lax"
        )
        response.delete_cookie(
            FORM_COOKIE, path="/", secure=settings.secure, httponly=True, samesite="strict"
        )

    def close_session(self, response: Response) -> None:
        """Take the session's cookie back."""
        settings = self.desk.settings
        response.delete_cookie(
            settings.cookie, path="/", secure=settings.secure, httponly=True, samesite="lax"
        )

    def _keep(self, response: Response, name: str, value: str, *, strict: bool) -> None:
        response.set_cookie(
            name,
            value,
            path="/",
            secure=self.desk.settings.secure,
            httponly=True,
            samesite="strict" if strict else "lax",
        )


async def admit(request: Request) -> Visit:
    """Let a visitor in: session, right, and for what changes something the token of our own form.

    Runs before every endpoint. An endpoint that declared no right is answered with 403 for everybody.
    """
    desk: Desk = request.app.state.desk
    right = required(request.scope["endpoint"])
    program = request.url.path.startswith(API)
    token = _bearer(request) if program else request.cookies.get(desk.settings.cookie, "")
    session = await desk.accounts.session(token, use=right is not Right.PUBLIC) if token else None
    visit = Visit(
        request=request,
        desk=desk,
        session=session,
        wording=_wording(desk, request, session),
        now=desk.journal.clock.now(),
    )
    if session is None and not program:
        visit.form_token = request.cookies.get(FORM_COOKIE, "") or secrets.token_urlsafe(32)
    request.state.visit = visit
    if right is None:
        raise ProblemError(403, "forbidden")
    if "\0" in request.url.path:
        raise ProblemError(404, "not_found")
    if session is None and right is not Right.PUBLIC:
        raise NotSignedInError
    if right not in rights_of(session.user.roles if session else ()) and right is not Right.PUBLIC:
        raise ProblemError(403, "forbidden")
    if request.method not in SAFE_METHODS and program:
        visit.document = await _document(request)
    elif request.method not in SAFE_METHODS:
        visit.form = await _form(request)
        _check_token(visit)
    return visit


Visiting = Annotated[Visit, Depends(admit)]


def login_path(request: Request) -> str:
    """Where somebody who must log in is sent, and comes back from."""
    if request.method != "GET":
        return "/login"
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"


@cache
def shared_templates() -> Environment:
    """Jinja2 that escapes everything and refuses a name that is not there; each template is compiled once."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["path"] = lambda value: quote(str(value), safe="")
    environment.filters["wire_name"] = command_name
    environment.filters["masked_email"] = masked_email
    return environment


def new_wordings(settings: ConsoleSettings) -> dict[str, Wording]:
    """The catalogues in all languages."""
    return load(settings.time_zone)


def plain_wording(request: Request) -> Wording:
    """The language for an answer to somebody who was not let in."""
    desk: Desk = request.app.state.desk
    return _wording(desk, request, None)


def _wording(desk: Desk, request: Request, session: Session | None) -> Wording:
    chosen = session.user.language if session else request.cookies.get(LANGUAGE_COOKIE, "")
    return desk.wordings[chosen if chosen in LANGUAGES else desk.settings.language]


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _document(request: Request) -> bytes:
    if request.method == "DELETE":
        return b""
    if _content_type(request) != "application/json":
        _refuse(415, "not_a_form")
    return await _body(request, MAX_DOCUMENT) or b"{}"


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _form(request: Request) -> dict[str, str]:
    if _content_type(request) != "application/x-www-form-urlencoded":
        _refuse(415, "not_a_form")
    try:
        pairs = parse_qsl(
            (await _body(request, MAX_FORM)).decode(), keep_blank_values=True, max_num_fields=30
        )
    except ValueError:
        _refuse(400, "not_a_form")
    if len({name for name, _ in pairs}) != len(pairs) or any("\0" in value for _, value in pairs):
        _refuse(400, "not_a_form")
    return dict(pairs)


async def _body(request: Request, most: int) -> bytes:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                _refuse(413, "too_large")
    except ClientDisconnect:
        _refuse(400, "not_a_form")
    return body


def _check_token(visit: Visit) -> None:
    expected = visit.session.csrf if visit.session else visit.request.cookies.get(FORM_COOKIE, "")
    given = visit.form.get("csrf", "")
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise ProblemError(403, "stale_form")


def _refuse(status: int, code: str) -> NoReturn:
    raise ProblemError(status, code)
