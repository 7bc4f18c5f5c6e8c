"""Logging in and out, the language, and the accessibility statement."""

from fastapi import APIRouter
from starlette.responses import Response

from console.access import Right, requires
from console.accounts import Refusal
from console.desk import ProblemError, Visit, Visiting
from console.wording import LANGUAGES

router = APIRouter()


@router.get("/login")
@requires(Right.PUBLIC)
async def log_in_form(visit: Visiting) -> Response:
    """The form, or the start page for somebody who is in already."""
    if visit.session:
        return visit.go("/")
    return visit.page("login.html", next=visit.query("next"), refusal="", name="")


@router.post("/login")
@requires(Right.PUBLIC)
async def log_in(visit: Visiting) -> Response:
    """Begin a session. Wrong and unknown names are told the same."""
    name = visit.form.get("name", "").strip().lower()[:100]
    answer = await visit.desk.accounts.log_in(name, visit.form.get("password", ""))
    if isinstance(answer, Refusal):
        await visit.desk.journal.audit(await _known(visit, name), "log_in_refused", answer.value)
        return visit.page(
            "login.html", status=401, next=visit.form.get("next", ""), refusal=answer.value, name=name
        )
    await visit.desk.journal.audit(name, "logged_in", name)
    response = visit.go(own_path(visit.form.get("next", "")))
    visit.open_session(response, answer)
    return response


async def _known(visit: Visit, name: str) -> str:
    """The name of an account, or a dash: what somebody types by mistake may be an address, or a password."""
    return name if any(user.name == name for user in await visit.desk.accounts.names()) else "-"


@router.post("/logout")
@requires(Right.SIGNED_IN)
async def log_out(visit: Visiting) -> Response:
    """End the session, here and on the server."""
    if visit.session:
        await visit.desk.accounts.log_out(visit.session)
        await visit.desk.journal.audit(visit.actor, "logged_out", visit.actor)
    response = visit.go("/login")
    visit.close_session(response)
    return response


@router.post("/language")
@requires(Right.PUBLIC)
async def choose_language(visit: Visiting) -> Response:
    """Switch the language, for good when logged in."""
    language = visit.form.get("language", "")
    if language not in LANGUAGES:
        raise ProblemError(422, "not_a_form")
    response = visit.go(own_path(visit.form.get("next", "")))
    visit.keep_language(response, language)
    if visit.session:
        await visit.desk.accounts.choose_language(visit.session.user.name, language)
    return response


@router.get("/accessibility")
@requires(Right.PUBLIC)
async def accessibility(visit: Visiting) -> Response:
    """The accessibility statement that the law asks for."""
    return visit.page("accessibility.html")


def own_path(wanted: str) -> str:
    """A path of this console; anything that could lead elsewhere becomes the start page."""
    if not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted or not wanted.isprintable():
        return "/"
    return wanted
