"""One request for a page: who asks, in which language, and how a page is shown. Every answer is guarded alike."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from adapters.acmidm.sessions import Session
from adapters.acmidm.settings import Pages
from adapters.acmidm.wording import Wording


class PageProblemError(Exception):
    """The request ends here with a page that explains; `code` names its text."""

    def __init__(self, status: int, code: str, *, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request at the pages of one portal. `base` is where they are mounted, without a slash at the end."""

    request: Request
    portal: str
    base: str
    settings: Pages
    session: Session | None
    wording: Wording
    cookies: "CookieNames"
    answer_headers: dict[str, str] = field(default_factory=dict[str, str])

    def page(self, template: str, status: int = 200, **words: Any) -> Response:
        """A page; nothing in it is trusted."""
        text = templates().get_template(template).render(visit=self, t=self.wording.text, **words)
        return HTMLResponse(text, status, headers=self.answer_headers)

    def to(self, path: str) -> Response:
        """Go on at another of our pages."""
        return RedirectResponse(f"{self.base}{path}", 303, headers=self.answer_headers)

    def problem(self, problem: PageProblemError) -> Response:
        """What went wrong in plain words, with a number that is in the log."""
        return self.page(
            "problem.html", problem.status, code=problem.code, number=self.answer_headers["x-problem"]
        )

    @property
    def style(self) -> str:
        """Address of the style sheet; it changes with its content."""
        return f"{self.base}/portal.css?v={style_version()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieNames:
    """`__Host-` makes the browser refuse a cookie over http or from other hosts."""

    session: str
    log_in: str
    language: str


def cookie_names(instance: str, *, secure: bool) -> CookieNames:
    """The cookies of one portal: two portals of one hub do not share a session."""
    start = f"__Host-{instance}" if secure else instance
    return CookieNames(session=start, log_in=f"{start}-login", language=f"{start}-taal")


def set_cookie(answer: Response, name: str, value: str, *, secure: bool, seconds: int | None = None) -> None:
    """A cookie that scripts and other sites do not get; it may come along when the provider sends somebody back."""
    answer.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


def drop_cookie(answer: Response, name: str, *, secure: bool) -> None:
    """Have the browser forget it."""
    answer.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")


def guarding_headers(form_targets: tuple[str, ...], *, secure: bool) -> Mapping[str, str]:
    """What guards every answer. Log-out leads to the provider by way of a form: its place is allowed for that."""
    targets = " ".join(("'self'", *form_targets))
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
    return {**headers, "Strict-Transport-Security": "max-age=31536000"} if secure else headers


def problem_number() -> str:
    """What a customer can tell on the phone."""
    return secrets.token_hex(4)


@cache
def templates() -> Environment:
    """The pages; a word that nobody gave is an error, not a gap."""
    return Environment(
        loader=PackageLoader("adapters.acmidm"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def own_file(name: str) -> bytes:
    """A file that the pages refer to."""
    return (resources.files("adapters.acmidm") / "static" / name).read_bytes()


@cache
def style_version() -> str:
    """Changes with the style sheet."""
    return sha256(own_file("portal.css")).hexdigest()[:12]
